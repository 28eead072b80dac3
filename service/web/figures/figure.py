"""A figure as data, and what all figures have in common: title, axes, colours, how many of how many points."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

Trace = dict[str, Any]
"""A trace in Plotly's terms."""

Theme = Literal["light", "dark"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Options:
    """What whoever looks at a figure may choose.

    Attributes:
        x: axis of the history: epochs spent, or time.
        parameters: names that slice, contour and parallel coordinates are limited to; empty: those that matter most.
        trial: whom the figure of one trial shows.
        theme: light or dark.
    """

    x: Literal["epochs", "time"] = "epochs"
    parameters: tuple[str, ...] = ()
    trial: int | None = None
    theme: Theme = "light"


@dataclass(frozen=True, kw_only=True, slots=True)
class Figure:
    """A figure.

    Attributes:
        title: what it shows.
        note: how many points of how many, and what else must be known to read it; the subtitle.
        traces: in Plotly's terms.
        layout: axes, lines and annotations; `dressed` adds what is common to all.
        shown: points drawn.
        of: points there are.
    """

    title: str
    note: str
    traces: Sequence[Trace]
    layout: Mapping[str, Any] = field(default_factory=dict)
    shown: int
    of: int

    def dressed(self, theme: Theme) -> dict[str, Any]:
        """`data` and `layout` as Plotly takes them, in the colours of a theme."""
        ink, paper, grid = _THEMES[theme]
        axes = {
            name: {"gridcolor": grid, "zerolinecolor": grid, "linecolor": grid, "automargin": True, **axis}
            for name, axis in self.layout.items()
            if name.startswith(("xaxis", "yaxis"))
        }
        layout = {
            "title": {
                "text": self.title,
                "subtitle": {"text": self.note, "font": {"size": 12}},
                "x": 0,
                "xref": "paper",
            },
            "font": {"color": ink, "size": 13, "family": "system-ui, sans-serif"},
            "paper_bgcolor": paper,
            "plot_bgcolor": paper,
            "margin": {"l": 60, "r": 20, "t": 84, "b": 56},
            "legend": {"orientation": "h", "y": 1.0, "yanchor": "bottom", "x": 1, "xanchor": "right"},
            "hovermode": "closest",
            "uirevision": "kept",  # a new version of the figure keeps zoom, selection and hidden traces
            "meta": {"shown": self.shown, "of": self.of},
            **self.layout,
            **axes,
        }
        return {"data": list(self.traces), "layout": layout}


CATEGORIES = ("#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9", "#B2A100", "#7F7F7F")
"""Okabe and Ito's colours, which people tell apart however they see colours; the yellow is darker, for white paper."""

OTHER = "#7F7F7F"
"""The colour of what is not one of the categories."""

SEQUENTIAL = "Cividis"
"""The scale of ordered values: even in lightness, alike to all eyes."""

STATES: Mapping[str, tuple[str, str, str]] = {
    "completed": ("#009E73", "circle", "solid"),
    "running": ("#0072B2", "diamond", "solid"),
    "stopped": ("#E69F00", "x", "solid"),
    "paused": ("#CC79A7", "square", "dot"),
    "failed": ("#D55E00", "cross", "dash"),
    "cancelled": ("#7F7F7F", "triangle-down", "dash"),
    "pending": ("#56B4E9", "circle-open", "dot"),
}
"""Of each state of a trial its colour, marker and line: never the colour alone."""

_THEMES: Mapping[Theme, tuple[str, str, str]] = {
    "light": ("#1b1f24", "#ffffff", "#e3e6ea"),
    "dark": ("#e6e9ee", "#14181d", "#2b323a"),
}


def count(shown: int, of: int, what: str) -> str:
    """How many points a figure shows and of how many, e.g. `200 of 1,000 trials`."""
    return f"all {of:,} {what}" if shown == of else f"{shown:,} of {of:,} {what}"


def empty(title: str, why: str) -> Figure:
    """A figure without points that says why."""
    note = {"text": why, "showarrow": False, "xref": "paper", "yref": "paper", "x": 0.5, "y": 0.5}
    hidden = {"visible": False}
    return Figure(
        title=title,
        note="no points yet",
        traces=[],
        layout={"annotations": [note], "xaxis": hidden, "yaxis": hidden},
        shown=0,
        of=0,
    )


def spread(items: Sequence[Any], most: int) -> list[Any]:
    """At most so many of the items, evenly spread over their order; the first is always there."""
    if len(items) <= most:
        return list(items)
    return [items[place * len(items) // most] for place in range(most)]


def value_axis(title: str, values: Sequence[float]) -> dict[str, Any]:
    """An axis of metric values: logarithmic where they are positive and span more than a decade and a half."""
    wide = bool(values) and min(values) > 0 and max(values) / min(values) > 30
    return {"title": {"text": title}, "type": "log" if wide else "linear"}
