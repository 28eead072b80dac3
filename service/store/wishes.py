"""What people want of a search beyond its spec, and what it began with. The runner tells its Study, in order.

A wish is written here without a lease, and becomes an event of the Study in one transaction with its verdicts
(`SearchVerbs.wish_told`). So nothing is told twice, and nothing that was answered with 202 is lost.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Column, func, select, update

from service.models import Descent, Json, Search, Wish
from service.states import Intent, SearchState
from service.store.database import Database
from service.store.engine import insert_unless_there
from service.store.events import EventKind
from service.store.heritage import add_wishes
from service.store.journal import append
from service.store.reader import read_search
from service.store.submissions import IdempotencyKey, answered
from service.store.tables import idempotency_keys, lineage, searches, trials, wishes
from service.store.transitions import move_search


@dataclass(frozen=True, kw_only=True, slots=True)
class Going:
    """How a search goes on.

    Attributes:
        changes: all that was changed of its spec, this time included.
        facts: what its Study is to be told.
        reason: why, for the log.
    """

    changes: Json
    facts: Sequence[Json]
    reason: str


class Wishes:
    """Reads and writes wishes and lineage. Each call is a transaction of its own."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def go_on(
        self, search: str, plan: Callable[[Search], Going], *, idempotency: IdempotencyKey | None = None
    ) -> Search:
        """Lets a search go on; one that has ended is queued again, with the intent to run.

        Args:
            plan: says how, for the search as it is; what it raises goes through, and nothing is written.
            idempotency: the same key and request let it go on once.

        Raises:
            NotFound: no such search.
            IdempotencyMismatch: the key was used with another request.
        """
        with self._database.writing() as connection:
            here = searches.c.id == search
            connection.execute(select(searches.c.id).where(here).with_for_update())
            before = read_search(connection, search)
            if idempotency is not None and not insert_unless_there(
                connection,
                idempotency_keys,
                principal=idempotency.principal,
                key=idempotency.key,
                request_sha256=idempotency.request_sha256,
                search=search,
                created_at=datetime.now(UTC),
            ):
                return answered(connection, idempotency)
            going = plan(before)
            version = before.version + 1
            connection.execute(update(searches).where(here).values(changes=dict(going.changes), version=version))
            if going.changes != before.changes:
                data = {"version": version, "changes": dict(going.changes)}
                append(connection, search, EventKind.SEARCH_CHANGED, data)
            add_wishes(connection, search, going.facts)
            if before.state.is_terminal:
                fresh = {"intent": Intent.RUN, "on_hold": False, "ended_at": None, "demand": None}
                connection.execute(update(searches).where(here).values(**fresh))
                move_search(connection, search, SearchState.QUEUED, going.reason)
            return read_search(connection, search)

    def untold(self, search: str) -> list[Wish]:
        """The wishes that its Study was not told yet, in their order."""
        query = select(wishes.c.number, wishes.c.fact).where(wishes.c.search == search, ~wishes.c.told)
        with self._database.reading() as connection:
            rows = connection.execute(query.order_by(wishes.c.number))
            return [Wish(number=row.number, fact=row.fact) for row in rows]

    def num_to_continue(self, search: str) -> int:
        """How many trials that continue others are still to be proposed."""
        asked = select(func.count()).where(wishes.c.search == search, wishes.c.fact["fact"].as_string() == "continued")
        begun = select(func.count()).where(
            trials.c.search == search, trials.c.origin["kind"].as_string() == "continued"
        )
        with self._database.reading() as connection:
            return (connection.scalar(asked) or 0) - (connection.scalar(begun) or 0)

    def parents(self, search: str) -> list[Descent]:
        """The searches whose results this one began with."""
        return self._descents(lineage.c.parent, search, lineage.c.child)

    def children(self, search: str) -> list[Descent]:
        """The searches that began with this one's results."""
        return self._descents(lineage.c.child, search, lineage.c.parent)

    def _descents(self, others: Column[str], search: str, this: Column[str]) -> list[Descent]:
        query = select(others.label("other"), lineage.c.kind, lineage.c.num_trials, lineage.c.left_out)
        with self._database.reading() as connection:
            rows = connection.execute(query.where(this == search).order_by(others))
            return [
                Descent(search=row.other, kind=row.kind, num_trials=row.num_trials, left_out=row.left_out)
                for row in rows
            ]
