"""Where the values of parameters and objective lie on their axes: what figures draw by, and the table filters by."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from service.store import TrialRow
from service.web.source import Axis, Source

VALUE = "value"
"""The objective among the scales."""

ABSENT = -1.0
"""Coordinate of a parameter that is inactive, or whose value the space does not have."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Scale:
    """An axis from 0 to 1.

    Attributes:
        low: text at 0.
        high: text at 1.
        place: where a trial lies; None where it has no such value.
    """

    low: str
    high: str
    place: Callable[[TrialRow], float | None]


def scales(source: Source) -> dict[str, Scale]:
    """The scale of each parameter that varies, in the order of the space, and of the objective under VALUE."""
    found = {axis.name: _scale(axis, source.search.spec["space"][axis.name]) for axis in source.axes}
    if source.valued:
        found[VALUE] = _objective(source)
    return found


def coordinate(axis: Axis, value: Any) -> float:
    """Where a value lies in its own unit: its logarithm on a log axis, its place among choices; else ABSENT."""
    if axis.choices is not None:
        return float(axis.choices.index(value)) if value in axis.choices else ABSENT
    if isinstance(value, int | float) and not (axis.is_log and value <= 0):
        return float(np.log10(value)) if axis.is_log else float(value)
    return ABSENT


def text(choice: Any) -> str:
    """A choice as an axis names it."""
    return str(choice).lower() if isinstance(choice, bool) else str(choice)


def _scale(axis: Axis, entry: dict[str, Any]) -> Scale:
    if axis.choices is not None:
        last = float(max(1, len(axis.choices) - 1))
        return Scale(low=text(axis.choices[0]), high=text(axis.choices[-1]), place=_between(axis, 0.0, last))
    ends = entry["low"], entry["high"]
    low, high = (coordinate(axis, end) for end in ends)
    return Scale(low=f"{ends[0]:g}", high=f"{ends[1]:g}", place=_between(axis, low, high))


def _between(axis: Axis, low: float, high: float) -> Callable[[TrialRow], float | None]:
    wide = high - low or 1.0

    def place(trial: TrialRow) -> float | None:
        return (coordinate(axis, trial.config[axis.name]) - low) / wide if axis.name in trial.config else None

    return place


def _objective(source: Source) -> Scale:
    values = [trial.value for trial in (source.valued[0], source.valued[-1]) if trial.value is not None]
    low, high = min(values), max(values)
    wide = high - low or 1.0

    def place(trial: TrialRow) -> float | None:
        return None if trial.value is None else (trial.value - low) / wide

    return Scale(low=f"{low:.4g}", high=f"{high:.4g}", place=place)
