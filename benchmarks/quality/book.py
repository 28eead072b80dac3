"""The results: one CSV file for each method under runs/, a line for each run, appended as soon as it is known.

A line of other code than today's stays, and counts for nothing.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from benchmarks.quality.run import Outcome

FOLDER = Path(__file__).with_name("runs")
_COLUMNS = ("task", "workers", "seed", "code", "best", "trials", "epochs", "decision_seconds", "regrets")


class Key(NamedTuple):
    """Which run; the contestant is the file's."""

    task: str
    workers: int
    seed: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """A run with its result."""

    key: Key
    code: str
    """The hash of what decided it."""
    outcome: Outcome


class Book:
    """The results of one method."""

    def __init__(self, method: str, folder: Path | None = None) -> None:
        """Open it; nothing is read or made yet.

        Args:
            method: the contestant's name.
            folder: where its file is; None: where all of them are.
        """
        self.method = method
        self._path = (folder or FOLDER) / f"{method}.csv"

    def lines(self) -> Iterator[Line]:
        """Return all lines in the order in which they were written; none where the file is missing."""
        if not self._path.exists():
            return
        with self._path.open(newline="") as file:
            for row in csv.DictReader(file):
                yield _read(row)

    def append(self, line: Line) -> None:
        """Write a line; the file is begun with the names of its columns."""
        self._path.parent.mkdir(exist_ok=True)
        is_new = not self._path.exists()
        with self._path.open("a", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            if is_new:
                writer.writerow(_COLUMNS)
            writer.writerow(_cells(line))


def _cells(line: Line) -> Sequence[object]:
    outcome = line.outcome
    best = "" if outcome.best is None else repr(outcome.best)
    seconds = f"{outcome.decision_seconds:.3f}"
    regrets = " ".join(f"{regret:.4f}" for regret in outcome.regrets)
    return (*line.key, line.code, best, outcome.trials, outcome.epochs, seconds, regrets)


def _read(row: dict[str, str]) -> Line:
    outcome = Outcome(
        regrets=[float(regret) for regret in row["regrets"].split()],
        best=float(row["best"]) if row["best"] else None,
        trials=int(row["trials"]),
        epochs=int(row["epochs"]),
        decision_seconds=float(row["decision_seconds"]),
    )
    return Line(key=Key(row["task"], int(row["workers"]), int(row["seed"])), code=row["code"], outcome=outcome)
