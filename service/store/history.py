"""What the ledger remembers of a search's decisions, in the form in which a Study is replayed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import Connection, select

from service.models import Json
from service.store.events import EventKind
from service.store.tables import events

_PROPOSALS = frozenset({EventKind.TRIAL_PROPOSED, EventKind.TRIAL_RESUMED})
_AT_ONCE = 2_000
_FACTS = frozenset({EventKind.REPORT, EventKind.STUDY_TOLD})


@dataclass(frozen=True, kw_only=True, slots=True)
class Recorded:
    """One step of a Study.

    Attributes:
        seq: sequence of the event that holds it.
        kind: `proposal` for what the Study proposed, `fact` for what it was told.
        data: the proposal or fact, as the Study's `to_dict` wrote it.
        actions: the verdicts on a fact, in their order; empty for a proposal.
        trial: whom it concerns, None for the search as a whole.
    """

    seq: int
    kind: Literal["proposal", "fact"]
    data: Json
    actions: tuple[Json, ...]
    trial: int | None


def read_history(connection: Connection, search: str) -> Iterator[Recorded]:
    """Every proposal and fact of the search in their order; repeated epochs, which no Study was told, are left out.

    They are read some thousand at a time, so the whole log is never in memory.
    """
    query = (
        select(events.c.seq, events.c.kind, events.c.trial, events.c.data)
        .where(events.c.search == search, events.c.kind.in_(_PROPOSALS | _FACTS))
        .order_by(events.c.seq)
        .execution_options(yield_per=_AT_ONCE)
    )
    rows = connection.execute(query)
    for seq, kind, trial, data in rows:
        if kind in _PROPOSALS:
            yield Recorded(seq=seq, kind="proposal", data=data["proposal"], actions=(), trial=trial)
        elif data["fact"] is not None:
            yield Recorded(seq=seq, kind="fact", data=data["fact"], actions=_actions(data), trial=trial)


def _actions(data: Mapping[str, list[Json]]) -> tuple[Json, ...]:
    return tuple(data["actions"])
