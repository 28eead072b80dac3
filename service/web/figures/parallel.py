"""Parallel coordinates, of lines and dots: Plotly's own kind of trace needs WebGL (see the package's docstring)."""

from __future__ import annotations

from typing import Any

import numpy as np

from service.store import TrialRow
from service.web.figures.figure import Figure, Options, count, empty, spread
from service.web.scales import VALUE, Scale, scales
from service.web.source import Source

_MOST = 300
"""Lines drawn at most."""

_BANDS = 8
"""Colours of lines: equal shares of the trials, by their value."""

_COLOURS = ("#fdea45", "#dcc65d", "#bba66c", "#9b8b74", "#7d7278", "#5f5c6d", "#3c4d6e", "#00224d")
"""Cividis from its light end, for bands from the worst to the best; dark themes take them the other way round."""


def parallel(source: Source, options: Options) -> Figure:
    """One line a trial through all its parameters to the objective; select dots of an axis to filter the table."""
    title = "Parallel coordinates"
    wanted = options.parameters or tuple(axis.name for axis in source.axes)
    axes = [axis for axis in source.axes if axis.name in wanted]
    trials = spread(source.valued, _MOST)
    if not trials or not axes:
        return empty(title, "No trial has reported a finite value yet, or no parameter varies.")
    known = scales(source)
    drawn = [known[axis.name] for axis in axes] + [known[VALUE]]
    bands = np.array_split(np.arange(len(trials)), min(_BANDS, len(trials)))
    colours = _COLOURS if options.theme == "light" else _COLOURS[::-1]
    traces = []
    for place, band in reversed(list(enumerate(bands))):  # the best last, on top
        colour = colours[-1 - place * len(colours) // len(bands)]
        traces.append(_lines([trials[i] for i in band], drawn, colour, place, len(bands)))
    names = [axis.name for axis in axes] + [source.metric]
    ends = [(scale.low, scale.high) for scale in drawn]
    return Figure(
        title=title,
        note=f"{count(len(trials), len(source.valued), 'trials')}; colour: by {source.metric}; "
        "a gap: the parameter was inactive",
        traces=traces,
        layout={
            "xaxis": {
                "tickvals": list(range(len(names))),
                "ticktext": [f"<b>{name}</b>" for name in names],
                "range": [-0.3, len(names) - 0.7],
                "title": {"text": "parameters, and the objective at the right"},
            },
            "yaxis": {"visible": False, "range": [-0.12, 1.12], "fixedrange": True},
            "annotations": [
                _end(x, y, text) for x, pair in enumerate(ends) for y, text in zip((0, 1), pair, strict=True)
            ],
            "shapes": [_pole(x) for x in range(len(names))],
            "dragmode": "select",
            "selectdirection": "any",
            "meta": {
                "shown": len(trials),
                "of": len(source.valued),
                "axes": [axis.name for axis in axes] + [VALUE],
            },
        },
        shown=len(trials),
        of=len(source.valued),
    )


def _lines(trials: list[TrialRow], drawn: list[Scale], colour: str, band: int, bands: int) -> dict[str, Any]:
    x: list[float | None] = []
    y: list[float | None] = []
    who: list[Any] = []
    for trial in trials:
        for place, scale in enumerate(drawn):
            x.append(place)
            y.append(scale.place(trial))
            who.append([trial.number, place])
        x.append(None)
        y.append(None)
        who.append(None)
    return {
        "type": "scatter",
        "mode": "lines+markers",
        "name": "best" if band == 0 else "worst" if band == bands - 1 else f"band {band + 1} of {bands}",
        "x": x,
        "y": y,
        "customdata": who,
        "hovertemplate": "trial %{customdata[0]}<extra></extra>",
        "line": {"color": colour, "width": 2.2 if band == 0 else 1},
        "marker": {"size": 4, "color": colour},
        "opacity": 1 if band == 0 else 0.5,
        "showlegend": band in (0, bands - 1),
    }


def _end(x: int, y: int, text: str) -> dict[str, Any]:
    return {"x": x, "y": y, "text": text, "showarrow": False, "yshift": 12 if y else -12, "font": {"size": 11}}


def _pole(x: int) -> dict[str, Any]:
    line = {"color": "#7F7F7F", "width": 1}
    return {"type": "line", "x0": x, "x1": x, "y0": 0, "y1": 1, "layer": "below", "line": line}
