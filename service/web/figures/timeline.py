"""Who held which gang, and when."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from service.store import Span
from service.web.figures.figure import STATES, Figure, Options, count, empty
from service.web.source import Source

_MOST = 600
"""Attempts drawn at most, the newest."""

_MOST_GANGS = 40
"""Rows drawn at most: more are illegible."""

_LOOK = {
    "busy": (STATES["running"][0], "an attempt that ended as it should, or runs"),
    "paused": (STATES["paused"][0], "paused or displaced: the trial goes on elsewhere"),
    "broken": (STATES["failed"][0], "crashed, lost or failed"),
    "cancelled": (STATES["cancelled"][0], "cancelled"),
}
_KIND = {
    "paused": "paused",
    "displaced": "paused",
    "failed": "broken",
    "crashed": "broken",
    "lost": "broken",
    "cancelled": "cancelled",
}


def timeline(source: Source, _options: Options) -> Figure:
    """Each attempt as a bar in the row of its gang; what lies between two bars was idle, or a reset."""
    title = "Gangs over time"
    spans = [span for span in source.spans(_MOST) if span.gang is not None]
    if not spans:
        return empty(title, "No gang has reported yet.")
    gangs = list(dict.fromkeys(str(span.gang) for span in reversed(spans)))[-_MOST_GANGS:]
    row = {gang: place for place, gang in enumerate(gangs)}
    drawn = [span for span in spans if span.gang in row]
    now = source.search.ended_at or max(_end(span) for span in drawn)
    traces = [_bars(kind, [s for s in drawn if _kind(s) == kind], row, source.began, now) for kind in _LOOK]
    busy = sum(((span.ended_at or now) - span.started_at).total_seconds() for span in drawn)
    first = min(span.started_at for span in drawn)
    all_s = max(1e-9, (now - first).total_seconds()) * len(gangs)
    shown = count(len(drawn), source.num_attempts, "attempts")
    return Figure(
        title=title,
        note=f"{shown} on {len(gangs)} gangs, busy {busy / all_s:.0%} of the time",
        traces=[trace for trace in traces if trace["x"]],
        layout={
            "xaxis": {"title": {"text": "time since the first start (s)"}},
            "yaxis": {
                "title": {"text": "gang"},
                "tickvals": list(range(len(gangs))),
                "ticktext": [gang[-8:] for gang in gangs],
                "range": [-0.7, len(gangs) - 0.3],
            },
        },
        shown=len(drawn),
        of=source.num_attempts,
    )


def _kind(span: Span) -> str:
    return _KIND.get(span.outcome or "", "busy")


def _end(span: Span) -> datetime:
    return span.ended_at or span.started_at


def _bars(kind: str, spans: list[Span], row: dict[str, int], began: datetime, now: datetime) -> dict[str, Any]:
    colour, name = _LOOK[kind]
    return {
        "type": "bar",
        "orientation": "h",
        "name": name,
        "base": [(span.started_at - began).total_seconds() for span in spans],
        "x": [((span.ended_at or now) - span.started_at).total_seconds() for span in spans],
        "y": [row[str(span.gang)] for span in spans],
        "width": 0.7,
        "customdata": [[span.trial, span.number, span.outcome or "running"] for span in spans],
        "hovertemplate": "trial %{customdata[0]}, attempt %{customdata[1]}: %{customdata[2]}<extra></extra>",
        "marker": {"color": colour, "line": {"width": 0.5, "color": "#ffffff"}},
    }
