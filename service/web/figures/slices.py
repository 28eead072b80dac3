"""The objective over one parameter at a time, and over two."""

from __future__ import annotations

from typing import Any

import numpy as np

from service.store import TrialRow
from service.web.figures.figure import CATEGORIES, SEQUENTIAL, Figure, Options, Theme, count, empty, spread, value_axis
from service.web.figures.forest import FEWEST, by_importance, coordinates, grow
from service.web.scales import coordinate, text
from service.web.source import Axis, Source

_MOST = 600
"""Dots drawn at most, in each facet."""

_MOST_FACETS = 6
_GRID = 40
_NOTHING = "No trial has reported a finite value yet, or no parameter varies."


def slices(source: Source, options: Options) -> Figure:
    """The objective over each parameter: one facet each, the most important first."""
    title = f"{source.metric} by parameter"
    axes = _wanted(source, options, _MOST_FACETS)
    trials = spread(source.valued, _MOST)
    if not trials or not axes:
        return empty(title, _NOTHING)
    layout: dict[str, Any] = {
        "grid": {"rows": -(-len(axes) // 3), "columns": min(3, len(axes)), "pattern": "independent"}
    }
    layout["grid"] |= {"ygap": 0.45, "xgap": 0.2}
    traces = []
    common = value_axis(source.metric, [trial.value for trial in trials if trial.value is not None])
    for place, axis in enumerate(axes):
        suffix = "" if place == 0 else str(place + 1)
        active = [trial for trial in trials if axis.name in trial.config]
        traces.append(
            _dots(axis, active, f"x{suffix}", f"y{suffix}", shows_scale=place == 0, source=source, theme=options.theme)
        )
        layout[f"xaxis{suffix}"] = parameter_axis(axis)
        layout[f"yaxis{suffix}"] = {**common, "title": {"text": source.metric if place % 3 == 0 else ""}}
    left_out = len(source.axes) - len(axes)
    note = f"{count(len(trials), len(source.valued), 'trials')}; colour: the order in which they were proposed"
    return Figure(
        title=title,
        note=note + (f"; {left_out} less important parameters left out" if left_out else ""),
        traces=traces,
        layout=layout,
        shown=len(trials),
        of=len(source.valued),
    )


def contour(source: Source, options: Options) -> Figure:
    """The objective over two parameters as a forest guesses it, all others averaged over the trials."""
    title = f"{source.metric} over two parameters"
    axes = _wanted(source, options, 2)
    forest = grow(source)
    if forest is None or len(axes) < 2:
        return empty(title, f"It takes {FEWEST} trials with a value, and two parameters that vary.")
    first, second = axes
    trials = [t for t in spread(source.valued, _MOST) if first.name in t.config and second.name in t.config]
    if not trials:
        return empty(title, f"{first.name} and {second.name} were never active together.")
    xs, ys = _grid(first, trials), _grid(second, trials)
    surface = {
        "type": "contour",
        "x": [value for value, _ in xs],
        "y": [value for value, _ in ys],
        "z": _guesses(source, forest.model, trials, (first, second), (xs, ys)),
        "colorscale": SEQUENTIAL,
        "reversescale": not source.is_min,
        "colorbar": {"title": {"text": f"{source.metric}, guessed", "side": "right"}},
        "contours": {"showlines": False},
        "hovertemplate": f"{first.name} %{{x}}, {second.name} %{{y}}: %{{z:.4g}}<extra></extra>",
    }
    best = min(trials, key=lambda t: source.valued.index(t))
    dots = {
        "type": "scatter",
        "mode": "markers",
        "x": [_shown(first, trial) for trial in trials],
        "y": [_shown(second, trial) for trial in trials],
        "customdata": [[trial.number, trial.value] for trial in trials],
        "hovertemplate": "trial %{customdata[0]}: %{customdata[1]:.4g}<extra></extra>",
        "marker": {
            "color": "#ffffff",
            "size": [13 if trial is best else 5 for trial in trials],
            "symbol": ["star" if trial is best else "circle" for trial in trials],
            "line": {"color": "#1b1f24", "width": 0.7},
        },
        "showlegend": False,
    }
    return Figure(
        title=title,
        note=f"surface: a forest's guess (R² {forest.r2:.2f} on trials held out); "
        f"dots: {count(len(trials), len(source.valued), 'trials')}; star: the best of them",
        traces=[surface, dots],
        layout={"xaxis": parameter_axis(first), "yaxis": parameter_axis(second)},
        shown=len(trials),
        of=len(source.valued),
    )


def parameter_axis(axis: Axis) -> dict[str, Any]:
    """The axis of a parameter: logarithmic where the parameter is, its choices in their order."""
    made: dict[str, Any] = {"title": {"text": axis.name}}
    if axis.choices is not None:
        return {**made, "type": "category", "categoryorder": "array", "categoryarray": [text(c) for c in axis.choices]}
    return {**made, "type": "log", "exponentformat": "power", "dtick": 1} if axis.is_log else made


def _wanted(source: Source, options: Options, most: int) -> list[Axis]:
    if options.parameters:
        by_name = {axis.name: axis for axis in source.axes}
        return [by_name[name] for name in options.parameters][:most]
    return by_importance(source)[:most]


def _dots(
    axis: Axis, trials: list[TrialRow], x: str, y: str, *, shows_scale: bool, source: Source, theme: Theme
) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "markers",
        "name": axis.name,
        "showlegend": False,
        "xaxis": x,
        "yaxis": y,
        "x": [_shown(axis, trial) for trial in trials],
        "y": [trial.value for trial in trials],
        "customdata": [trial.number for trial in trials],
        "hovertemplate": f"trial %{{customdata}}, {axis.name} %{{x}}: %{{y:.4g}}<extra></extra>",
        "marker": {
            "size": 6,
            "opacity": 0.75,
            "color": [trial.number for trial in trials],
            "cmin": 0,
            "cmax": max(1, len(source.trials) - 1),
            "colorscale": SEQUENTIAL,
            "reversescale": theme == "light",  # the newest stand out
            "showscale": shows_scale,
            "colorbar": {"title": {"text": "trial", "side": "right"}, "thickness": 12},
            "line": {"color": CATEGORIES[7], "width": 0.4},
        },
    }


def _grid(axis: Axis, trials: list[TrialRow]) -> list[tuple[Any, float]]:
    """Values along an axis, as shown and as coordinates."""
    if axis.choices is not None:
        return [(text(choice), float(place)) for place, choice in enumerate(axis.choices)]
    ends = [coordinate(axis, trial.config[axis.name]) for trial in trials]
    places = np.linspace(min(ends), max(ends), _GRID).tolist()
    return [(10**place if axis.is_log else place, place) for place in places]


def _guesses(
    source: Source, model: Any, trials: list[TrialRow], axes: tuple[Axis, Axis], grids: tuple[Any, Any]
) -> list[list[float]]:
    """Rows of guesses: at each point the mean over some trials' other parameters (partial dependence)."""
    others = coordinates(spread(trials, 12), source.axes)
    columns = [source.axes.index(axis) for axis in axes]
    (xs, ys), rows = grids, []
    for _, y in ys:
        points = np.repeat(others[None], len(xs), axis=0)
        points[:, :, columns[0]] = np.array([x for _, x in xs])[:, None]
        points[:, :, columns[1]] = y
        rows.append(points.reshape(-1, others.shape[1]))
    guessed = model.predict(np.concatenate(rows)).reshape(len(ys), len(xs), len(others)).mean(axis=2)
    found: list[list[float]] = guessed.tolist()
    return found


def _shown(axis: Axis, trial: TrialRow) -> Any:
    value = trial.config[axis.name]
    return text(value) if axis.choices is not None else value
