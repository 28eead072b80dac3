"""Learning curves."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from service.store import TrialRow
from service.web.figures.figure import STATES, Figure, Options, count, empty, spread, value_axis
from service.web.source import Source

_MOST = 80
"""Curves drawn at most: more are a grey area."""

_BEST = 10
"""Of the trials drawn, so many are the best ones; the rest are spread evenly over all."""


def curves(source: Source, _options: Options) -> Figure:
    """Learning curves with the rungs, coloured by what became of each trial."""
    title = f"Learning curves of {source.metric}"
    chosen = _chosen(source.valued)
    if not chosen:
        return empty(title, "No trial has reported a finite value yet.")
    of_trial: dict[int, list[tuple[int, float | None]]] = defaultdict(list)
    for point in source.curves([trial.number for trial in chosen]):
        of_trial[point.trial].append((point.epoch, point.value))
    best = chosen[0]
    traces = [
        _lines(state, [trial for trial in chosen if trial.state == state and trial is not best], of_trial)
        for state in STATES
        if any(trial.state == state and trial is not best for trial in chosen)
    ]
    traces.append(_best(best, of_trial[best.number]))
    finite = [value for curve in of_trial.values() for _, value in curve if value is not None]
    lines = [
        {
            "type": "line",
            "x0": epoch,
            "x1": epoch,
            "yref": "paper",
            "y0": 0,
            "y1": 1,
            "line": {"dash": "dot", "width": 1, "color": "#7F7F7F"},
        }
        for epoch in source.rungs
    ]
    names = [
        {
            "x": epoch,
            "y": 1,
            "yref": "paper",
            "yanchor": "bottom",
            "showarrow": False,
            "text": f"r{place}",
            "font": {"size": 11},
        }
        for place, epoch in enumerate(source.rungs)
    ]
    shown = count(len(chosen), len(source.valued), "trials")
    dotted = "; dotted: rungs" if lines else ""
    return Figure(
        title=title,
        note=f"{shown}, the {min(_BEST, len(chosen))} best among them{dotted}",
        traces=traces,
        layout={
            "xaxis": {"title": {"text": "epoch"}, "rangemode": "tozero"},
            "yaxis": value_axis(source.metric, finite),
            "shapes": lines,
            "annotations": names,
            "legend": {"orientation": "h", "y": -0.3, "x": 0},
        },
        shown=len(chosen),
        of=len(source.valued),
    )


def _chosen(valued: list[TrialRow]) -> list[TrialRow]:
    """The best ones, the best first, and others evenly from the rest."""
    return valued[:_BEST] + spread(valued[_BEST:], _MOST - _BEST)


def _lines(state: str, trials: list[TrialRow], of_trial: dict[int, list[tuple[int, float | None]]]) -> dict[str, Any]:
    """All curves of one state as one trace: gaps between them are cheaper than traces."""
    colour, marker, dash = STATES[state]
    x: list[int | None] = []
    y: list[float | None] = []
    who: list[int | None] = []
    sizes: list[int] = []
    for trial in trials:
        curve = of_trial[trial.number]
        x += [epoch for epoch, _ in curve] + [None]
        y += [value for _, value in curve] + [None]
        who += [trial.number] * len(curve) + [None]
        sizes += [0] * (len(curve) - 1) + [6, 0][: 2 if curve else 1]
    return {
        "type": "scatter",
        "mode": "lines+markers",
        "name": state,
        "x": x,
        "y": y,
        "customdata": who,
        "hovertemplate": f"trial %{{customdata}} ({state}), epoch %{{x}}: %{{y:.4g}}<extra></extra>",
        "line": {"color": colour, "width": 1.2, "dash": dash},
        "marker": {"symbol": marker, "size": sizes, "color": colour},
        "opacity": 0.75,
    }


def _best(trial: TrialRow, curve: list[tuple[int, float | None]]) -> dict[str, Any]:
    colour, _, _ = STATES[trial.state]
    return {
        "type": "scatter",
        "mode": "lines+markers",
        "name": f"best: trial {trial.number} ({trial.state})",
        "x": [epoch for epoch, _ in curve],
        "y": [value for _, value in curve],
        "customdata": [trial.number] * len(curve),
        "hovertemplate": "trial %{customdata}, the best, epoch %{x}: %{y:.4g}<extra></extra>",
        "line": {"color": colour, "width": 4},
        "marker": {
            "symbol": "star",
            "size": [14 if epoch == trial.best_epoch else 0 for epoch, _ in curve],
            "color": colour,
        },
    }
