"""Which checkpoints of a search are kept, and how the others' files go. Which epoch is best, the ledger says."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path

from service.models import Checkpoint
from trainables.failpoints import failpoint

log = logging.getLogger(__name__)


def superfluous(
    checkpoints: Sequence[Checkpoint],
    best_epoch: int | None,
    keep: str,
    cloned_at: Iterable[int] = (),
    *,
    trains: bool = False,
) -> list[Checkpoint]:
    """The checkpoints of one trial that may go.

    Args:
        checkpoints: the live ones of one trial.
        best_epoch: epoch of its best value, None if it has none.
        keep: `best+last`, or `all`.
        cloned_at: epochs at which clones were made of it that have no checkpoint of their own yet.
        trains: whether the trial may train on, so that it must be able to go back where the newest one is damaged.

    Returns:
        All but the newest, which a new attempt starts from, the one before it while the trial trains, the newest one of
        the best epoch, and those that clones begin with.
    """
    if keep == "all" or not checkpoints:
        return []
    by_age = sorted(checkpoints, key=age)
    newest = by_age[-2:] if trains else by_age[-1:]
    best = max((c for c in checkpoints if c.epoch == best_epoch), key=age, default=by_age[-1])
    kept = [*newest, best, *(inherited(checkpoints, epoch) for epoch in cloned_at)]
    return [checkpoint for checkpoint in checkpoints if checkpoint not in kept]


def inherited(checkpoints: Iterable[Checkpoint], from_epoch: int) -> Checkpoint | None:
    """The checkpoint of a parent that its clone begins with.

    Returns:
        The newest one of `from_epoch`; where that was never written, the nearest before it; None if there is none.
    """
    return max((c for c in checkpoints if c.epoch <= from_epoch), key=lambda c: (c.epoch, c.attempt), default=None)


def remove(folders: Iterable[Path]) -> None:
    """Deletes folders. A folder that cannot be deleted is logged and left: it takes space, and nothing reads it."""
    for folder in folders:
        failpoint("retention.before_delete")
        try:
            shutil.rmtree(folder)
        except OSError as error:
            log.warning("could not delete %s (%s); it is left behind", folder, error)


def sweep(root: Path, live: Iterable[Path]) -> list[Path]:
    """Deletes what no row names: half-written checkpoints, and those whose row went before their files.

    Args:
        root: the search's folder; no gang of this search may be writing.
        live: folders of the checkpoints that the ledger lists.

    Returns:
        What was deleted.
    """
    keep = set(live)
    orphans = [folder for folder in root.glob("trial-*/attempt-*/*") if folder not in keep]
    remove(orphans)
    return orphans


def age(checkpoint: Checkpoint) -> tuple[int, int]:
    """What orders the checkpoints of one trial, the newest last."""
    return (checkpoint.attempt, checkpoint.epoch)
