"""Everything that is read from the ledger. Every call is one transaction and sees one moment of the database."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, TypeVar

from sqlalchemy import Connection, Select, and_, func, or_, select, text

from service.errors import NotFound
from service.models import Attempt, Checkpoint, Event, Report, Search, Trial
from service.states import SearchState, TrialState
from service.store.database import Database
from service.store.events import EventKind
from service.store.history import Recorded, read_history
from service.store.pages import Page, cursor_of, read_cursor
from service.store.rows import to_attempt, to_checkpoint, to_event, to_report, to_search, to_trial
from service.store.tables import attempts, checkpoints, events, reports, search_tags, searches, trials, verdicts

T = TypeVar("T")

_FEW = 8
"""Reports that tell how long an epoch takes at present."""

_LIVE = tuple(state for state in SearchState if not state.is_terminal)


class Reader:
    """Reads facts. What concerns one search raises `NotFound` if there is no such search."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def ping(self) -> None:
        """Returns if the database answers.

        Raises:
            LedgerUnavailable: it does not.
        """
        with self._database.reading() as connection:
            connection.execute(text("SELECT 1"))

    def search(self, search: str) -> Search:
        """The search of this id."""
        with self._database.reading() as connection:
            return read_search(connection, search)

    def require_search(self, search: str, *, project: str | None = None) -> None:
        """Returns if there is a search of this id.

        Args:
            search: its id.
            project: only if it is this project's; None: anybody's.

        Raises:
            NotFound: there is none; whether another project has it is not told.
        """
        query = select(searches.c.id).where(searches.c.id == search)
        if project is not None:
            query = query.where(searches.c.project == project)
        with self._database.reading() as connection:
            if connection.scalar(query) is None:
                raise _no_search(search)

    def searches(
        self,
        *,
        project: str | None = None,
        state: SearchState | None = None,
        name: str | None = None,
        tag: str | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Page:
        """A page of searches, newest first.

        Args:
            project: only those of this project.
            state: only those in this state.
            name: only those of exactly this name.
            tag: only those with this tag: `key=value`, or `key` for any value.
            limit: searches on the page at most.
            cursor: `next_cursor` of the page before.

        Raises:
            InvalidInput: the cursor is none.
        """
        query = select(searches).order_by(searches.c.created_at.desc(), searches.c.id.desc()).limit(limit + 1)
        if project is not None:
            query = query.where(searches.c.project == project)
        if state is not None:
            query = query.where(searches.c.state == state)
        if name is not None:
            query = query.where(searches.c.name == name)
        if tag is not None:
            query = query.where(searches.c.id.in_(_tagged(tag)))
        if cursor is not None:
            at, last = read_cursor(cursor)
            same_moment = and_(searches.c.created_at == at, searches.c.id < last)
            query = query.where(or_(searches.c.created_at < at, same_moment))
        with self._database.reading() as connection:
            found = [to_search(row) for row in connection.execute(query).mappings()]
        items = tuple(found[:limit])
        return Page(items=items, next_cursor=cursor_of(items[-1]) if len(found) > limit else None)

    def active(self) -> list[Search]:
        """The searches that have not ended, oldest first."""
        query = select(searches).where(searches.c.state.in_(_LIVE)).order_by(searches.c.created_at, searches.c.id)
        with self._database.reading() as connection:
            return [to_search(row) for row in connection.execute(query).mappings()]

    def counts(self, search: str) -> dict[TrialState, int]:
        """How many trials of the search are in each state; every state is there."""
        query = (
            select(trials.c.state, func.count().label("num")).where(trials.c.search == search).group_by(trials.c.state)
        )
        with self._database.reading() as connection:
            read_search(connection, search)
            counted = {row.state: row.num for row in connection.execute(query)}
        return {state: counted.get(state, 0) for state in TrialState}

    def tried(self, search: str) -> tuple[int, int]:
        """How many trials count towards the budget, which clones and continuations do not; of them, those asked for."""
        kind = trials.c.origin["kind"].as_string()
        query = select(kind, func.count()).where(trials.c.search == search).group_by(kind)
        with self._database.reading() as connection:
            read_search(connection, search)
            counted: dict[str, int] = {row[0]: row[1] for row in connection.execute(query)}
        budgeted = sum(num for origin, num in counted.items() if origin not in ("clone", "continued"))
        return budgeted, counted.get("enqueued", 0)

    def trials(
        self, search: str, *, state: TrialState | None = None, after: int = -1, limit: int | None = None
    ) -> list[Trial]:
        """Trials by number.

        Args:
            state: only those in this state.
            after: only higher numbers: the last one of the page before; -1 for the first page.
            limit: at most so many, None for all.
        """
        query = select(trials).where(trials.c.search == search, trials.c.number > after).order_by(trials.c.number)
        if state is not None:
            query = query.where(trials.c.state == state)
        return self._under(search, query.limit(limit), to_trial)

    def trial(self, search: str, number: int) -> Trial:
        """One trial.

        Raises:
            NotFound: no such search or trial.
        """
        query = select(trials).where(trials.c.search == search, trials.c.number == number)
        found = self._under(search, query, to_trial)
        if not found:
            raise NotFound(f"trial: got {number}, must be a trial of search {search}; list them with GET .../trials")
        return found[0]

    def attempts(self, search: str, trial: int) -> list[Attempt]:
        """The attempts of a trial, by number."""
        query = select(attempts).where(attempts.c.search == search, attempts.c.trial == trial)
        return self._under(search, query.order_by(attempts.c.number), to_attempt)

    def epoch_s(self, search: str) -> float | None:
        """Seconds that an epoch took in the last few reports of a search; None before the first."""
        query = select(reports.c.started_at, reports.c.ended_at).where(reports.c.search == search)
        newest = query.order_by(reports.c.ended_at.desc()).limit(_FEW)
        with self._database.reading() as connection:
            took = [(row.ended_at - row.started_at).total_seconds() for row in connection.execute(newest)]
        return sum(took) / len(took) if took else None

    def attempts_s(self, search: str) -> float:
        """Seconds that all ended attempts of a search took together."""
        ended = select(attempts.c.started_at, attempts.c.ended_at).where(
            attempts.c.search == search, attempts.c.ended_at.is_not(None)
        )
        with self._database.reading() as connection:
            took = (row.ended_at - row.started_at for row in connection.execute(ended))
            return sum(took, timedelta()).total_seconds()

    def reports(self, search: str, trial: int | None = None) -> list[Report]:
        """Reports of a trial, or of all: by trial, epoch and attempt, repeated epochs (not `seen`) included."""
        query = select(reports).where(reports.c.search == search)
        if trial is not None:
            query = query.where(reports.c.trial == trial)
        return self._under(search, query.order_by(reports.c.trial, reports.c.epoch, reports.c.attempt), to_report)

    def best(self, search: str) -> Trial | None:
        """The trial of the best value in the objective's mode, the first of several such; None before any value."""
        with self._database.reading() as connection:
            return _best(connection, search)

    def checkpoints(self, search: str, trial: int | None = None) -> list[Checkpoint]:
        """The checkpoints whose files are there, of a trial or of all, by trial, attempt and epoch."""
        return self._under(search, live_checkpoints(search, trial), to_checkpoint)

    def best_checkpoint(self, search: str) -> tuple[Trial, Checkpoint] | None:
        """The best trial with the checkpoint of the epoch whose value counts, from its newest attempt that has one."""
        with self._database.reading() as connection:
            trial = _best(connection, search)
            if trial is None:
                return None
            query = live_checkpoints(search, trial.number).where(checkpoints.c.epoch == trial.best_epoch)
            found = [to_checkpoint(row) for row in connection.execute(query).mappings()]
        return (trial, found[-1]) if found else None

    def events(self, search: str, *, after: int = 0, limit: int = 1000) -> list[Event]:
        """Events by sequence, from the one behind `after`."""
        query = select(events).where(events.c.search == search, events.c.seq > after)
        return self._under(search, query.order_by(events.c.seq).limit(limit), to_event)

    def runner_failures(self, search: str) -> list[Event]:
        """The `runner.failed` events since the last report, or since a person let it go on: without any progress."""
        of_search = events.c.search == search
        queued = and_(events.c.kind == EventKind.SEARCH_STATE, events.c.data["to"].as_string() == SearchState.QUEUED)
        progress = or_(events.c.kind == EventKind.REPORT, queued)
        reported = select(func.coalesce(func.max(events.c.seq), 0)).where(of_search, progress)
        query = select(events).where(
            of_search, events.c.kind == EventKind.RUNNER_FAILED, events.c.seq > reported.scalar_subquery()
        )
        return self._under(search, query.order_by(events.c.seq), to_event)

    def points(self, search: str, epochs: Collection[int]) -> list[tuple[int, int, float | None, Mapping[str, Any]]]:
        """Trial, epoch, value and metrics of what the Study was told of these epochs, by trial and epoch."""
        of = reports.c
        query = select(of.trial, of.epoch, of.value, of.metrics).where(
            of.search == search, of.seen, of.epoch.in_(epochs)
        )
        with self._database.reading() as connection:
            read_search(connection, search)
            return [tuple(row) for row in connection.execute(query.order_by(of.trial, of.epoch))]

    def rungs(self, search: str) -> dict[int, int]:
        """Epochs to the trials that a rung's verdict was reached on there."""
        reached = func.count(verdicts.c.seq.distinct()).label("num")
        judged = (verdicts.c.search == search, verdicts.c.epoch.is_not(None))
        query = select(verdicts.c.epoch, reached).where(*judged).group_by(verdicts.c.epoch).order_by(verdicts.c.epoch)
        with self._database.reading() as connection:
            read_search(connection, search)
            return {row.epoch: row.num for row in connection.execute(query)}

    def history(self, search: str) -> list[Recorded]:
        """Every proposal and fact of the search in their order: what a Study is replayed from."""
        with self._database.reading() as connection:
            read_search(connection, search)
            return list(read_history(connection, search))

    @contextmanager
    def steps(self, search: str) -> Iterator[Iterator[Recorded]]:
        """As `history`, but one step after the other: a large search's is never in memory as a whole.

        All of them are of one moment. The block is one transaction: iterate inside it, and write nothing.
        """
        with self._database.reading() as connection:
            read_search(connection, search)
            yield read_history(connection, search)

    def _under(self, search: str, query: Select[Any], convert: Callable[[Any], T]) -> list[T]:
        """The rows of a query under a search; an empty answer is told apart from a search that does not exist."""
        with self._database.reading() as connection:
            found = [convert(row) for row in connection.execute(query).mappings()]
            if not found:
                read_search(connection, search)
            return found


def read_search(connection: Connection, search: str) -> Search:
    """The search of this id.

    Raises:
        NotFound: there is none.
    """
    row = connection.execute(select(searches).where(searches.c.id == search)).mappings().one_or_none()
    if row is None:
        raise _no_search(search)
    return to_search(row)


def _no_search(search: str) -> NotFound:
    return NotFound(f"search: got {search}, must be the id of a search; list them with GET /v1/searches")


def live_checkpoints(search: str, trial: int | None) -> Select[Any]:
    """Selects the checkpoints whose files are there, by trial, attempt and epoch."""
    query = select(checkpoints).where(checkpoints.c.search == search, checkpoints.c.deleted_at.is_(None))
    if trial is not None:
        query = query.where(checkpoints.c.trial == trial)
    return query.order_by(checkpoints.c.trial, checkpoints.c.attempt, checkpoints.c.epoch)


def _best(connection: Connection, search: str) -> Trial | None:
    mode = read_search(connection, search).spec["objective"]["mode"]
    value = {"min": trials.c.value.asc(), "max": trials.c.value.desc()}[mode]
    query = select(trials).where(trials.c.search == search, trials.c.value.is_not(None))
    row = connection.execute(query.order_by(value, trials.c.number).limit(1)).mappings().one_or_none()
    return to_trial(row) if row is not None else None


def _tagged(tag: str) -> Select[tuple[str]]:
    key, equals, value = tag.partition("=")
    query = select(search_tags.c.search).where(search_tags.c.key == key)
    return query.where(search_tags.c.value == value) if equals else query
