"""`rung stop` and `rung cancel`: what a person asks of a running search."""

from __future__ import annotations

from typing import Annotated

import typer

from service.cli.connection import connect
from service.cli.console import say
from service.client import Search

SearchId = Annotated[str, typer.Argument(metavar="ID", help="Id of the search.")]
"""The argument of every command about one search."""


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    app.command()(stop)
    app.command()(cancel)


def stop(search_id: SearchId) -> None:
    """Start no new trial; running ones finish."""
    with connect() as client:
        _tell(client.search(search_id).stop(), "no new trial starts, running ones finish")


def cancel(search_id: SearchId) -> None:
    """End a search now; what it has found so far is kept."""
    with connect() as client:
        _tell(client.search(search_id).cancel(), "its trials end now, its best checkpoint is kept")


def _tell(search: Search, what: str) -> None:
    say(f"{search.id} is {search.view.state}: {what}\nnext: rung wait {search.id}")
