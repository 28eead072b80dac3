"""The table of trials: filtered by state and by stretches of axes, sorted by any column, one page of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from service.errors import FieldFault, InvalidInput
from service.store import TrialRow
from service.web.scales import scales
from service.web.source import Source

COLUMNS = ("number", "state", "value", "best_epoch", "epoch", "attempts", "started_at", "ended_at")
"""What can be sorted by besides parameters."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Query:
    """Which trials, and in which order.

    Attributes:
        states: only those in one of these; empty: all.
        within: name of a parameter, or `value`, to the stretch of its axis from 0 to 1 that a trial lies in.
        sort: one of COLUMNS, or a parameter's name. Trials without such a value come last either way.
        descending: the highest first.
    """

    states: frozenset[str] = frozenset()
    within: Mapping[str, tuple[float, float]]
    sort: str = "number"
    descending: bool = False


def rows_of(source: Source, query: Query) -> list[TrialRow]:
    """The trials that the query asks for, in its order.

    Raises:
        InvalidInput: a name that is no parameter and no column.
    """
    known = scales(source) if query.within else {}  # which sorts all trials
    for name in query.within:
        if name not in known and source.valued:
            raise _unknown("within", name, known)
    places = [(known[name].place, low, high) for name, (low, high) in query.within.items() if name in known]
    chosen = [
        trial
        for trial in source.trials
        if (not query.states or trial.state in query.states)
        and all((at := place(trial)) is not None and low <= at <= high for place, low, high in places)
    ]
    take = _taker(source, query.sort)
    having = [trial for trial in chosen if take(trial) is not None]
    having.sort(key=take, reverse=query.descending)
    return having + [trial for trial in chosen if take(trial) is None]


def _taker(source: Source, sort: str) -> Callable[[TrialRow], Any]:
    if sort in COLUMNS:
        return lambda trial: getattr(trial, sort)
    axis = next((axis for axis in source.axes if axis.name == sort), None)
    if axis is None:
        raise _unknown("sort", sort, [*COLUMNS, *(axis.name for axis in source.axes)])
    if axis.choices is not None:
        order = {choice: place for place, choice in enumerate(axis.choices)}
        return lambda trial: order.get(trial.config.get(sort))
    return lambda trial: trial.config.get(sort)


def _unknown(path: str, got: str, known: Any) -> InvalidInput:
    return InvalidInput.of(FieldFault(path=path, message=f"got {got!r}, must be one of {', '.join(known)}; correct it"))
