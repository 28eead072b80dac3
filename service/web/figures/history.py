"""The best value so far over what was spent."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from service.store import Milestone
from service.web.figures.figure import CATEGORIES, OTHER, Figure, Options, count, empty, spread, value_axis
from service.web.source import Source

_MOST = 1500
"""Dots drawn at most."""


def history(source: Source, options: Options) -> Figure:
    """The best value so far, over the epochs that all trials trained or over time; a dot for each trial."""
    title = f"Best {source.metric} so far"
    course = source.milestones
    if not course:
        return empty(title, "No trial has reported a finite value yet.")
    is_exact = course[-1].spent is not None
    by_epochs = options.x == "epochs" and is_exact
    at: Callable[[Milestone], float] = _spent if by_epochs else lambda m: (m.ended_at - source.began).total_seconds()
    records = _records(course, is_min=source.is_min)
    dots = spread(course, _MOST)
    best = records[-1]
    line = [*records, max(course, key=at)]
    values = [best.value] * (len(line) - len(records))
    traces: list[dict[str, Any]] = [
        {
            "type": "scatter",
            "mode": "markers",
            "name": "a trial at the epoch it counts by",
            "x": [at(m) for m in dots],
            "y": [m.value for m in dots],
            "customdata": [[m.trial, m.epoch] for m in dots],
            "hovertemplate": "trial %{customdata[0]}, epoch %{customdata[1]}: %{y:.4g}<extra></extra>",
            "marker": {"color": OTHER, "size": 5, "opacity": 0.55},
        },
        {
            "type": "scatter",
            "mode": "lines+markers" if len(line) < 40 else "lines",
            "name": "best so far",
            "x": [at(m) for m in line],
            "y": [m.value for m in records] + values,
            "customdata": [[m.trial, m.epoch] for m in [*records, *([best] * len(values))]],
            "hovertemplate": "best %{y:.4g}, trial %{customdata[0]}, epoch %{customdata[1]}<extra></extra>",
            "line": {"color": CATEGORIES[0], "width": 2.5, "shape": "hv"},
        },
    ]
    spent = "epochs trained by all trials together" if by_epochs else "time since the first start (s)"
    how = "" if is_exact else "; too many reports to count epochs: records between a trial's own best are left out"
    mark = {
        "x": at(best),
        "y": best.value,
        "text": f"{best.value:.4g}: trial {best.trial}, epoch {best.epoch}",
        "showarrow": True,
        "arrowhead": 2,
        "ax": 0,
        "ay": 34 if source.is_min else -34,
    }
    axis = value_axis(f"{source.metric} ({'lower' if source.is_min else 'higher'} is better)", [m.value for m in dots])
    if axis["type"] == "log":
        mark["y"] = math.log10(best.value)
    return Figure(
        title=title,
        note=count(len(dots), len(course), "points") + how,
        traces=traces,
        layout={"xaxis": {"title": {"text": spent}}, "yaxis": axis, "annotations": [mark]},
        shown=len(dots),
        of=len(course),
    )


def _spent(milestone: Milestone) -> float:
    assert milestone.spent is not None
    return milestone.spent


def _records(course: list[Milestone], *, is_min: bool) -> list[Milestone]:
    records: list[Milestone] = []
    for milestone in course:
        if not records or (milestone.value < records[-1].value if is_min else milestone.value > records[-1].value):
            records.append(milestone)
    return records
