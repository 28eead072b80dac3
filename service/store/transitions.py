"""The one place that writes the state of a search or trial. Which edges there are is in `service.states`."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Connection, Table, func, select, update

from service.errors import IllegalTransition, NotFound
from service.states import SearchState, TrialState, search_sources, trial_sources
from service.store.events import EventKind
from service.store.journal import append
from service.store.tables import searches, trials


def move_search(connection: Connection, search: str, to: SearchState, reason: str) -> None:
    """Moves a search along an edge and leaves its event.

    Raises:
        ValueError: the reason is empty.
        NotFound: no such search.
        IllegalTransition: the diagram has no such edge from its state.
    """
    require_reason(reason)
    origin = _move(
        connection,
        searches,
        searches.c.id == search,
        f"search {search}",
        to=to,
        sources=search_sources(to),
        values={
            "state_reason": reason,
            **_times(searches, starts=to is SearchState.RUNNING, ends=to.is_terminal),
        },
    )
    append(connection, search, EventKind.SEARCH_STATE, {"from": origin, "to": to, "reason": reason})


def move_trial(
    connection: Connection,
    search: str,
    trial: int,
    to: TrialState,
    reason: str,
    *,
    displaced: bool = False,
    values: Mapping[str, Any] | None = None,
) -> None:
    """Moves a trial along an edge and leaves its event.

    Args:
        displaced: for paused: not by the scheduler.
        values: further columns to set together with the state.

    Raises:
        ValueError: the reason is empty.
        NotFound: no such trial.
        IllegalTransition: the diagram has no such edge from its state.
    """
    require_reason(reason)
    origin = _move(
        connection,
        trials,
        (trials.c.search == search) & (trials.c.number == trial),
        f"trial {trial} of search {search}",
        to=to,
        sources=trial_sources(to),
        values={
            "state_reason": reason,
            "displaced": displaced,
            **_times(trials, starts=to is TrialState.RUNNING, ends=to.is_terminal),
            **(values or {}),
        },
    )
    data = {"from": origin, "to": to, "reason": reason, "displaced": displaced}
    append(connection, search, EventKind.TRIAL_STATE, data, trial=trial)


def require_reason(reason: str) -> None:
    """Refuses an empty reason: an end that nobody can explain must not be possible to write.

    Raises:
        ValueError: the reason is empty.
    """
    if not reason.strip():
        raise ValueError("reason: got nothing, must say why; name the rule and its numbers")


def illegal(label: str, state: str, legal: Collection[StrEnum], verb: str) -> IllegalTransition:
    """The error of a verb that the present state does not allow."""
    must = ", ".join(sorted(legal)) or "in no state at all"
    return IllegalTransition(f"{label}: got state {state}, must be {must} to {verb}; read its present state first")


def _move(
    connection: Connection,
    table: Table,
    where: ColumnElement[bool],
    label: str,
    *,
    to: SearchState | TrialState,
    sources: Collection[StrEnum],
    values: Mapping[str, Any],
) -> str:
    """Sets the state where an edge leads to it; returns the state before."""
    # The lock keeps the state that the event names as `from` what it is until the update.
    state = connection.scalar(select(table.c.state).where(where).with_for_update())
    if state is None:
        raise NotFound(f"{label}: got no such row, must exist; list what there is first")
    change = update(table).where(where, table.c.state.in_(sources)).values(state=to, **values)
    if connection.execute(change).rowcount == 0:
        raise illegal(label, state, sources, f"become {to}")
    return str(state)


def _times(table: Table, *, starts: bool, ends: bool) -> dict[str, Any]:
    now = datetime.now(UTC)
    begun = {"started_at": func.coalesce(table.c.started_at, now)} if starts else {}
    return begun | ({"ended_at": now} if ends else {})
