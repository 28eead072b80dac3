"""`rung watch` and `rung wait`: a search followed to its end. How it looks is in `live`."""

from __future__ import annotations

import sys
import threading
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, NoReturn

import typer
from rich.live import Live
from rich.text import Text

from service.cli.acting import SearchId
from service.cli.connection import PATIENT_S, connect
from service.cli.console import console, say
from service.cli.live import DECISIONS, dashboard, decision_lines, event_line
from service.client import ClientError, Search
from service.schemas import EventView, SearchView
from service.states import SearchState

DEFAULT_POLL_S = 0.5
"""Seconds between two looks at a search."""

TIMED_OUT = 124
"""Exit code of a wait that ran out of time, as timeout(1) has it."""

_REFRESH_S = 1.0


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    app.command()(watch)
    app.command()(wait)


def watch(
    search_id: SearchId,
    as_json: Annotated[bool, typer.Option("--json", help="Print each event as one line of JSON.")] = False,
    after: Annotated[int, typer.Option(min=0, help="Only events after this sequence.")] = 0,
) -> None:
    """Watch a search until it ends; exit as `rung wait`. Ctrl-C ends the watching, not the search."""
    with connect(PATIENT_S) as client:
        search = client.search(search_id)
        if as_json:
            follow_plain(search, lambda event: event.model_dump_json(), after)
        else:
            follow_live(search, after)
        end_with(search.refresh().view)


def wait(
    search_id: SearchId,
    timeout: Annotated[float | None, typer.Option(min=0, help="Seconds to wait at most.")] = None,
) -> None:
    """Wait for the end of a search: exit 0 completed, 1 failed or cancelled, 124 out of time."""
    with connect(PATIENT_S) as client:
        try:
            end_with(client.search(search_id).wait(timeout, poll_s=DEFAULT_POLL_S))
        except TimeoutError as error:
            say(str(error), "red")
            raise typer.Exit(TIMED_OUT) from None


def end_with(view: SearchView) -> NoReturn:
    """Tells how a search ended and exits with its code."""
    done = view.state is SearchState.COMPLETED
    say(f"{view.id} {view.state}: {view.reason}", "green" if done else "red")
    if view.best is not None:
        say(f"next: rung best {view.id} --download DIR")
    raise typer.Exit(0 if done else 1)


def follow_live(search: Search, after: int = 0) -> None:
    """Shows a search until it ends: a live picture on a terminal, else one line for each change."""
    if sys.stdout.isatty():
        _Picture(search).run(after)
    else:
        follow_plain(search, event_line, after)


def follow_plain(search: Search, write: Callable[[EventView], str | None], after: int) -> None:
    """Prints what `write` makes of each event, at once, until the search ends."""
    for event in search.events(after):
        line = write(event)
        if line is not None:
            sys.stdout.write(f"{line}\n")
            sys.stdout.flush()


class _Picture:
    """A live picture of a search.

    A thread reads the event stream, because it blocks; this one looks at the search each second and draws.
    """

    def __init__(self, search: Search) -> None:
        self._search = search
        self._decisions: deque[Text] = deque(maxlen=DECISIONS)
        self._ended = threading.Event()
        self._failure: ClientError | None = None

    def run(self, after: int) -> None:
        """Draws until the search ends.

        Raises:
            ClientError: the service refused or could not be reached any more.
        """
        threading.Thread(target=self._listen, args=(after,), name="events", daemon=True).start()
        with Live(console=console(), auto_refresh=False, vertical_overflow="crop") as live:
            while True:
                ended = self._ended.wait(_REFRESH_S)
                view = self._search.refresh().view
                live.update(dashboard(view, list(self._decisions), datetime.now(UTC)), refresh=True)
                if ended:
                    break
        if self._failure is not None:
            raise self._failure

    def _listen(self, after: int) -> None:
        try:
            for event in self._search.events(after):
                self._decisions.extend(decision_lines(event))
        except ClientError as error:
            self._failure = error
        finally:
            self._ended.set()
