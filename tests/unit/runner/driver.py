"""Plays Tune for a `Run`: hands assignments to pretended gangs and reports their epochs, in a seeded order. No Ray."""

from __future__ import annotations

import hashlib
import random
from pathlib import Path

from service.runner.run import Run, Verdict
from service.states import Intent
from trainables import Assignment, CheckpointRecord, EpochResult, Failure


def loss_of(config: dict, epoch: int) -> float:
    """A curve that depends on the configuration only, so that a repeated epoch repeats its value."""
    noise = int.from_bytes(hashlib.sha256(repr(sorted(config.items())).encode()).digest()[:4]) / 2**32
    return noise + 1.0 / epoch


class Gang:
    """A pretended gang with one assignment."""

    def __init__(self, assignment: Assignment) -> None:
        self.assignment = assignment
        self.epoch = 0
        if assignment.resume_from is not None:
            folder = Path(assignment.resume_from)
            assert (folder / "manifest.json").exists(), f"asked to resume from {folder}, which is not there"
            self.epoch = int(folder.name.removeprefix("epoch-"))

    def commit_checkpoint(self) -> CheckpointRecord:
        """Writes a folder that stands for a checkpoint."""
        folder = Path(self.assignment.directory) / f"epoch-{self.epoch:04d}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "manifest.json").write_text("{}")
        return CheckpointRecord(path=str(folder), epoch=self.epoch, bytes=2, manifest_sha256="0" * 64, metrics={})

    def train(self, **changes) -> EpochResult:
        """One epoch; `changes` replace fields of its result."""
        self.epoch += 1
        due = self.epoch % self.assignment.every_epochs == 0 or self.epoch == self.assignment.epochs
        facts = {
            "epoch": self.epoch,
            "metrics": {"loss": loss_of(dict(self.assignment.config), self.epoch)},
            "checkpoint": self.commit_checkpoint() if due else None,
            "checkpoint_error": None,
            "pids": (1, 2),
            "gang": "gang",
            "node": "node",
            "started_at": 1.0,
            "ended_at": 2.0,
            "seconds": {},
            "failure": None,
        }
        return EpochResult(**(facts | changes))


class Driver:
    """Steps a run by hand.

    Attributes:
        gangs: what trains at present, by trial.
    """

    def __init__(self, run: Run, seed: int = 0) -> None:
        self.run = run
        self.gangs: dict[int, Gang] = {}
        self.chance = random.Random(seed)

    def fill(self) -> None:
        """Takes assignments as long as there are any."""
        while (assignment := self.run.next_assignment()) is not None:
            assert assignment.trial not in self.gangs, "a trial was handed out while a gang has it"
            self.gangs[assignment.trial] = Gang(assignment)
            self.run.begun(assignment.trial)

    def report(self, trial: int, **changes) -> Verdict:
        """One epoch of one trial; nobody acts on the verdict yet."""
        gang = self.gangs[trial]
        return self.run.reported(trial, gang.train(**changes), gang.commit_checkpoint)

    def train(self, trial: int, **changes) -> Verdict:
        """One epoch of one trial, and what follows from the verdict."""
        verdict = self.report(trial, **changes)
        if verdict is Verdict.COMMIT_THEN_END:
            self.run.checkpointed(trial, self.gangs[trial].commit_checkpoint())
        if verdict is not Verdict.CONTINUE:
            self.release(trial)
        return verdict

    def fail(self, trial: int) -> Verdict:
        """The user's code raises."""
        failure = Failure(kind="user", message="ValueError: no", traceback="...", rank=0)
        return self.train(trial, failure=failure, metrics={}, checkpoint=None)

    def crash(self, trial: int) -> None:
        """The gang's processes die."""
        self.run.broke(trial, "a rank died")
        self.release(trial)

    def release(self, trial: int) -> None:
        """Tune lets go of the gang."""
        del self.gangs[trial]
        self.run.released(trial)

    def step(self) -> None:
        """One thing that may happen."""
        self.run.obey(Intent.RUN, self.run.slots)
        if not self.run.finished:
            self.fill()
        if self.gangs:
            self.train(self.chance.choice(sorted(self.gangs)))

    def to_the_end(self, most: int = 5000) -> None:
        """Steps until the search has ended."""
        for _ in range(most):
            self.step()
            if self.run.finished:
                return
        raise AssertionError(f"the search did not end; live {self.run.live}, ready {len(self.run.ready)}")
