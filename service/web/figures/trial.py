"""One trial: all that it reported."""

from __future__ import annotations

from typing import Any

from service.errors import FieldFault, InvalidInput
from service.models import Report
from service.web.figures.figure import CATEGORIES, OTHER, Figure, Options, count, empty, value_axis
from service.web.source import Source

_MOST_FACETS = 9
_BYTES = "_bytes"


def trial(source: Source, options: Options) -> Figure:
    """Every metric and every measured resource of one trial over its epochs; attempts that repeated epochs in grey."""
    if options.trial is None:
        raise InvalidInput.of(FieldFault(path="trial", message="got nothing, must be the number of a trial; add it"))
    title = f"Trial {options.trial}"
    reports = source.reports(options.trial)
    if not reports:
        return empty(title, "It has reported nothing yet.")
    measures = _measures(reports, source.metric)[:_MOST_FACETS]
    columns = min(3, len(measures))
    layout: dict[str, Any] = {
        "grid": {
            "rows": -(-len(measures) // 3),
            "columns": columns,
            "pattern": "independent",
            "ygap": 0.5,
            "xgap": 0.25,
        },
        "showlegend": False,
    }
    traces = []
    for place, (kind, name) in enumerate(measures):
        suffix = "" if place == 0 else str(place + 1)
        values = [value for report in reports if (value := _value(report, kind, name)) is not None]
        layout[f"xaxis{suffix}"] = {"title": {"text": "epoch"}}
        layout[f"yaxis{suffix}"] = value_axis(_unit(name), values)
        for is_seen in (False, True):
            of_kind = [report for report in reports if report.seen == is_seen]
            if of_kind:
                traces.append(_line(of_kind, kind, name, suffix, is_seen=is_seen))
    return Figure(
        title=title,
        note=count(len(reports), len(reports), "reports") + "; grey: epochs that a later attempt repeated",
        traces=traces,
        layout=layout,
        shown=len(reports),
        of=len(reports),
    )


def _measures(reports: list[Report] | Any, metric: str) -> list[tuple[str, str]]:
    """The objective, the other metrics, and what the epochs cost."""
    metrics = dict.fromkeys(name for report in reports for name in report.metrics)
    resources = dict.fromkeys(name for report in reports for name in report.resources or ())
    first = [("metrics", metric)] if metric in metrics else []
    return [*first, *(("metrics", n) for n in metrics if n != metric), *(("resources", n) for n in resources)]


def _value(report: Report, kind: str, name: str) -> float | None:
    value = (getattr(report, kind) or {}).get(name)
    return value / 2**20 if value is not None and name.endswith(_BYTES) else value


def _unit(name: str) -> str:
    """The name with its unit: seconds, MiB or samples per second, as the names of measures tell."""
    if name.endswith(_BYTES):
        return f"{name.removesuffix(_BYTES)} (MiB)"
    if name.endswith("_per_s"):
        return f"{name.removesuffix('_per_s')} (1/s)"
    return f"{name.removesuffix('_s')} (s)" if name.endswith("_s") else name


def _line(reports: list[Report], kind: str, name: str, suffix: str, *, is_seen: bool) -> dict[str, Any]:
    colour = (CATEGORIES[0] if kind == "metrics" else CATEGORIES[2]) if is_seen else OTHER
    return {
        "type": "scatter",
        "mode": "lines+markers" if len(reports) < 60 else "lines",
        "name": name if is_seen else f"{name}, repeated",
        "xaxis": f"x{suffix}",
        "yaxis": f"y{suffix}",
        "x": [report.epoch for report in reports],
        "y": [_value(report, kind, name) for report in reports],
        "customdata": [report.attempt for report in reports],
        "hovertemplate": "epoch %{x}, attempt %{customdata}: %{y:.4g}<extra></extra>",
        "line": {"color": colour, "dash": "solid" if is_seen else "dot"},
        "marker": {"size": 5},
    }
