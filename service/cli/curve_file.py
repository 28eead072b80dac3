"""Reads curves from a CSV, of a search that ran or from anywhere else. What becomes of them is not decided here."""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from search_spaces import Parameter, Space, SpaceError
from service.algorithms.simulator import Step

T = TypeVar("T")
Curve = tuple[dict[str, Any], list[Step]]

_BOOLEANS = {"true": True, "false": False}


def read_curves(file: Path, space: Space, metric: str) -> list[Curve]:
    """The curves of a table that has one line an epoch, in the order of their first lines.

    Columns: one for each parameter, `NAME` or `config.NAME`, empty where it is inactive; `epoch`, from 1 without a gap;
    the metric, `METRIC` or `metrics.METRIC`, empty where it was not finite; `seconds`, how long the epoch took, 1 if
    there is no such column; `trial`, whose epoch it is. Without that column all lines of one configuration are one
    curve. Other columns are ignored. Rows are counted as a spreadsheet does: the names are in row 1.

    Raises:
        ValueError: with file, row and column of the first fault.
        OSError: the file cannot be read.
    """
    with file.open(newline="", encoding="utf-8-sig") as text:
        reader = csv.DictReader(text, restval="")
        table = _Table(file, space, _columns(file, reader.fieldnames or (), space, metric))
        for cells in reader:
            table.add(_Line(file, reader.line_num, cells))
    if not table.curves:
        raise ValueError(f"{file}: got no rows, must have one for each epoch of each configuration")
    return [table.curve(epochs) for epochs in table.curves.values()]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Columns:
    """The names of the columns that are read; empty: there is none."""

    parameters: Mapping[str, str]
    epoch: str
    metric: str
    seconds: str
    trial: str


@dataclass(frozen=True, slots=True)
class _Line:
    """One line of the file."""

    file: Path
    row: int
    cells: Mapping[str, str]

    def read(self, column: str, convert: Callable[[str], T], must: str) -> T:
        """The cell, converted."""
        try:
            return convert(self.cells[column])
        except ValueError:
            raise self.fault(column, f"got {self.cells[column]!r}, must be {must}; correct it") from None

    def fault(self, column: str, message: str) -> ValueError:
        place = f"row {self.row}, column {column}" if column else f"row {self.row}"
        return ValueError(f"{self.file}: {place}: {message}")


class _Table:
    """What has been read so far: by trial or configuration, its epochs with their lines."""

    def __init__(self, file: Path, space: Space, columns: _Columns) -> None:
        self._file = file
        self._space = space
        self._columns = columns
        self._configs: dict[tuple[str, ...], dict[str, Any]] = {}
        self.curves: dict[Any, dict[int, tuple[_Line, Step]]] = {}

    def add(self, line: _Line) -> None:
        columns, config = self._columns, self._config(line)
        epoch = line.read(columns.epoch, _epoch, "a whole number from 1")
        seconds = line.read(columns.seconds, _seconds, "a number of seconds, at least 0") if columns.seconds else 1.0
        step = Step(value=line.read(columns.metric, _value, "a number, or empty"), seconds=seconds)
        curve = self.curves.setdefault(line.cells[columns.trial] if columns.trial else tuple(config.items()), {})
        if epoch in curve:
            row = curve[epoch][0].row
            raise line.fault(columns.epoch, f"got {epoch} again, as in row {row}; keep one, or name trials in `trial`")
        if curve and self._config(next(iter(curve.values()))[0]) != config:
            raise line.fault(
                columns.trial, "got another configuration than above, must be one for each trial; split it"
            )
        curve[epoch] = (line, step)

    def curve(self, epochs: Mapping[int, tuple[_Line, Step]]) -> Curve:
        """A configuration with its steps, in the order of its epochs."""
        ordered = sorted(epochs)
        for must, got in enumerate(ordered, 1):
            if must != got:
                line = epochs[got][0]
                raise line.fault(
                    self._columns.epoch, f"got {got}, must be {must}: a curve has no gap; add epoch {must}"
                )
        return self._config(epochs[1][0]), [epochs[epoch][1] for epoch in ordered]

    def _config(self, line: _Line) -> dict[str, Any]:
        named = self._columns.parameters
        texts = tuple(line.cells[column].strip() for column in named.values())
        if texts not in self._configs:
            given = dict(zip(named, texts, strict=True))
            read = {p.name: _parameter(p, given[p.name]) for p in self._space.parameters if given.get(p.name)}
            try:
                self._configs[texts] = self._space.check(read, path="")
            except SpaceError as error:
                name = error.path.removeprefix(".")
                raise line.fault(named.get(name, name), error.message) from None
        return self._configs[texts]


def _columns(file: Path, names: Sequence[str], space: Space, metric: str) -> _Columns:
    def find(*candidates: str) -> str:
        return next((name for name in candidates if name in names), "")

    found = {p.name: find(f"config.{p.name}", p.name) for p in space.parameters}
    columns = _Columns(
        parameters={name: column for name, column in found.items() if column},
        epoch=find("epoch"),
        metric=find(f"metrics.{metric}", metric),
        seconds=find("seconds"),
        trial=find("trial"),
    )
    for what, column in (("epoch", columns.epoch), (metric, columns.metric)):
        if not column:
            raise ValueError(f"{file}: row 1: got no column {what}, must have one; there are {', '.join(names)}")
    return columns


def _parameter(parameter: Parameter, text: str) -> Any:
    """The reading of a cell that the parameter can have; where there is none, the simplest, to be refused."""
    readings = list(_readings(text))
    for reading in readings:
        with suppress(SpaceError):
            return parameter.domain.canonical(reading, parameter.name)
    return readings[0]


def _readings(text: str) -> Iterator[Any]:
    """A CSV does not tell 1 from 1.0, "1" and true: whatever it may mean, numbers first."""
    for convert in (int, float):
        with suppress(ValueError):
            yield convert(text)
    if text.lower() in _BOOLEANS:
        yield _BOOLEANS[text.lower()]
    yield text


def _epoch(text: str) -> int:
    number = float(text)
    if not number.is_integer() or number < 1:
        raise ValueError
    return int(number)


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 <= seconds < math.inf:
        raise ValueError
    return seconds


def _value(text: str) -> float | None:
    value = float(text or "nan")
    return value if math.isfinite(value) else None
