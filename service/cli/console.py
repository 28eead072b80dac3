"""What every command prints with: results on stdout as table, JSON, YAML or CSV; what is said to a person on stderr."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from typing import Annotated, Any

import typer
import yaml
from rich.console import Console
from rich.table import Table
from rich.text import Text

Row = Mapping[str, Any]

_UNFOLDED = 4096
_FOLDED = frozenset({"config", "reason", "doc", "parameters"})


class Format(StrEnum):
    """How a result is printed."""

    TABLE = "table"
    JSON = "json"
    YAML = "yaml"
    CSV = "csv"


Output = Annotated[Format, typer.Option("--output", "-o", help="How to print it.")]
"""The option `-o` of every command that reads."""


def console(*, stderr: bool = False) -> Console:
    """A console on today's stdout or stderr: no markup, and where no person looks no line is folded."""
    made = Console(stderr=stderr, highlight=False, markup=False, soft_wrap=True)
    if not made.is_terminal:
        made.width = _UNFOLDED
    return made


def say(text: str, style: str = "") -> None:
    """Tells a person something, on stderr."""
    console(stderr=True).print(Text(text, style=style))


def complain(message: str, way_out: str | None = None) -> None:
    """Tells a person what went wrong and what to do next."""
    say(message, "red")
    if way_out:
        say(way_out)


def show(data: Any, form: Format, table: Callable[[], Any], rows: Callable[[], Sequence[Row]]) -> None:
    """Prints a result.

    Args:
        data: all of it, JSON-able; for json and yaml.
        table: makes what rich prints for a person.
        rows: makes the flat rows for csv.
    """
    writers: Mapping[Format, Callable[[], None]] = {
        Format.TABLE: lambda: console().print(table()),
        Format.JSON: lambda: console().print(json.dumps(data, indent=2, ensure_ascii=False)),
        Format.YAML: lambda: console().print(yaml.safe_dump(data, sort_keys=False, allow_unicode=True).rstrip()),
        Format.CSV: lambda: _write_csv(rows()),
    }
    writers[form]()


def table_of(rows: Sequence[Row], columns: Sequence[str] | None = None) -> Table:
    """A plain table; columns default to all keys in the order of their first row."""
    names = list(columns or dict.fromkeys(name for row in rows for name in row))
    table = Table(box=None, pad_edge=False, header_style="bold", expand=any(name in _FOLDED for name in names))
    for name in names:
        numeric = any(isinstance(row.get(name), int | float) for row in rows)
        folds = name in _FOLDED
        table.add_column(
            name,
            justify="right" if numeric else "left",
            overflow="fold",
            no_wrap=not folds,
            ratio=1 if folds else None,  # what is left of the line, in equal parts
        )
    for row in rows:
        table.add_row(*(Text(cell(row.get(name))) for name in names))
    return table


def cell(value: Any) -> str:
    """One value for a person: six digits of a number, nothing for None, `name=value` for a mapping."""
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, Mapping):
        return " ".join(f"{name}={cell(inner)}" for name, inner in value.items())
    return str(value)


def duration(seconds: float) -> str:
    """Seconds for a person: `8 s`, `3 min 05 s`, `2 h 07 min`."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02} min"
    return f"{minutes} min {rest:02} s" if minutes else f"{rest} s"


def _write_csv(rows: Sequence[Row]) -> None:
    names = list(dict.fromkeys(name for row in rows for name in row))
    writer = csv.DictWriter(sys.stdout, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
