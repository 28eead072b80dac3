"""`rung submit`: a spec file becomes a search, with single fields set on the command line."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from service.cli.connection import connect
from service.cli.console import Format, Output, say, show, table_of
from service.cli.watching import DEFAULT_POLL_S, end_with, follow_live
from service.client.specs import parse_value, read_spec


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(submit)


def submit(
    spec: Annotated[Path, typer.Argument(help="JSON or YAML file of the spec.", exists=True, dir_okay=False)],
    fields: Annotated[
        list[str] | None, typer.Option("--set", help="Set one field, e.g. budget.trials=8; may be repeated.")
    ] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Wait for the end; exit as `rung wait`.")] = False,
    watch: Annotated[bool, typer.Option("--watch", help="Watch until the end; exit as `rung wait`.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would run; submit nothing.")] = False,
    idempotency_key: Annotated[
        str | None, typer.Option(help="The same key and spec give the same search, however often sent.")
    ] = None,
    project: Annotated[str | None, typer.Option(help="Whose it is; default: your key's project.")] = None,
    output: Output = Format.TABLE,
) -> None:
    """Submit a search and print its id."""
    body = with_fields(read_spec(spec), fields or [])
    with connect() as client:
        if dry_run:
            plan = client.validate(body).model_dump(mode="json")
            show(plan, output, lambda: table_of([_plan_row(plan)]), lambda: [_plan_row(plan)])
            return
        search = client.submit(body, idempotency_key=idempotency_key, project=project)
        data = search.view.model_dump(mode="json")
        row = {"id": search.id, "name": search.view.name, "state": str(search.view.state)}
        show(data, output, lambda: search.id, lambda: [row])
        if watch:
            follow_live(search)
        if wait or watch:
            end_with(search.wait(poll_s=DEFAULT_POLL_S))
        say(f"{search.view.name} is {search.view.state}: {search.view.reason}\nnext: rung watch {search.id}")


def with_fields(spec: Mapping[str, Any], assignments: list[str]) -> dict[str, Any]:
    """The spec with `path=value` set for each assignment; values are read as YAML.

    Raises:
        ValueError: an assignment has another form, or its path leads through something that is no object.
    """
    changed = copy.deepcopy(dict(spec))
    for assignment in assignments:
        path, sign, text = assignment.partition("=")
        if not sign or not path:
            raise ValueError(f"--set: got {assignment!r}, must be path=value; e.g. --set budget.trials=8")
        *parents, last = path.split(".")
        place = changed
        for parent in parents:
            place = place.setdefault(parent, {})
            if not isinstance(place, dict):
                raise ValueError(f"--set {path}: got {place!r} at {parent!r}, must be an object; set {parent!r} itself")
        place[last] = parse_value(text)
    return changed


def _plan_row(plan: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "trials": plan["trials"],
        "grid_size": plan["grid_size"],
        "slots": plan["slots"],
        "rungs": " ".join(map(str, plan["rungs"])),
        **{name: plan["forecast"][name] for name in _COSTS},
    }


_COSTS = ("epochs", "least_epochs", "most_epochs", "wall_epochs", "exact")
"""Of a forecast, what a line has room for."""
