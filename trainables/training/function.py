"""An attempt of a plain function: run from report to report, its folder saved when a checkpoint is due.

What the function sees is in `trainables.functions`, the thread it runs in in `turns`, how a folder becomes part of a
checkpoint in `trainables.checkpoints.folders`.
"""

from __future__ import annotations

import os
import shutil
import time
import uuid
from functools import partial
from pathlib import Path

from trainables.assignment import Assignment
from trainables.checkpoints.checkpoint import Checkpoint, CheckpointError, checkpoint_name
from trainables.checkpoints.folders import FILES, KIND, seal_folder
from trainables.checkpoints.resuming import resume_point
from trainables.functions import FunctionTrainable, Report, Run, Save
from trainables.result import CheckpointRecord
from trainables.training.attempt import EpochMeasures, FileWriter, Place, SavedFiles
from trainables.training.measures import memory
from trainables.training.seeds import derived_seed, seed_everything
from trainables.training.turns import Turns


class FunctionAttempt:
    """One rank's call of the function.

    Args:
        assignment: What to train.
        trainable: The function.
        place: Where in the gang this process stands.

    Raises:
        ValueError: The checkpoint to go on from was not written by a function.
        DamagedError: It does not verify.
    """

    def __init__(self, assignment: Assignment, trainable: FunctionTrainable, place: Place) -> None:
        self._assignment, self._place = assignment, place
        self._has_warned = False
        self._report: Report | None = None
        self.resumed_from: CheckpointRecord | None = None
        folder: Path | None = None
        checkpoint = resume_point(assignment)
        if checkpoint is not None:
            folder, self.resumed_from = _folder_of(checkpoint), checkpoint.record
        self._epoch = self.resumed_from.epoch if self.resumed_from else 0
        self._turns: Turns[Report] = Turns(partial(trainable, dict(assignment.config), self._run(folder)))

    def wrap(self) -> None:
        """Do nothing: the ranks of a function tie themselves together, if they are to be tied."""

    def run_epoch(self) -> EpochMeasures:
        """Let the function go on to its next report.

        Raises:
            ValueError: It reports no value of the objective's metric.
            RuntimeError: It returned before it reported the epoch.
            BaseException: Whatever it raises.
        """
        started_at, before = time.time(), time.perf_counter()
        if self._turns.is_new:
            seed_everything(derived_seed(self._assignment.seed, "weights"))
        report = self._turns.resume()
        if report is None:
            raise RuntimeError(
                f"{self._assignment.trainable}: got the function's end before a report of epoch {self._epoch + 1}, "
                f"must be reports up to epoch {self._assignment.epochs}; loop over run.epochs()"
            )
        self._report, self._epoch = report, report.epoch
        if self._assignment.metric not in report.metrics:
            raise ValueError(
                f"objective.metric: got {self._assignment.metric!r}, must be one of those reported, "
                f"{', '.join(sorted(report.metrics)) or 'none'}; or have {self._assignment.trainable} report it"
            )
        return EpochMeasures(
            epoch=report.epoch,
            metrics=report.metrics,
            seconds={"data": 0.0, "train": time.perf_counter() - before, "evaluate": 0.0, "checkpoint": 0.0},
            started_at=started_at,
            resources=memory(self._place.device),
            warnings=self._told(report),
            is_savable=report.checkpoint is not None,
        )

    def snapshot(self) -> FileWriter:
        """Have the function save, or copy what it saved; return what takes that into the checkpoint.

        Raises:
            CheckpointError: It saves nothing at this epoch.
            Exception: Whatever the function's own code raises.
        """
        if self._place.rank > 0:
            return lambda _: SavedFiles(files=(), aliases={}, kind=KIND)
        assert self._report is not None, "a checkpoint is of an epoch that was reported"
        save = self._report.checkpoint
        if save is None:
            raise CheckpointError(
                f"no checkpoint of epoch {self._epoch}: got a report without one, must be one to go on from; trained "
                "again from the last checkpoint, or from the start, once the trial resumes: report with checkpoint="
            )
        # In the attempt's folder, so that moving it is a rename; named as all that is not complete, which gets swept.
        scratch = Path(self._assignment.directory, f"{checkpoint_name(self._epoch)}.tmp-{uuid.uuid4().hex}")
        try:
            self._turns.do(partial(_save, save, scratch))
        except BaseException:
            shutil.rmtree(scratch, ignore_errors=True)
            raise
        return partial(_move, scratch)

    def close(self) -> None:
        """End the function: one that has trained to the last epoch runs to its end, any other is unwound.

        Raises:
            RuntimeError: It does not end.
        """
        self._turns.close(finish=self._epoch >= self._assignment.epochs)

    def seed_epoch(self, epoch: int) -> None:
        """Seed the global generators as any attempt would that trains this epoch."""
        seed_everything(derived_seed(self._assignment.seed, "epoch", epoch, self._place.rank))

    def hand_in(self, report: Report) -> None:
        """Give a report to the gang, and wait for the next epoch."""
        self._turns.hand_over(report)

    def _told(self, report: Report) -> tuple[str, ...]:
        """Say once that an epoch has no checkpoint."""
        if report.checkpoint is not None or self._place.rank > 0 or self._has_warned:
            return ()
        self._has_warned = True
        return (
            f"epoch {report.epoch} was reported without a checkpoint: paused there, the trial would be trained again "
            "from its last checkpoint, or from the start; report with checkpoint=",
        )

    def _run(self, folder: Path | None) -> Run:
        return Run(
            num_epochs=self._assignment.epochs,
            epoch=self._epoch,
            resume_from=folder,
            is_clone=self._assignment.is_clone,
            seed=derived_seed(self._assignment.seed, "function") % 2**32,  # what numpy and scikit-learn take
            rank=self._place.rank,
            world=self._place.world,
            device=str(self._place.device),
            _backstage=self,
        )


def _folder_of(checkpoint: Checkpoint) -> Path:
    kind = checkpoint.manifest["kind"]
    if kind != KIND:
        raise ValueError(
            f"{checkpoint.path}: got a checkpoint of kind {kind!r}, must be {KIND!r} to go on with a function; "
            "the trainable's name meant something else when it was written"
        )
    return checkpoint.path / FILES


def _save(save: Path | Save, scratch: Path) -> None:
    if isinstance(save, Path):
        shutil.copytree(save, scratch, symlinks=True)
        return
    scratch.mkdir(parents=True)
    save(scratch)


def _move(scratch: Path, aside: Path) -> SavedFiles:
    try:
        os.rename(scratch, aside / FILES)
        return SavedFiles(files=seal_folder(aside), aliases={}, kind=KIND)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
