"""Commands that only read: `ls show trials best audit`. What follows a search over time is in `watching`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Group, RenderableType

from service.cli.acting import SearchId
from service.cli.connection import connect
from service.cli.console import Format, Output, duration, say, show, table_of
from service.cli.live import dashboard
from service.client import Search
from service.schemas import AuditView, BestView, DifferenceView, SearchView, TrialView
from service.states import SearchState, TrialState


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    for command in (ls, trials, best, audit):
        app.command()(command)
    app.command(name="show")(show_search)


def ls(
    state: Annotated[SearchState | None, typer.Option(help="Only searches in this state.")] = None,
    name: Annotated[str | None, typer.Option(help="Only searches of this name.")] = None,
    project: Annotated[str | None, typer.Option(help="Only searches of this project.")] = None,
    output: Output = Format.TABLE,
) -> None:
    """List searches, newest first."""
    with connect() as client:
        views = [search.view for search in client.searches(state=state, name=name, project=project)]
    rows = [_search_row(view) for view in views]
    show(
        [view.model_dump(mode="json") for view in views], output, lambda: table_of(rows, _SEARCH_COLUMNS), lambda: rows
    )


def show_search(search_id: SearchId, output: Output = Format.TABLE) -> None:
    """Show one search."""
    with connect() as client:
        view = client.search(search_id).view
    show(
        view.model_dump(mode="json"),
        output,
        lambda: dashboard(view, [], datetime.now(UTC)),
        lambda: [_search_row(view)],
    )


def trials(
    search_id: SearchId,
    state: Annotated[TrialState | None, typer.Option(help="Only trials in this state.")] = None,
    output: Output = Format.TABLE,
) -> None:
    """List the trials of a search."""
    with connect() as client:
        views = list(client.search(search_id).iter_trials(state))
    rows = [_trial_row(view) for view in views]
    short = [{**row, "config": view.config, "reason": view.reason} for row, view in zip(rows, views, strict=True)]
    show(
        [view.model_dump(mode="json", exclude={"history"}) for view in views],
        output,
        lambda: table_of(short, _TRIAL_COLUMNS),
        lambda: rows,
    )


def best(
    search_id: SearchId,
    download: Annotated[
        Path | None, typer.Option("--download", metavar="DIR", help="Download its checkpoint into this new folder.")
    ] = None,
    output: Output = Format.TABLE,
) -> None:
    """Show the best trial of a search, and download its checkpoint."""
    with connect() as client:
        search = client.search(search_id)
        found = search.best()
        if found is None:
            say(f"no trial of {search_id} has reported a finite value yet\nnext: rung watch {search_id}", "red")
            raise typer.Exit(1)
        show(found.model_dump(mode="json"), output, lambda: _best_text(found), lambda: [_best_row(found)])
        if download is not None:
            _fetch(search, download)


def audit(search_id: SearchId, output: Output = Format.TABLE) -> None:
    """Decide a search again from what is recorded of it: exit 0 the same, 1 at the first difference."""
    with connect() as client:
        found = client.search(search_id).audit()
    show(found.model_dump(mode="json"), output, lambda: _audit_text(found), lambda: [_audit_row(found)])
    if found.difference is not None:
        raise typer.Exit(1)


def _fetch(search: Search, directory: Path) -> None:
    folder = search.download_best(directory)
    say(f"checkpoint in {folder}, every SHA-256 checked")
    say(f'next: python -c "import trainables; trainables.load({str(folder)!r})"')


def _search_row(view: SearchView) -> dict[str, Any]:
    ended = sum(count for state, count in view.trials.items() if state.is_terminal)
    until = view.ended_at or datetime.now(UTC)
    return {
        "id": view.id,
        "name": view.name,
        "state": str(view.state),
        "trials": f"{ended}/{view.trials_total}",
        "best": view.best.value if view.best else None,
        "metric": view.best.metric if view.best else None,
        "age": duration((until - view.created_at).total_seconds()),
        "reason": view.reason,
    }


def _trial_row(view: TrialView) -> dict[str, Any]:
    row: Mapping[str, Any] = view.model_dump(mode="json", exclude={"config", "origin", "history"})
    return {**row, **{f"config.{name}": value for name, value in view.config.items()}}


def _best_row(found: BestView) -> dict[str, Any]:
    return {
        "search": found.search,
        "trial": found.trial,
        "epoch": found.epoch,
        "metric": found.metric,
        "value": found.value,
        **{f"config.{name}": value for name, value in found.config.items()},
    }


def _best_text(found: BestView) -> RenderableType:
    facts: list[dict[str, Any]] = [
        {"": f"{found.metric}", "value": found.value},
        {"": "trial", "value": found.trial},
        {"": "epoch", "value": found.epoch},
        *({"": f"metrics.{name}", "value": value} for name, value in found.metrics.items() if name != found.metric),
        *({"": f"config.{name}", "value": value} for name, value in found.config.items()),
    ]
    checkpoint = found.checkpoint
    note = (
        f"checkpoint: {checkpoint.bytes:,} bytes of epoch {checkpoint.epoch}" if checkpoint else "checkpoint: none yet"
    )
    table = table_of(facts)
    table.show_header = False
    return Group(table, note)


def _audit_row(found: AuditView) -> dict[str, Any]:
    nothing = dict.fromkeys(DifferenceView.model_fields)
    difference = nothing if found.difference is None else found.difference.model_dump(mode="json")
    return {"search": found.search, "checked": found.checked, **difference}


def _audit_text(found: AuditView) -> str:
    difference = found.difference
    if difference is None:
        return f"{found.search}: {found.checked} recorded decisions are decided the same again"
    where = f"event {difference.seq}" + ("" if difference.trial is None else f", trial {difference.trial}")
    return "\n".join(
        (
            f"{found.search}: recorded decision {found.checked} ({where}) is decided otherwise now",
            f"recorded: {difference.recorded}",
            f"now: {difference.now}",
            *(f"  {field}" for field in difference.fields),
        )
    )


_SEARCH_COLUMNS = ("id", "name", "state", "trials", "best", "metric", "age", "reason")
_TRIAL_COLUMNS = ("number", "state", "epoch", "value", "config", "reason")
