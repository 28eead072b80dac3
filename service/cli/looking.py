"""`rung report` and `rung page`: a search as a file to keep, and the page on a ledger that has no cluster."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from service.cli.acting import SearchId
from service.cli.connection import connect
from service.cli.console import say
from service.settings import Settings


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    for command in (report, page):
        app.command()(command)


def report(
    search_id: SearchId,
    file: Annotated[Path | None, typer.Option("--file", "-f", help="Default: <id>-report.html here.")] = None,
    theme: Annotated[Literal["light", "dark"], typer.Option(help="Its colours.")] = "light",
) -> None:
    """Write a search as one HTML file that needs nothing else: figures, rungs, the best trials, the spec."""
    with connect() as client:
        written = client.search(search_id).report(file or Path(f"{search_id}-report.html"), theme=theme)
    say(f"report in {written}")


def page() -> None:
    """Serve the page on the ledger of RUNG_HOME without a cluster, until Ctrl-C; no search can be changed."""
    settings = Settings.from_env()
    say(f"the page is at {settings.api_url}/ui/ (Ctrl-C ends it)")
    try:
        ended = subprocess.run([sys.executable, "-P", "-m", "service.api.reading"], check=False)
    except KeyboardInterrupt:
        return
    raise typer.Exit(ended.returncode)
