"""The writer's verbs on a search as a whole. Those on trials are in `trial_verbs`."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, and_, select, update

from service.models import Json, Lease, Search
from service.states import SearchState
from service.store.events import EventKind
from service.store.journal import append
from service.store.reader import read_search
from service.store.tables import searches, wishes
from service.store.transitions import illegal, move_search, require_reason
from service.store.verdicts import enter_verdicts

_WAITING = frozenset({SearchState.QUEUED, SearchState.RUNNING})


class SearchVerbs:
    """Writes under a lease that was checked, inside a transaction that another class began."""

    def __init__(self, connection: Connection, lease: Lease, *, repeated: bool = False) -> None:
        """Args:
        connection: of the transaction.
        lease: whose holder writes.
        repeated: whether all of this was committed by an earlier try.
        """
        self.repeated = repeated
        self._connection = connection
        self._lease = lease

    def move_search(self, search: str, to: SearchState, reason: str) -> None:
        """Moves a search along an edge; event `search.state`.

        Raises:
            ValueError: the reason is empty.
            NotFound: no such search.
            IllegalTransition: no such edge from its state.
        """
        move_search(self._connection, search, to, reason)

    def wait_reason(self, search: str, reason: str, likely_start: datetime | None = None) -> None:
        """Notes what a search without slots waits for; event `search.waits` if that changed.

        Args:
            reason: what for; of a running search also that it waits no more.
            likely_start: when it is likely to get it; None: not foreseeable, or it has it.

        Raises:
            ValueError: the reason is empty.
            NotFound: no such search.
            IllegalTransition: it is neither queued nor running.
        """
        require_reason(reason)
        before = read_search(self._connection, search)
        waiting = update(searches).where(searches.c.id == search, searches.c.state.in_(_WAITING))
        noted = waiting.values(state_reason=reason, likely_start=likely_start)
        if self._connection.execute(noted).rowcount == 0:
            raise illegal(f"search {search}", before.state, _WAITING, "wait for something")
        if before.state_reason != reason:
            append(self._connection, search, EventKind.SEARCH_WAITS, {"reason": reason})

    def is_at(self, search: str, version: int) -> bool:
        """Whether the search's version is still this one; its row stays locked, so it cannot be changed afterwards."""
        return self._row(search).version == version

    def pause_search(self, search: str, reason: str) -> bool:
        """Moves a search to paused if a person still wants that; event `search.state`. Returns whether it did.

        Raises:
            ValueError: the reason is empty.
            NotFound: no such search.
            IllegalTransition: it is not running.
        """
        if not self._row(search).on_hold:
            return False
        move_search(self._connection, search, SearchState.PAUSED, reason)
        return True

    def set_demand(self, search: str, gangs: int) -> None:
        """Notes how many gangs a search could use now; leaves no event, as it may change with every report."""
        self._connection.execute(update(searches).where(searches.c.id == search).values(demand=gangs))

    def set_allowance(self, search: str, slots: int) -> None:
        """Grants a search so many slots; event `search.allowance` if that changed.

        Raises:
            NotFound: no such search.
        """
        before = read_search(self._connection, search).allowance
        if before != slots:
            self._connection.execute(update(searches).where(searches.c.id == search).values(allowance=slots))
            append(self._connection, search, EventKind.SEARCH_ALLOWANCE, {"from": before, "to": slots})

    def wish_told(self, search: str, number: int) -> None:
        """Notes that the Study was told a wish, in the transaction that records it."""
        here = and_(wishes.c.search == search, wishes.c.number == number)
        self._connection.execute(update(wishes).where(here).values(told=True))

    def decide(self, search: str, trial: int | None, fact: Json, actions: list[Json]) -> None:
        """Records what the Study was told besides reports, with its verdicts; event `study.told`.

        Raises:
            NotFound: no such search.
        """
        data = {"fact": fact, "actions": actions}
        seq = append(self._connection, search, EventKind.STUDY_TOLD, data, trial=trial)
        enter_verdicts(self._connection, search, seq, None, actions)

    def event(
        self, search: str, kind: EventKind, data: Json, trial: int | None = None, attempt: int | None = None
    ) -> None:
        """Writes an event that changes nothing else, such as `warning`.

        Raises:
            NotFound: no such search.
        """
        append(self._connection, search, kind, data, trial=trial, attempt=attempt)

    def _require_live(self, search: str, verb: str) -> None:
        """Refuses a verb on a search that has ended; its row stays locked, so it cannot end in between."""
        state = self._row(search).state
        if state.is_terminal:
            raise illegal(f"search {search}", state, {live for live in SearchState if not live.is_terminal}, verb)

    def _row(self, search: str) -> Search:
        """The search, whose row stays locked until the transaction ends."""
        self._connection.execute(select(searches.c.id).where(searches.c.id == search).with_for_update())
        return read_search(self._connection, search)
