"""A gang without processes: it trains epochs of a known curve and writes small checkpoints. It decides nothing."""

from __future__ import annotations

import hashlib
from pathlib import Path

from trainables import Assignment, CheckpointRecord, EpochResult, Failure, verify
from trainables.checkpoints.checkpoint import CheckpointWriter, seal

NAN_SHARE = 0.05
"""Share of the configurations whose last epochs are not a number."""


def loss_of(config: dict, epoch: int) -> float:
    """A curve that depends on the configuration only, so that a repeated epoch repeats its value."""
    noise = int.from_bytes(hashlib.sha256(repr(sorted(config.items())).encode()).digest()[:4]) / 2**32
    return float("nan") if noise < NAN_SHARE and epoch > 1 else noise + 1.0 / epoch


class Gang:
    """A pretended gang with one assignment.

    Like a real one it may write a checkpoint while it trains the next epoch: its record then comes with the next
    result, or is what `finish` waits for.

    Args:
        assignment: from the run.
        writes_beside: whether checkpoints are written while the next epoch trains.
    """

    def __init__(self, assignment: Assignment, *, writes_beside: bool) -> None:
        self.assignment = assignment
        self.writes_beside = writes_beside
        self.epoch = 0 if assignment.resume_from is None else verify(assignment.resume_from).epoch
        self._pending: int | None = None

    def train(self) -> EpochResult:
        """One epoch."""
        done = self.write(self._pending) if self._pending is not None else None
        self._pending = None
        self.epoch += 1
        due = self.epoch % self.assignment.every_epochs == 0 or self.epoch == self.assignment.epochs
        if due and self.writes_beside:
            self._pending = self.epoch
        elif due:
            done = self.write(self.epoch)
        return self._result(done, pending=self._pending is not None)

    def fail(self) -> EpochResult:
        """The user's code raises in the next epoch."""
        self.epoch += 1
        failure = Failure(kind="user", message="ValueError: no", traceback="...", rank=0)
        return self._result(None, pending=False, failure=failure)

    def finish(self) -> CheckpointRecord | str:
        """Waits for the checkpoint that is being written, or writes one of the epoch it is at."""
        epoch, self._pending = self._pending or self.epoch, None
        return self.write(epoch)

    def die(self, *, just_saved: bool) -> None:
        """Its processes end, right before or right after the checkpoint in the making is in place."""
        if self._pending is None:
            return
        if just_saved:
            self.write(self._pending)
        else:
            (self._writer(self._pending).aside / "weights.bin").write_bytes(b"half")

    def write(self, epoch: int) -> CheckpointRecord:
        """A checkpoint of an epoch, by the same writer as a real gang's."""
        writer = self._writer(epoch)
        weights = writer.aside / "weights.bin"
        weights.write_bytes(f"{self.assignment.trial}/{epoch}/{sorted(self.assignment.config.items())}".encode())
        metrics = {"loss": loss_of(dict(self.assignment.config), epoch)}
        return writer.commit([seal(weights)], metrics, {"config": dict(self.assignment.config)})

    def _writer(self, epoch: int) -> CheckpointWriter:
        return CheckpointWriter(Path(self.assignment.directory), epoch)

    def _result(self, done: CheckpointRecord | None, *, pending: bool, failure: Failure | None = None) -> EpochResult:
        return EpochResult(
            epoch=self.epoch,
            metrics={} if failure else {"loss": loss_of(dict(self.assignment.config), self.epoch)},
            checkpoint=done,
            checkpoint_error=None,
            checkpoint_pending=pending,
            pids=(1, 2),
            gang="gang",
            node="node",
            started_at=1.0,
            ended_at=2.0,
            seconds={},
            failure=failure,
        )
