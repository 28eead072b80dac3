"""Checkpoints that were complete when their gang or their runner went, before a report could tell of them.

A checkpoint is written while the next epoch trains, so its row comes with the next report. Whoever takes a trial up
again looks on disk first: what is whole there counts.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from trainables import CheckpointError, CheckpointRecord, verify


def unrecorded(folders: Iterable[Path], *, after: int, upto: int) -> CheckpointRecord | None:
    """The newest whole checkpoint that the ledger does not know.

    Args:
        folders: the trial's last attempt's, one for each lease that it may have been written under.
        after: epoch of the newest one that the ledger knows.
        upto: the last epoch that the Study was told of: beyond it a trial must not begin, or a report would be missing.
    """
    by_epoch = {_epoch(path): path for folder in folders for path in folder.glob("epoch-????")}
    for epoch in sorted(by_epoch, reverse=True):
        if after < epoch <= upto:
            try:
                return verify(by_epoch[epoch])
            except CheckpointError:
                continue
    return None


def _epoch(path: Path) -> int:
    return int(path.name.removeprefix("epoch-"))
