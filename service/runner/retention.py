"""Which checkpoints of a search are kept, and how the others' files go. Which epoch is best, the ledger says."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from pathlib import Path

from service.models import Checkpoint
from trainables.checkpoints.stores import Store, StoreUnavailableError
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


def remove(store: Store, folders: Iterable[Path]) -> None:
    """Deletes checkpoints. One that cannot be deleted is logged and left to the next sweep; nothing reads it."""
    for folder in folders:
        failpoint("retention.before_delete")
        try:
            store.remove(folder)
        except OSError as error:
            log.warning("could not delete %s (%s); it is left behind", folder, error)


def listed(store: Store, root: Path) -> list[Path]:
    """The checkpoints of a search that are there, half-written ones too; none while the store does not answer.

    Args:
        store: where they live.
        root: the search's folder.
    """
    try:
        return list(store.folders(root))
    except StoreUnavailableError as error:
        log.warning("could not sweep %s (%s); what is left behind waits for the next runner", root, error)
        return []


def sweep(store: Store, there: Iterable[Path], live: Iterable[Path]) -> list[Path]:
    """Deletes what no row names: half-written checkpoints, and those whose row went before their files.

    Args:
        store: where they live.
        there: what was listed while no gang of this search was writing.
        live: folders of the checkpoints that the ledger lists, read after that.

    Returns:
        What was deleted.
    """
    keep = set(live)
    orphans = [folder for folder in there if folder not in keep]
    remove(store, orphans)
    return orphans


def age(checkpoint: Checkpoint) -> tuple[int, int]:
    """What orders the checkpoints of one trial, the newest last."""
    return (checkpoint.attempt, checkpoint.epoch)
