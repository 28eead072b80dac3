"""Checkpoints that were complete when their gang or their runner went, before a report could tell of them.

A checkpoint is written while the next epoch trains, so its row comes with the next report. Whoever takes a trial up
again looks into the store first: what is whole there counts.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from trainables import CheckpointError, CheckpointRecord
from trainables.checkpoints.checkpoint import Checkpoint, read
from trainables.checkpoints.stores import Store, StoreUnavailableError

log = logging.getLogger(__name__)


def unrecorded(
    store: Store, trial_folder: Path, attempt: int, search: str, trial: int, *, after: int, upto: int
) -> CheckpointRecord | None:
    """The newest whole checkpoint of an attempt that the ledger does not know; None while the store does not answer.

    Args:
        store: where it lives.
        trial_folder: of the trial.
        attempt: its last one, under whatever lease.
        search: its manifest must name this search.
        trial: and this trial: files that were put in a wrong folder are nobody's.
        after: epoch of the newest one that the ledger knows.
        upto: the last epoch that the Study was told of: beyond it a trial must not begin, or a report would be missing.
    """
    try:
        for folder in _newest_first(store, trial_folder, attempt):
            if after < _epoch(folder) <= upto:
                found = _whole(store, folder)
                if found and (found.manifest.get("search"), found.manifest.get("trial")) == (search, trial):
                    return replace(found.record, path=str(folder))
    except StoreUnavailableError as error:
        log.warning("trial %d of search %s: nothing could be looked for: %s", trial, search, error)
    return None


def _newest_first(store: Store, trial_folder: Path, attempt: int) -> Iterator[Path]:
    of_attempt = f"attempt-{attempt}-"
    written = (f for f in store.folders(trial_folder) if f.parent.name.startswith(of_attempt) and _is_named(f))
    return iter(sorted(written, key=_epoch, reverse=True))


def _whole(store: Store, folder: Path) -> Checkpoint | None:
    fetched = store.fetch(folder)
    try:
        return read(fetched)
    except CheckpointError:
        return None
    finally:
        store.let_go(fetched)


def _is_named(folder: Path) -> bool:
    return folder.name.removeprefix("epoch-").isdigit()


def _epoch(folder: Path) -> int:
    return int(folder.name.removeprefix("epoch-"))
