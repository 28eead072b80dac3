"""Reports that wait for the ledger, in a file that outlives the runner. Who puts them there is `desk`.

One JSON line a report, durable when `add` returns; a line that a crash cut off counts for nothing. The file is on the
disk of the runner's node: a runner that starts on another node does not find it, and trains those epochs again.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from trainables import CheckpointRecord, EpochResult, Failure


@dataclass(frozen=True, kw_only=True, slots=True)
class Spooled:
    """One report: whose, and what the gang handed back."""

    trial: int
    attempt: int
    result: EpochResult


class Spool:
    """The reports of one search that wait.

    Args:
        file: where; its folder is made, mode 0700.
        most: reports that may wait at once.
    """

    def __init__(self, file: Path, most: int) -> None:
        self._file = file
        self._most = most
        self._waiting = 0

    @property
    def is_full(self) -> bool:
        """Whether no further report may wait."""
        return self._waiting >= self._most

    def add(self, trial: int, attempt: int, result: EpochResult) -> None:
        """Makes one report durable.

        Raises:
            OSError: the disk does not take it.
        """
        self._file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        line = json.dumps({"trial": trial, "attempt": attempt, "result": asdict(result)}) + "\n"
        with self._file.open("a") as file:
            file.write(line)
            file.flush()
            os.fsync(file.fileno())
        self._waiting += 1

    def settled(self) -> None:
        """One report is in the ledger, or needs not be; with the last one the file goes."""
        self._waiting -= 1
        if self._waiting == 0:
            self.clear()

    def clear(self) -> None:
        """Forgets all."""
        self._waiting = 0
        self._file.unlink(missing_ok=True)

    def left(self) -> Iterator[Spooled]:
        """What an earlier runner of the search left behind, in its order."""
        if not self._file.exists():
            return
        for line in self._file.read_text().splitlines(keepends=True):
            if line.endswith("\n"):
                raw = json.loads(line)
                yield Spooled(trial=raw["trial"], attempt=raw["attempt"], result=_result(raw["result"]))


def _result(raw: dict[str, Any]) -> EpochResult:
    parts = {
        "checkpoint": CheckpointRecord(**raw["checkpoint"]) if raw["checkpoint"] else None,
        "failure": Failure(**raw["failure"]) if raw["failure"] else None,
        "pids": tuple(raw["pids"]),
        "warnings": tuple(raw["warnings"]),
    }
    return EpochResult(**{**raw, **parts})
