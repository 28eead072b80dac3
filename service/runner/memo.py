"""What a run keeps in memory of its trials, and the assignment that a gang gets from it. It decides nothing.

The ledger has all of it; `recovery` makes it anew.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from service.algorithms import draw_seed
from service.models import Search
from service.schemas import SearchSpec
from trainables import Assignment


@dataclass(frozen=True, kw_only=True, slots=True)
class Saved:
    """A committed checkpoint that an attempt can go on from: its folder, its epoch, its manifest's SHA-256."""

    path: Path
    epoch: int
    manifest_sha256: str


@dataclass(kw_only=True, slots=True)
class TrialMemo:
    """What the run must know of a trial that has not ended. The ledger has it all; this is its copy in memory.

    Attributes:
        epoch: last epoch that the Study was told.
        attempts: attempts begun.
        faults: of these, ended by a fault of the gang.
        best_loss: lowest loss up to the newest checkpoint; None if there is none.
        checkpoint: the newest committed one; None if there is none.
        parent: the trial that it is a clone of.
        from_epoch: the parent's epoch at which it was cloned.
        continues: the first trial of those that it goes on with; None: it is a trial of its own.
        goal: the epoch to which it trains before it is decided about again.
    """

    config: dict[str, Any]
    epoch: int = 0
    attempts: int = 0
    faults: int = 0
    best_loss: float | None = None
    checkpoint: Saved | None = None
    parent: int | None = None
    from_epoch: int = 0
    continues: int | None = None
    goal: int = 0


@dataclass(kw_only=True, slots=True)
class Live:
    """A trial that a gang trains, or that Tune is finding a gang for.

    Attributes:
        attempt: number of the attempt.
        start: the checkpoint that it begins with, its own or its parent's; None for epoch 0.
        epochs: to which the gang trains; more may be wanted by then.
        begun: whether the gang has taken it up, so that the ledger has a row of the attempt.
        leaving: the attempt has ended; only the gang has not let go yet.
    """

    attempt: int
    start: Saved | None = None
    epochs: int = 0
    begun: bool = False
    leaving: bool = False

    @property
    def start_epoch(self) -> int:
        """The epoch that it begins after."""
        return self.start.epoch if self.start else 0


def assignment_of(
    search: Search,
    spec: SearchSpec,
    number: int,
    memo: TrialMemo,
    *,
    lease_epoch: int,
    directory: Path,
    logs: Path,
    start: Saved | None,
    store: str = "",
    store_root: Path = Path(),
) -> Assignment:
    """The next attempt of a trial, for a gang.

    Args:
        search: its search.
        spec: the search's spec, resolved.
        number: the trial's.
        memo: what is known of the trial.
        lease_epoch: of the runner's lease.
        directory: where the attempt's checkpoints go.
        logs: where the trial's integrations write.
        store: URL of the object store, if there is one.
        store_root: the root of all checkpoints' paths.
        start: the checkpoint that it begins with: its own, or its parent's where it has none of its own yet.
    """
    assert spec.budget.epochs is not None
    assert spec.objective.metric is not None
    assert spec.objective.mode is not None
    inherits = start is not None and start is not memo.checkpoint
    return Assignment(
        search=search.id,
        trial=number,
        attempt=memo.attempts + 1,
        lease_epoch=lease_epoch,
        trainable=search.trainable,
        import_path=search.trainable_path,
        config=memo.config,
        epochs=spec.budget.epochs,
        seed=draw_seed(spec.seed, number if memo.continues is None else memo.continues),
        workers=spec.resources.workers,
        cpus_per_worker=spec.resources.cpus_per_worker,
        gpus_per_worker=spec.resources.gpus_per_worker,
        directory=str(directory),
        resume_from=str(start.path) if start else None,
        store=store,
        store_root=str(store_root),
        resume_sha256=start.manifest_sha256 if start else None,
        is_clone=inherits and memo.continues is None,
        is_continuation=inherits and memo.continues is not None,
        every_epochs=spec.checkpoints.every_epochs,
        metric=spec.objective.metric,
        mode=spec.objective.mode,
        scope=spec.objective.scope,
        best_loss_so_far=memo.best_loss,
        on_out_of_memory=spec.retries.oom,
        integrations=spec.integrations.chosen(),
        logs=str(logs),
    )
