"""Checkpoints that were complete when their gang or their runner went, before a report could tell of them.

A checkpoint is written while the next epoch trains, so its row comes with the next report. Whoever takes a trial up
again looks on disk first: what is whole there counts.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from trainables import CheckpointError, CheckpointRecord
from trainables.checkpoints.checkpoint import read


def unrecorded(folders: Iterable[Path], search: str, trial: int, *, after: int, upto: int) -> CheckpointRecord | None:
    """The newest whole checkpoint that the ledger does not know.

    Args:
        search: its manifest must name this search.
        trial: and this trial: files that were put in a wrong folder are nobody's.
        folders: the trial's last attempt's, one for each lease that it may have been written under.
        after: epoch of the newest one that the ledger knows.
        upto: the last epoch that the Study was told of: beyond it a trial must not begin, or a report would be missing.
    """
    by_epoch = {_epoch(path): path for folder in folders for path in folder.glob("epoch-????")}
    for epoch in sorted(by_epoch, reverse=True):
        if after < epoch <= upto:
            try:
                found = read(by_epoch[epoch])
            except CheckpointError:
                continue
            if (found.manifest.get("search"), found.manifest.get("trial")) == (search, trial):
                return found.record
    return None


def _epoch(path: Path) -> int:
    return int(path.name.removeprefix("epoch-"))
