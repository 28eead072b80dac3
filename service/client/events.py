"""A search's event stream without a gap: reconnects after the last event seen until the search has ended."""

from __future__ import annotations

import time
from collections.abc import Iterator

from service.client.errors import ApiError, Unreachable
from service.client.http import Http, Patience
from service.schemas import EventView, SearchView
from service.states import SearchState

STATE_EVENT = "search.state"
"""Kind of the event that moves a search; its `data.to` is the new state."""

STABLE_S = 5.0
"""Seconds that a connection must have stood before its end counts as a first failure."""


def follow(http: Http, path: str, after: int) -> Iterator[EventView]:
    """Yields the events of the search at `path` after sequence `after`, the one that ends it last.

    An end after which somebody let the search go on is not the last: the stream of the service goes on after it.

    Raises:
        ApiError: the service refuses, e.g. 404.
        Unreachable: no new event and no connection for the client's `retry_s`.
    """
    last = after
    patience = Patience(http.retry_s)
    while True:
        before, ended = last, False
        connection = _Connection(http, path)
        try:
            for event in connection.events(last):
                patience.renew()
                last = event.seq
                yield event
                ended = _ends(event, ended)
            if ended or (last == before and SearchView.model_validate(http.get(path)).state.is_terminal):
                return
            failure: ApiError | Unreachable = Unreachable(http.url, "the event stream ended before the search")
        except (ApiError, Unreachable) as error:
            failure = error
        if connection.was_stable:
            patience.renew()
        patience.bear(failure)


class _Connection:
    """One connection to the event stream; a search may be silent for long, so it can be sound without an event."""

    def __init__(self, http: Http, path: str) -> None:
        self._http = http
        self._path = path
        self._opened_at: float | None = None

    @property
    def was_stable(self) -> bool:
        """Whether it stood for a while, so that its end is a new failure and not one more of a series."""
        return self._opened_at is not None and time.monotonic() - self._opened_at > STABLE_S

    def events(self, after: int) -> Iterator[EventView]:
        """Its events after sequence `after`."""
        for sent in self._http.events(f"{self._path}/events", after, self._open):
            if sent.data:
                yield EventView.model_validate_json(sent.data)

    def _open(self) -> None:
        self._opened_at = time.monotonic()


def _ends(event: EventView, ended: bool) -> bool:
    """Whether the search has ended as far as is known after this event."""
    return SearchState(event.data["to"]).is_terminal if event.kind == STATE_EVENT else ended
