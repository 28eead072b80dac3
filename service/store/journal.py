"""Appends to a search's event log. What the kinds mean is in `events`; who reads it, in `reader`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, insert, update

from service.errors import NotFound
from service.models import Json
from service.store.events import EventKind
from service.store.tables import events, searches

_NEXT = update(searches).values(last_seq=searches.c.last_seq + 1).returning(searches.c.last_seq)


def append(
    connection: Connection,
    search: str,
    kind: EventKind,
    data: Json,
    *,
    trial: int | None = None,
    attempt: int | None = None,
) -> int:
    """Writes one event in the caller's transaction and returns its sequence.

    The number comes from the search's row, which stays locked until the commit: sequences have no gap, and they become
    visible in their order, so a reader that saw n never finds a smaller one later.

    Raises:
        NotFound: no such search.
    """
    seq = connection.scalar(_NEXT.where(searches.c.id == search))
    if seq is None:
        raise NotFound(f"search: got {search}, must be the id of a search; list them with GET /v1/searches")
    row: dict[str, Any] = {
        "search": search,
        "seq": seq,
        "kind": kind.value,
        "trial": trial,
        "attempt": attempt,
        "data": dict(data),
        "at": datetime.now(UTC),
    }
    connection.execute(insert(events), row)
    return int(seq)
