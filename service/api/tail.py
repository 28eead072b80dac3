"""Follows the logs of searches in the ledger: one reader a search, however many follow it. No HTTP here."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

from service.access import OPERATOR
from service.errors import LedgerUnavailable, TooManyStreams
from service.models import Event
from service.states import SearchState
from service.store import EventKind

_PAGE = 500
"""Events read at once while a follower catches up."""


@dataclass(slots=True)
class _Watch:
    """One search that somebody follows.

    Attributes:
        seq: sequence of its newest event that is known.
        followers: how many follow it.
        news: set, and replaced, whenever `seq` has grown.
        poller: the task that looks; kept here, since the event loop itself holds tasks only weakly.
    """

    seq: int = 0
    followers: int = 0
    news: asyncio.Event = field(default_factory=asyncio.Event)
    poller: asyncio.Task[None] | None = None


class Tail:
    """The open event streams of this process."""

    def __init__(
        self,
        *,
        read: Callable[[str, int, int], list[Event]],
        newest: Callable[[str], int],
        max_streams: int,
        max_streams_per_key: int,
        poll_s: float = 0.2,
        idle_s: float = 15.0,
    ) -> None:
        """Args:
        read: events of a search after a sequence number, at most so many; blocks, so it runs in a thread.
        newest: sequence of a search's newest event; blocks too.
        max_streams: how many may follow at once.
        max_streams_per_key: how many of them one key may have; the operator may have all.
        poll_s: seconds between two looks at the ledger for one search.
        idle_s: seconds of silence after which a sign of life is sent.
        """
        self._read = read
        self._newest = newest
        self._max_streams = max_streams
        self._max_streams_per_key = max_streams_per_key
        self._of_key: Counter[str] = Counter()
        self._poll_s = poll_s
        self._idle_s = idle_s
        self._watches: dict[str, _Watch] = {}

    @property
    def streams(self) -> int:
        """How many follow at present."""
        return sum(watch.followers for watch in self._watches.values())

    async def follow(self, search: str, after: int, principal: str = OPERATOR) -> AsyncIterator[Event | None]:
        """Every event after `after`, in order and without a gap; None as a sign of life; ends with the search.

        Args:
            search: its id.
            after: sequence of the last event that is known.
            principal: id of who follows.

        The first thing that comes is a None: whoever gets it has been let in.

        Raises:
            TooManyStreams: a cap is reached.
        """
        if principal != OPERATOR and self._of_key[principal] >= self._max_streams_per_key:
            raise TooManyStreams(
                f"streams: got one more than {self._max_streams_per_key} of key {principal}, must be at most that "
                "many; close one, or poll",
                retry_after_s=5,
            )
        if self.streams >= self._max_streams:
            raise TooManyStreams(
                f"streams: got one more than {self._max_streams}, must be at most that many; close one, or poll",
                retry_after_s=5,
            )
        watch = self._watches.get(search)
        if watch is None:
            watch = self._watches[search] = _Watch()
            watch.poller = asyncio.create_task(self._poll(search, watch))
        watch.followers += 1
        self._of_key[principal] += 1
        try:
            yield None
            async for event in self._events(search, watch, after):
                yield event
        finally:
            watch.followers -= 1
            self._of_key[principal] -= 1
            self._of_key += Counter()  # forgets those that have none

    async def _events(self, search: str, watch: _Watch, after: int) -> AsyncIterator[Event | None]:
        while True:
            news = watch.news
            try:
                page = await asyncio.to_thread(self._read, search, after, _PAGE)
            except LedgerUnavailable:
                page = []
            for event in page:
                after = event.seq
                yield event
                if _ends(event) and not await asyncio.to_thread(self._goes_on, search, after):
                    return
            if page:
                continue
            try:
                # Not wait_for: until Python 3.12 it may swallow a cancellation, and the stream would stay for ever.
                async with asyncio.timeout(self._idle_s):
                    await news.wait()
            except TimeoutError:
                yield None

    def _goes_on(self, search: str, end: int) -> bool:
        """Whether a person let the search go on after it had ended."""
        while page := self._read(search, end, _PAGE):
            if any(event.kind == EventKind.SEARCH_STATE for event in page):
                return True
            end = page[-1].seq
        return False

    async def _poll(self, search: str, watch: _Watch) -> None:
        """Looks for news as long as anybody follows."""
        while watch.followers:
            try:
                seq = await asyncio.to_thread(self._newest, search)
            except LedgerUnavailable:
                seq = watch.seq
            if seq > watch.seq:
                watch.seq = seq
                news, watch.news = watch.news, asyncio.Event()
                news.set()
            await asyncio.sleep(self._poll_s)
        del self._watches[search]  # no await since the check, so nobody can have come in between


def _ends(event: Event) -> bool:
    return event.kind == EventKind.SEARCH_STATE and SearchState(event.data["to"]).is_terminal
