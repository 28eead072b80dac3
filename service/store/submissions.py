"""What people write: a new search, and what they want of one. It needs no lease; all other writes are in `writer`."""

from __future__ import annotations

import secrets
import string
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Connection, insert, select, update

from service.access import DEFAULT_PROJECT, OPERATOR
from service.errors import IdempotencyMismatch, IllegalTransition, LedgerUnavailable
from service.models import Descent, Json, Search
from service.states import Intent, SearchState, TrialState
from service.store.database import Database
from service.store.engine import insert_unless_there
from service.store.events import EventKind
from service.store.heritage import add_lineage, add_wishes
from service.store.journal import append
from service.store.projects import require_project, require_room
from service.store.reader import read_search
from service.store.tables import idempotency_keys, search_tags, searches, trials
from service.store.transitions import illegal, move_search, move_trial
from trainables.failpoints import failpoint

_SEVERITY = tuple(Intent)
_LIVE = frozenset(state for state in SearchState if not state.is_terminal)
_WITHOUT_RUNNER = frozenset({SearchState.QUEUED, SearchState.PAUSED})
_WAITING = (TrialState.PENDING, TrialState.PAUSED)


@dataclass(frozen=True, kw_only=True, slots=True)
class IdempotencyKey:
    """A client's promise that it means one request, however often that arrives.

    Attributes:
        principal: id of who promises; equal keys of two principals have nothing to do with each other.
        key: the `Idempotency-Key` header, at most 255 characters.
        request_sha256: hash of the request's body, hexadecimal.
    """

    key: str
    request_sha256: str
    principal: str = OPERATOR


class Submissions:
    """The verbs of the API. Each is a transaction of its own."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def submit(
        self,
        *,
        spec: Json,
        name: str,
        trainable: str,
        trainable_path: str,
        project: str = DEFAULT_PROJECT,
        idempotency: IdempotencyKey | None = None,
        facts: Sequence[Json] = (),
        parents: Sequence[Descent] = (),
    ) -> tuple[Search, bool]:
        """Accepts a search: row, event and key in one transaction.

        Args:
            spec: resolved; its `tags`, if any, become searchable.
            name: of the search.
            trainable: its name.
            trainable_path: `module:Class`.
            project: whose it is.
            idempotency: None for a request that may be carried out twice.
            facts: what its Study is to be told before it decides anything.
            parents: the searches whose results these are.

        Returns:
            The search, and True; or the search that the same key and request made before, and False.

        Raises:
            IdempotencyMismatch: the key was used with another request.
            NotFound: no such project.
        """
        search = _new_id()
        now = datetime.now(UTC)
        with self._database.writing() as connection:
            require_project(connection, project)
            if idempotency is not None and not insert_unless_there(
                connection,
                idempotency_keys,
                principal=idempotency.principal,
                key=idempotency.key,
                request_sha256=idempotency.request_sha256,
                search=search,
                created_at=now,
            ):
                return answered(connection, idempotency), False
            require_room(connection, project)
            failpoint("submit.after_key", LedgerUnavailable)
            connection.execute(
                insert(searches).values(
                    id=search,
                    project=project,
                    name=name,
                    trainable=trainable,
                    trainable_path=trainable_path,
                    spec=dict(spec),
                    state=SearchState.QUEUED,
                    state_reason="waits to be admitted",
                    intent=Intent.RUN,
                    allowance=0,
                    last_seq=0,
                    created_at=now,
                )
            )
            for key, value in spec.get("tags", {}).items():
                connection.execute(insert(search_tags).values(search=search, key=key, value=str(value)))
            add_wishes(connection, search, facts)
            add_lineage(connection, search, parents)
            append(connection, search, EventKind.SEARCH_SUBMITTED, {"name": name, "trainable": trainable})
            failpoint("submit.before_commit", LedgerUnavailable)
            return read_search(connection, search), True

    def request(self, search: str, intent: Intent) -> Search:
        """Notes what a person wants; a search that is cancelled while it is queued or paused ends at once.

        Asking again for what is wanted already changes nothing.

        Raises:
            NotFound: no such search.
            IllegalTransition: the search has ended, or something more severe is wanted already.
        """
        with self._database.writing() as connection:
            # Locks the row: the coordinator may be admitting this very search.
            connection.execute(select(searches.c.id).where(searches.c.id == search).with_for_update())
            before = read_search(connection, search)
            if before.intent is intent and not before.state.is_terminal:
                return before
            milder = _SEVERITY[: _SEVERITY.index(intent)]
            change = update(searches).where(
                searches.c.id == search, searches.c.state.in_(_LIVE), searches.c.intent.in_(milder)
            )
            if connection.execute(change.values(intent=intent)).rowcount == 0:
                raise _refused(before, intent)
            append(connection, search, EventKind.SEARCH_INTENT, {"from": before.intent, "to": intent})
            if intent is Intent.CANCEL and before.state in _WITHOUT_RUNNER:
                _cancel(connection, before)
            failpoint("intent.before_commit", LedgerUnavailable)
            return read_search(connection, search)


def answered(connection: Connection, idempotency: IdempotencyKey) -> Search:
    """The search that a request with this key was about, as it is now.

    Raises:
        IdempotencyMismatch: the key was used with another request.
    """
    known = idempotency_keys.c
    query = select(known.search, known.request_sha256).where(
        known.principal == idempotency.principal, known.key == idempotency.key
    )
    search, request_sha256 = connection.execute(query).one()
    if request_sha256 != idempotency.request_sha256:
        raise IdempotencyMismatch(
            f"Idempotency-Key: got {idempotency.key!r} with another request than the one that made search {search}, "
            "must come with the same body; use a new key for a new request"
        )
    return read_search(connection, search)


def _cancel(connection: Connection, search: Search) -> None:
    """Ends a search that has no runner who could, and its trials, none of which is on a gang."""
    when = "before it ran" if search.started_at is None else f"while it was {search.state}"
    reason = f"cancelled by a person {when}"
    waiting = select(trials.c.number).where(trials.c.search == search.id, trials.c.state.in_(_WAITING))
    for number in connection.scalars(waiting.order_by(trials.c.number)).all():
        move_trial(connection, search.id, number, TrialState.CANCELLED, f"the search ended: {reason}")
    move_search(connection, search.id, SearchState.CANCELLED, reason)


def _refused(search: Search, intent: Intent) -> IllegalTransition:
    if search.state.is_terminal:
        return illegal(f"search {search.id}", search.state, _LIVE, f"take the intent {intent}")
    return IllegalTransition(
        f"search {search.id}: got intent {intent}, must be more severe than {search.intent}, which is wanted already; "
        "submit a new search instead"
    )


def _new_id() -> str:
    first = secrets.choice(string.ascii_lowercase)
    return first + "".join(secrets.choice(string.ascii_lowercase + string.digits) for _ in range(11))
