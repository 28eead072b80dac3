"""What people change in a search after it was submitted: its spec, and whether it is paused. It needs no lease.

Nothing here looks at what a change means: `service.schemas.changes` does, and the runner takes it in.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from sqlalchemy import Connection, delete, insert, select, update

from service.errors import PreconditionFailed
from service.models import Json, Search
from service.states import Intent, SearchState
from service.store.database import Database
from service.store.engine import insert_unless_there
from service.store.events import EventKind
from service.store.journal import append
from service.store.reader import read_search
from service.store.submissions import IdempotencyKey, answered
from service.store.tables import idempotency_keys, search_tags, searches
from service.store.transitions import illegal, move_search

_LIVE = frozenset(state for state in SearchState if not state.is_terminal)


class Amendments:
    """The verbs of the API on a search that has not ended. Each is a transaction of its own."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def amend(
        self,
        search: str,
        change: Callable[[Search], Json],
        *,
        expects: frozenset[int] | None = None,
        idempotency: IdempotencyKey | None = None,
    ) -> Search:
        """Replaces the search's changes; event `search.changed`. What changes nothing leaves version and log alone.

        Args:
            change: makes the new changes from the search as it is; nobody else changes it meanwhile. What it raises
                goes through, and nothing is written.
            expects: versions of which one must be the present one; None: any.
            idempotency: the same key and request change it once.

        Raises:
            NotFound: no such search.
            IllegalTransition: the search has ended.
            PreconditionFailed: its version is another one.
            IdempotencyMismatch: the key was used with another request.
        """
        with self._database.writing() as connection:
            before = _locked(connection, search, "be changed")
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
            if expects is not None and before.version not in expects:
                versions = " or ".join(str(version) for version in sorted(expects)) or "none"
                raise PreconditionFailed(
                    f"If-Match: got version {versions}, must be {before.version}, the present one; read it again"
                )
            changes = change(before)
            if changes == before.changes:
                return before
            version = before.version + 1
            here = update(searches).where(searches.c.id == search)
            connection.execute(here.values(changes=dict(changes), version=version))
            if changes.get("tags") != before.changes.get("tags"):
                _retag(connection, search, changes.get("tags", before.spec.get("tags", {})))
            append(connection, search, EventKind.SEARCH_CHANGED, {"version": version, "changes": dict(changes)})
            return read_search(connection, search)

    def pause(self, search: str) -> Search:
        """Notes that a person wants the search paused; a queued one is so at once. Asking again changes nothing.

        Raises:
            NotFound: no such search.
            IllegalTransition: the search has ended, or is to be cancelled.
        """
        with self._database.writing() as connection:
            before = _locked(connection, search, "be paused")
            if before.intent is Intent.CANCEL:
                raise illegal(f"search {search}", "cancelling", _LIVE, "be paused")
            if before.on_hold:
                return before
            _hold(connection, before, on_hold=True)
            if before.state is SearchState.QUEUED:
                move_search(connection, search, SearchState.PAUSED, "paused by a person while it waited")
            return read_search(connection, search)

    def resume(self, search: str) -> Search:
        """Takes a pause back; a paused search is queued again. Asking for what is not paused changes nothing.

        Raises:
            NotFound: no such search.
            IllegalTransition: the search has ended.
        """
        with self._database.writing() as connection:
            before = _locked(connection, search, "be resumed")
            if not before.on_hold:
                return before
            _hold(connection, before, on_hold=False)
            if before.state is SearchState.PAUSED:
                move_search(connection, search, SearchState.QUEUED, "resumed by a person, waits to be admitted")
            return read_search(connection, search)


def _locked(connection: Connection, search: str, verb: str) -> Search:
    """The search, which stays as it is until the transaction ends; refused if it has ended."""
    connection.execute(select(searches.c.id).where(searches.c.id == search).with_for_update())
    found = read_search(connection, search)
    if found.state.is_terminal:
        raise illegal(f"search {search}", found.state, _LIVE, verb)
    return found


def _hold(connection: Connection, search: Search, *, on_hold: bool) -> None:
    connection.execute(update(searches).where(searches.c.id == search.id).values(on_hold=on_hold))
    wants = ("pause", search.intent.value)
    data = {"from": wants[1 if on_hold else 0], "to": wants[0 if on_hold else 1]}
    append(connection, search.id, EventKind.SEARCH_INTENT, data)


def _retag(connection: Connection, search: str, tags: Mapping[str, str]) -> None:
    connection.execute(delete(search_tags).where(search_tags.c.search == search))
    for key, value in tags.items():
        connection.execute(insert(search_tags).values(search=search, key=key, value=value))
