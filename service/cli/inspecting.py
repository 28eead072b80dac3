"""`rung trainables`: what there is to train, what a model is made of, and how many samples at once fit into memory.

What there is, the service says. Models are built on this machine, in a process of their own (`child`), with what
`RUNG_TRAINABLES` and the installed packages name.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer
from rich.console import Group, RenderableType

from service.cli.connection import connect
from service.cli.console import Format, Output, say, show, table_of
from service.cli.probing import Probing, summarised
from service.client.specs import parse_value

Name = Annotated[str, typer.Argument(metavar="NAME", help="A trainable, as `rung trainables` lists them.")]
Whole = Annotated[str | None, typer.Option("--config", help="The configuration, as JSON or YAML: '{lr: 0.1}'.")]
Single = Annotated[list[str] | None, typer.Option("-p", help="One parameter, e.g. -p lr=0.1; may be repeated.")]

app = typer.Typer(help="What can be trained: list, describe, measure.")


def register(parent: typer.Typer) -> None:
    """Adds the commands."""
    parent.add_typer(app, name="trainables")


@app.callback(invoke_without_command=True)
def trainables(context: typer.Context) -> None:
    """What can be trained: list (the default), describe, measure."""
    if context.invoked_subcommand is None:
        ls()


@app.command()
def ls(output: Output = Format.TABLE) -> None:
    """List what can be trained."""
    with connect() as client:
        views = client.trainables()
    rows = [
        {
            "name": view.name,
            "metric": view.objective.get("metric"),
            "parameters": " ".join(view.space),
            "doc": view.doc.strip().partition("\n")[0] or view.error,
        }
        for view in views
    ]
    show([view.model_dump(mode="json") for view in views], output, lambda: table_of(rows), lambda: rows)


@app.command(name="show")
def show_trainable(name: Name, output: Output = Format.TABLE) -> None:
    """Show one trainable: documentation, space, defaults."""
    with connect() as client:
        views = {view.name: view for view in client.trainables()}
    if name not in views:
        raise ValueError(f"trainable: got {name!r}, must be one of {', '.join(views)}; `rung trainables` lists them")
    data = views[name].model_dump(mode="json")
    rows = [{"parameter": parameter, **entry} for parameter, entry in data["space"].items()]
    show(data, output, lambda: _description(data, rows), lambda: rows)


@app.command()
def summary(name: Name, config: Whole = None, p: Single = None, output: Output = Format.TABLE) -> None:
    """Print a model's layers, what each makes of a batch of two samples, and its parameters."""
    data = summarised(name, _given(config, p or []))
    show(data, output, lambda: _layers(data), lambda: data["layers"])


@app.command()
def probe(
    name: Name,
    config: Whole = None,
    p: Single = None,
    memory_gb: Annotated[
        float | None,
        typer.Option(min=0.001, help="Resident memory a worker may take on a CPU, in GB (10^9 bytes); needed there."),
    ] = None,
    most: Annotated[int | None, typer.Option(min=1, help="Largest size to try; default: all training samples.")] = None,
    output: Output = Format.TABLE,
) -> None:
    """Find the largest micro-batch that fits on this machine, by taking real steps."""
    limit_bytes = None if memory_gb is None else int(memory_gb * 1e9)
    data = Probing(name, _given(config, p or []), limit_bytes).run(most, lambda step: say(_step_line(step)))
    show(data, output, lambda: _found(data), lambda: data["steps"])


def _given(config: str | None, assignments: list[str]) -> dict[str, Any]:
    """The parameters that the command line names."""
    given = parse_value(config) if config else {}
    if not isinstance(given, dict):
        raise ValueError(f"--config: got {config!r}, must be an object; e.g. --config '{{lr: 0.1}}'")
    for assignment in assignments:
        name, sign, text = assignment.partition("=")
        if not sign or not name:
            raise ValueError(f"-p: got {assignment!r}, must be name=value; e.g. -p lr=0.1")
        given[name] = parse_value(text)
    return given


def _description(data: Mapping[str, Any], rows: list[dict[str, Any]]) -> RenderableType:
    if data["error"]:
        return f"{data['name']}: {data['error']}"
    facts = {name: data[name] for name in ("objective", "budget")} | {"metrics": " ".join(data["metrics"])}
    return Group(data["doc"], "", table_of([facts]), "", table_of(rows))


def _layers(data: Mapping[str, Any]) -> RenderableType:
    rows = [
        {
            "layer": "  " * layer["depth"] + (layer["name"] or data["trainable"]),
            "kind": layer["kind"],
            "output shape": _shape(layer["output_shape"]),
            "weights": layer["parameters"] or None,
        }
        for layer in data["layers"]
    ]
    total = (
        f"{data['parameters']:,} parameters, {data['trainable_parameters']:,} of them learn; {data['bytes']:,} bytes. "
        f"Shapes are those of {data['samples']} samples."
    )
    return Group(table_of(rows), "", total, _of(data))


def _found(data: Mapping[str, Any]) -> str:
    most, too_much = data["largest"], data["smallest_too_large"]
    fits = "no micro-batch fits" if most is None else f"micro-batches of {most:,} fit"
    rest = "as large as any that was to be tried" if too_much is None else f"{too_much:,} do not"
    limit = "" if data["memory_limit_bytes"] is None else f", limit {_megabytes(data['memory_limit_bytes'])}"
    before = f"{_megabytes(data['peak_bytes'])} before the first step"
    return f"{fits}; {rest}\nmeasured: {data['measured']} ({data['device']}{limit}); {before}\n{_of(data)}"


def _step_line(step: Mapping[str, Any]) -> str:
    took = f"{step['seconds']:.3f} s" if step["fits"] else f"does not fit: {step['why']}"
    return f"{step['micro_batch']:>9,}  {_megabytes(step['peak_bytes']):>10}  {took}"


def _of(data: Mapping[str, Any]) -> str:
    values = " ".join(f"{name}={value}" for name, value in data["config"].items())
    return f"of {data['trainable']} with {values or 'an empty configuration'}"


def _shape(shape: Any) -> str:
    return " x ".join(map(str, shape))


def _megabytes(count: int) -> str:
    return f"{count / 1e6:,.0f} MB"
