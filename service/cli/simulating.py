"""`rung simulate`: a spec on curves that are known already, in no time and without a service."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Group, RenderableType

from service.cli.console import Format, Output, duration, show, table_of
from service.cli.submitting import with_fields
from service.client.specs import read_spec

_MOMENTS = 10
"""Improvements that the table shows at most: the last ones."""


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(simulate)


def simulate(
    spec: Annotated[Path, typer.Argument(help="JSON or YAML file of the spec.", exists=True, dir_okay=False)],
    curves: Annotated[
        Path,
        typer.Option(
            help="CSV with a line for each epoch: parameters, epoch, the metric; trial, seconds if known.",
            exists=True,
            dir_okay=False,
        ),
    ],
    fields: Annotated[
        list[str] | None, typer.Option("--set", help="Set one field, e.g. budget.trials=8; may be repeated.")
    ] = None,
    workers: Annotated[int | None, typer.Option(min=1, help="Trials at once; default: the spec's parallelism.")] = None,
    seconds: Annotated[
        float | None, typer.Option(min=0.001, help="Break off then, by the curves' time; default: budget.seconds.")
    ] = None,
    output: Output = Format.TABLE,
) -> None:
    """Say what a search would do and cost on known curves; needs no service."""
    from service.cli.simulation import simulated  # all algorithms: a second that no other command shall take

    data = simulated(with_fields(read_spec(spec), fields or []), curves, workers=workers, seconds=seconds)
    show(data, output, lambda: _tables(data), lambda: data["best_over_time"])


def _tables(data: Mapping[str, Any]) -> RenderableType:
    best = data["best"] and {
        **{name: value for name, value in data["best"].items() if name != "config"},
        **{f"config.{name}": value for name, value in data["best"]["config"].items()},
    }
    facts = {
        "trials": data["trials"],
        "epochs": data["epochs"],
        "repeated": data["repeated_epochs"],
        "time": duration(data["seconds"]),
        "busy": "" if data["busy"] is None else f"{data['busy']:.0%}",
        "ended": "by itself" if data["done"] else "at the time limit",
    }
    parts = [
        table_of([facts]),
        table_of([data["states"]]),
        table_of(data["rungs"]),
        table_of(data["best_over_time"][-_MOMENTS:]),
        table_of([best]) if best else "no trial reported a finite value",
    ]
    return Group(*(line for part in parts for line in (part, "")))
