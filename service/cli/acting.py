"""What a person asks of running searches: `rung stop cancel pause resume set enqueue`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Literal

import typer
import yaml

from service.cli.connection import connect
from service.cli.console import say
from service.client import Search
from service.errors import FieldFault, InvalidInput

SearchId = Annotated[str, typer.Argument(metavar="ID", help="Id of the search.")]
"""The argument of every command about one search."""

Verb = Literal["stop", "cancel", "pause", "resume"]

_SomeId = Annotated[str | None, typer.Argument(metavar="[ID]", help="Id of the search; none with a filter.")]
_State = Annotated[str | None, typer.Option("--state", help="Instead of an id: all in this state.")]
_Tag = Annotated[str | None, typer.Option("--tag", help="Instead of an id: all with this key, or key=value.")]
_DryRun = Annotated[bool, typer.Option("--dry-run", help="With a filter: only count them.")]
_Assignments = Annotated[
    list[str],
    typer.Argument(metavar="NAME=VALUE...", help="Values are YAML; budget.trials=200 reaches into the budget."),
]


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    for command in (stop, cancel, pause, resume, enqueue):
        app.command()(command)
    app.command(name="set")(set_fields)


def stop(search_id: _SomeId = None, state: _State = None, tag: _Tag = None, dry_run: _DryRun = False) -> None:
    """Start no new trial; running ones finish."""
    _ask("stop", Search.stop, "no new trial starts, running ones finish", search_id, state, tag, dry_run)


def cancel(search_id: _SomeId = None, state: _State = None, tag: _Tag = None, dry_run: _DryRun = False) -> None:
    """End a search now; what it has found so far is kept."""
    _ask("cancel", Search.cancel, "its trials end now, its best checkpoint is kept", search_id, state, tag, dry_run)


def pause(search_id: _SomeId = None, state: _State = None, tag: _Tag = None, dry_run: _DryRun = False) -> None:
    """Give back all slots at the next reports; trials wait with their checkpoints until `rung resume`."""
    _ask("pause", Search.pause, "its trials give back their gangs at their next report", search_id, state, tag, dry_run)


def resume(search_id: _SomeId = None, state: _State = None, tag: _Tag = None, dry_run: _DryRun = False) -> None:
    """Take a pause back."""
    _ask("resume", Search.resume, "its trials go on from their checkpoints", search_id, state, tag, dry_run)


def set_fields(search_id: SearchId, assignments: _Assignments) -> None:
    """Change a search while it runs: parallelism, priority, weight, deadline, tags.KEY, budget.FIELD."""
    changes = _read(assignments)
    with connect() as client:
        search = client.search(search_id).change(**changes)
    say(f"{search.id} is changed, version {search.view.version}\nnext: rung show {search.id}")


def enqueue(search_id: SearchId, assignments: _Assignments) -> None:
    """Add a configuration, to be tried next; parameters left out are sampled."""
    config = {name: _value(text) for name, text in map(_split, assignments)}
    with connect() as client:
        search = client.search(search_id).enqueue(config)
    say(f"{search.id} tries it next\nnext: rung watch {search.id}")


def _ask(
    verb: Verb,
    one: Callable[[Search], Search],
    what: str,
    search_id: str | None,
    state: str | None,
    tag: str | None,
    dry_run: bool,
) -> None:
    is_filter = state is not None or tag is not None
    if is_filter == (search_id is not None) or (dry_run and not is_filter):
        raise ValueError(f"rung {verb}: got neither an id nor a filter, or both; must be one: an id, --state or --tag")
    with connect() as client:
        if search_id is not None:
            search = one(client.search(search_id))
            say(f"{search.id} is {search.view.state}: {what}\nnext: rung wait {search.id}")
            return
        done = client.ask_all(verb, state=state, tag=tag, dry_run=dry_run)
    say(f"{done.matched} searches {'would be asked' if dry_run else 'were asked'}: {', '.join(done.searches)}")
    for name, reason in done.refused.items():
        say(f"{name}: {reason}", "red")


def _read(assignments: list[str]) -> dict[str, Any]:
    changes: dict[str, Any] = {}
    for name, text in map(_split, assignments):
        outer, dot, inner = name.partition(".")
        if dot:
            changes.setdefault(outer, {})[inner] = text if outer == "tags" and text != "null" else _value(text)
        else:
            changes[outer] = text if outer == "deadline" and text != "null" else _value(text)
    return changes


def _split(assignment: str) -> tuple[str, str]:
    name, equals, text = assignment.partition("=")
    if not equals or not name:
        fault = FieldFault(path=assignment, message="got no value, must be NAME=VALUE; e.g. parallelism=8")
        raise InvalidInput.of(fault)
    return name, text


def _value(text: str) -> Any:
    return yaml.safe_load(text)
