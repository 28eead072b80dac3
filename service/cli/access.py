"""`rung keys`, `rung projects`, `rung audit-log`: who may do what, and who did what."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Annotated, Any

import typer

from service.access import Scope
from service.cli.connection import connect
from service.cli.console import Format, Output, say, show, table_of
from service.schemas.views import View

keys = typer.Typer(help="API keys: make, list, revoke.", no_args_is_help=True)
projects = typer.Typer(help="Projects, which see nothing of each other: make, list.", no_args_is_help=True)


def register(parent: typer.Typer) -> None:
    """Adds the commands."""
    parent.add_typer(keys, name="keys")
    parent.add_typer(projects, name="projects")
    parent.command(name="audit-log")(audit_log)


@keys.command(name="create")
def create_key(
    name: Annotated[str, typer.Argument(metavar="NAME", help="For people: whose key, or what for.")],
    scope: Annotated[list[Scope], typer.Option("--scope", help="What it may do; may be repeated.")],
    project: Annotated[
        str | None, typer.Option(help="The only project that it sees; default: that of your own key.")
    ] = None,
    expires_days: Annotated[float | None, typer.Option(min=0, help="Days until it ends; default: never.")] = None,
) -> None:
    """Make a key and print it, this once."""
    expires_at = None if expires_days is None else datetime.now(UTC) + timedelta(days=expires_days)
    with connect(retry_s=0.0) as client:  # sent twice it would make two
        made = client.admin.create_key(name, scope, project=project, expires_at=expires_at)
    print(made.key)  # noqa: T201 - whole and bare, for a pipe
    seen = "every project" if made.project is None else f"the project {made.project}"
    say(f"key {made.id} sees {seen} and may {', '.join(made.scopes)}; it is shown this once")
    say(f"next: export RUNG_TOKEN=<key>     (rung keys revoke {made.id} ends it)")


@keys.command(name="ls")
def list_keys(output: Output = Format.TABLE) -> None:
    """List the keys, those that have ended included."""
    with connect() as client:
        _show(list(client.admin.keys()), output, _KEY_COLUMNS)


@keys.command(name="revoke")
def revoke_key(key: Annotated[str, typer.Argument(metavar="ID", help="Id of the key.")]) -> None:
    """End a key at once and for good, and every browser's session with it."""
    with connect() as client:
        view = client.admin.revoke_key(key)
    say(f"key {view.id} ({view.name}) ended at {view.revoked_at}")


@projects.command(name="create")
def create_project(name: Annotated[str, typer.Argument(metavar="NAME", help="Its name, for good.")]) -> None:
    """Make a project."""
    with connect() as client:
        view = client.admin.create_project(name)
    say(f"project {view.name} is there\nnext: rung keys create NAME --project {view.name} --scope searches:read")


@projects.command(name="ls")
def list_projects(output: Output = Format.TABLE) -> None:
    """List the projects that your key sees."""
    with connect() as client:
        _show(client.admin.projects(), output, _PROJECT_COLUMNS)


def audit_log(
    key: Annotated[str | None, typer.Option(help="Only of this key's id, or `operator`.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="Lines at most.")] = 100,
    output: Output = Format.TABLE,
) -> None:
    """Show who wrote what, newest first; refused attempts included."""
    with connect() as client:
        _show(list(islice(client.admin.audit_log(key=key), limit)), output, _AUDIT_COLUMNS)


def _show(views: Sequence[View], output: Format, columns: Sequence[str]) -> None:
    rows = [_row(view) for view in views]
    show([view.model_dump(mode="json") for view in views], output, lambda: table_of(rows, columns), lambda: rows)


def _row(view: View) -> dict[str, Any]:
    return {
        name: " ".join(value) if isinstance(value, list) else value
        for name, value in view.model_dump(mode="json").items()
    }


_KEY_COLUMNS = ("id", "name", "project", "scopes", "expires_at", "revoked_at", "last_used_at")
_PROJECT_COLUMNS = ("name", "created_at")
_AUDIT_COLUMNS = ("at", "principal", "project", "method", "path", "status")
