"""What a person asks of a search that has ended, or that another one begins with: `rung extend retry branch`."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from service.cli.acting import SearchId
from service.cli.connection import connect
from service.cli.console import Format, Output, say, show
from service.cli.submitting import with_fields
from service.client import Search

_States = Annotated[
    list[str] | None, typer.Option("--state", help="Trials in this state: failed (the default), cancelled, stopped.")
]
_Numbers = Annotated[list[int] | None, typer.Option("--trial", help="Only this trial; may be repeated.")]
_Fields = Annotated[
    list[str] | None, typer.Option("--set", help="Change one field, e.g. budget.trials=8; may be repeated.")
]


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    for command in (extend, retry, branch):
        app.command()(command)


def extend(
    search_id: SearchId,
    trials: Annotated[int | None, typer.Option(help="Configurations to try in all.")] = None,
    epochs: Annotated[int | None, typer.Option(help="Epochs of a trial; complete ones train on to them.")] = None,
    seconds: Annotated[float | None, typer.Option(help="Wall-clock seconds from now on.")] = None,
    gpu_hours: Annotated[float | None, typer.Option(help="GPU-hours in all.")] = None,
    failures: Annotated[int | None, typer.Option(help="Failed trials that are borne in all.")] = None,
    deadline: Annotated[str | None, typer.Option(help="Time with its zone at which it ends.")] = None,
) -> None:
    """Let a search go on with a larger budget, also after its end."""
    asked = {
        "trials": trials,
        "epochs": epochs,
        "seconds": seconds,
        "gpu_hours": gpu_hours,
        "failures": failures,
        "deadline": deadline,
    }
    budget: dict[str, Any] = {name: value for name, value in asked.items() if value is not None}
    with connect() as client:
        _tell(client.search(search_id).extend(**budget))


def retry(search_id: SearchId, states: _States = None, trials: _Numbers = None) -> None:
    """Go on with trials that failed, were cancelled or stopped, from their last checkpoints."""
    with connect() as client:
        _tell(client.search(search_id).retry(states or ["failed"], trials))


def branch(search_id: SearchId, fields: _Fields = None, output: Output = Format.TABLE) -> None:
    """Submit a new search from an old one; it begins with the old results that fit. Prints its id."""
    with connect() as client:
        search = client.search(search_id).branch(with_fields({}, fields or []))
    view = search.view
    row = {"id": search.id, "name": view.name, "state": str(view.state)}
    show(view.model_dump(mode="json"), output, lambda: search.id, lambda: [row])
    for parent in view.lineage.parents:
        reasons = "".join(f"; {num} left out: {why}" for why, num in parent.left_out.items())
        say(f"begins with {parent.trials} trials of {parent.search}{reasons}")
    say(f"next: rung watch {search.id}")


def _tell(search: Search) -> None:
    say(f"{search.id} is {search.view.state}: {search.view.reason}\nnext: rung watch {search.id}")
