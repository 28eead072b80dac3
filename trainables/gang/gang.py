"""The gang as Ray Tune sees it: an actor that trains one epoch per step and is reused from trial to trial.

Its processes are in `processes`, what each does in `rank`, how a checkpoint gets written beside the training in
`saving`. This module gives them assignments, decides when a checkpoint is due, and says what came of an epoch. It stops
nothing: the runner does that.
"""

from __future__ import annotations

import json
import logging
import math
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import ray
import torch
from ray import tune

from trainables.assignment import Assignment
from trainables.checkpoints.checkpoint import CheckpointError
from trainables.checkpoints.stores import Store, StoreUnavailableError, open_store
from trainables.failpoints import failpoint
from trainables.gang.processes import Limits, Processes
from trainables.gang.saving import Saving
from trainables.integrations.logger import Loggers, Moment
from trainables.logs import configure_logging
from trainables.result import CheckpointRecord, EpochResult, Failure
from trainables.training.attempt import EpochMeasures
from trainables.training.measures import of_all_ranks

log = logging.getLogger(__name__)

RESULT_KEY = "rung"
"""Key of the EpochResult in the dictionary that Tune passes on."""

PATIENCE_S = 0.1
"""Seconds that a gang waits for a checkpoint before it trains on: most of a small model are told at once then."""

POINTER = "rung-checkpoint.json"
"""All that one of Tune's own checkpoints holds: the path of ours."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Pulse:
    """A gang's sign of life: the Ray node it is on, and the process ids of its ranks, in order."""

    node: str
    pids: tuple[int, ...]


class Gang(tune.Trainable):  # type: ignore[misc]  # Ray ships no types that strict mode can follow
    """A warm gang. Tune's configuration holds `assignment` (see Assignment.to_dict) and maybe `limits` (see Limits).

    A checkpoint that is due is copied at the end of its epoch, and written while the next one trains if that takes
    longer than a moment: its record comes with the result of that next epoch then, or from `commit_checkpoint`. Nothing
    is told of it before it is complete.

    A user's exception, running out of GPU memory and NaN come back as results. Raised is only what leaves the processes
    unfit for use: Tune then throws the actor away, and its children go with it.
    """

    _failure: Failure | None
    _record: CheckpointRecord | None
    _saving: Saving | None
    _fetched: Path | None
    _store: Store
    _is_owed: bool

    def setup(self, config: dict[str, Any]) -> None:
        """Start the processes and take the first assignment.

        Raises:
            Exception: The processes cannot be started.
        """
        configure_logging()
        assignment = Assignment.from_dict(config["assignment"])
        workers, cpus, gpus = self._shape = assignment.shape
        self._node = ray.get_runtime_context().get_node_id()
        self._processes = Processes(
            assignment.search,
            workers=workers,
            cpus=cpus,
            gpus=gpus,
            limits=Limits(**config.get("limits", {})),
        )
        self._saving = None
        self._fetched = None
        self._loggers = Loggers(assignment)
        self._assign(assignment)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Take another assignment, keeping processes, process group and data.

        Returns:
            False if it needs another number of processes, or others than these.

        Raises:
            Exception: A failure left the ranks out of step and they cannot be brought together again.
        """
        assignment = Assignment.from_dict(new_config["assignment"])
        if assignment.shape != self._shape:
            return False
        self._settle()
        self._processes.heal()
        self._loggers.close()
        self._loggers = Loggers(assignment)
        self._assign(assignment)
        return True

    def pulse(self) -> Pulse:
        """Say where the gang's processes are: a sign of life, asked for while another thread trains."""
        return Pulse(node=self._node, pids=self._processes.pids)

    def step(self) -> dict[str, EpochResult]:
        """Train one epoch and return its result under "rung".

        After a failure every further step returns that failure, until the next assignment.

        Raises:
            RankDiedError: A rank's process is gone.
            RuntimeError: A rank's GPU is in a state that only a new process gets out of.
        """
        began_at = time.time()
        measures = None if self._failure else self._run_epoch()
        before = time.perf_counter()
        record, error = self._settle()
        if measures is None:
            return {RESULT_KEY: self._result(epoch=self._epoch + 1, started_at=began_at, checkpoint=record)}
        if self._checkpoint_is_due(measures):
            try:
                self._begin_checkpoint()
            except CheckpointError as caught:
                error = str(caught)
        patience_s = None if self._epoch == self._assignment.epochs else PATIENCE_S
        if record is None and error is None and self._saving is not None and self._saving.is_done(within_s=patience_s):
            record, error = self._settle()
        moment = Moment(
            epoch=self._epoch, metrics=measures.metrics, resources=measures.resources, view=self._processes.view
        )
        unlogged = self._loggers.log(moment)
        failpoint("epoch.before_report")
        return {
            RESULT_KEY: self._result(
                epoch=self._epoch,
                started_at=measures.started_at,
                metrics=measures.metrics,
                checkpoint=record,
                checkpoint_error=error,
                checkpoint_pending=self._saving is not None,
                seconds={**measures.seconds, "checkpoint": time.perf_counter() - before},
                resources=measures.resources,
                warnings=(*measures.warnings, *unlogged),
            )
        }

    def commit_checkpoint(self) -> CheckpointRecord:
        """Return the checkpoint of the current epoch, writing it now if there is none.

        Right after a resumption, that is the one resumed from.

        Raises:
            CheckpointError: It could not be written, or the attempt has failed; nothing is left in its place.
            RankDiedError: A rank's process is gone.
        """
        if self._failure:
            raise CheckpointError(
                f"trial {self._assignment.trial}: got a failed attempt ({self._failure.message}), must be a sound one "
                "to write a checkpoint; go back to an earlier one"
            )
        if self._record is None:
            if self._saving is None:
                self._begin_checkpoint()
            assert self._saving is not None
            saving, self._saving = self._saving, None
            self._record = saving.record()
        return self._record

    def try_to_commit(self) -> CheckpointRecord | str:
        """As `commit_checkpoint`, with what is wrong as a text: a full disk is no reason to lose the gang."""
        try:
            return self.commit_checkpoint()
        except CheckpointError as error:
            return str(error)

    def save_checkpoint(self, checkpoint_dir: str) -> None:
        """Give Tune a pointer to our own checkpoint, which it may copy about at no cost."""
        Path(checkpoint_dir, POINTER).write_text(json.dumps({"path": self.commit_checkpoint().path}))

    def load_checkpoint(self, checkpoint: str) -> None:
        """Resume the assignment in hand from where one of Tune's pointers leads."""
        path = json.loads(Path(checkpoint, POINTER).read_text())["path"]
        if path != self._assignment.resume_from:
            self._processes.heal()
            self._assign(replace(self._assignment, resume_from=path))

    def cleanup(self) -> None:
        """End the other ranks; called by Tune when it stops the actor."""
        self._settle()
        self._let_go()
        self._loggers.close()
        self._processes.close()

    def __repr__(self) -> str:
        return f"{self._processes.name}/rank-0"

    def _assign(self, assignment: Assignment) -> None:
        log.info("trial %d, attempt %d: %s", assignment.trial, assignment.attempt, dict(assignment.config))
        self._assignment = assignment
        self._epoch = 0
        self._record = None
        self._metrics: Mapping[str, float] = {}
        self._best_loss = math.inf if assignment.best_loss_so_far is None else assignment.best_loss_so_far
        self._is_owed = False
        self._let_go()
        self._failure = self._bring(assignment)
        if not self._failure:
            here = replace(assignment, resume_from=str(self._fetched) if self._fetched else None)
            self._failure = _first_failure(self._processes.each("build", here))
        if not self._failure:
            self._failure = _first_failure(self._processes.together("wrap"))
        if not self._failure:
            self._record = self._processes.resumed_from
        if self._record is not None:
            self._record = replace(self._record, path=str(assignment.resume_from))
            self._epoch, self._metrics = self._record.epoch, self._record.metrics
        if assignment.is_clone or assignment.is_continuation:
            self._record = None  # it is the parent's, which may be deleted as soon as there is one of this trial's own

    def _bring(self, assignment: Assignment) -> Failure | None:
        """Bring the checkpoint to go on from to this node, for all ranks."""
        self._store = open_store(assignment.store, Path(assignment.store_root))
        if assignment.resume_from is None:
            return None
        try:
            self._fetched = self._store.fetch(Path(assignment.resume_from))
        except StoreUnavailableError as error:
            return Failure.of(error, "store", 0)
        return None

    def _let_go(self) -> None:
        if self._fetched is not None:
            self._store.let_go(self._fetched)
            self._fetched = None

    def _run_epoch(self) -> EpochMeasures | None:
        outcomes = self._processes.together("run_epoch")
        self._failure = _first_failure(outcomes)
        if self._failure:
            return None
        measures = _of_all_ranks(outcomes)
        self._epoch, self._metrics, self._record = measures.epoch, measures.metrics, None
        return measures

    def _checkpoint_is_due(self, measures: EpochMeasures) -> bool:
        assignment = self._assignment
        value = measures.metrics[assignment.metric]
        loss = value if assignment.mode == "min" else -value
        is_best = loss < self._best_loss  # never so for NaN
        if is_best:
            self._best_loss = loss
        return measures.is_savable and (
            self._is_owed
            or measures.epoch % assignment.every_epochs == 0
            or measures.epoch == assignment.epochs
            or (is_best and assignment.scope == "best")
        )

    def _begin_checkpoint(self) -> None:
        saving = Saving(self._processes, Path(self._assignment.directory), self._epoch, self._store)
        saving.begin(self._metrics, self._facts())
        self._saving = saving

    def _settle(self) -> tuple[CheckpointRecord | None, str | None]:
        """Wait for the checkpoint that is being written, if there is one; return its record, or what is wrong."""
        saving, self._saving = self._saving, None
        try:
            record = saving.record() if saving else None
        except CheckpointError as error:
            self._is_owed = True  # tried again with the next epoch's, whether that would be due or not
            return None, str(error)
        if record is not None:
            self._is_owed = False
        return record, None

    def _facts(self) -> dict[str, Any]:
        assignment = self._assignment
        return {
            "search": assignment.search,
            "trial": assignment.trial,
            "attempt": assignment.attempt,
            "lease_epoch": assignment.lease_epoch,
            "trainable": assignment.trainable,
            "import_path": assignment.import_path,
            "config": dict(assignment.config),
            "seed": assignment.seed,
            "world_size": assignment.workers,
            "torch": torch.__version__,
        }

    def _log(self, result: EpochResult) -> EpochResult:
        trial = self._assignment.trial
        if result.failure is not None:
            log.error("trial %d failed in epoch %d:\n%s", trial, result.epoch, result.failure.traceback)
        else:
            shown = ", ".join(f"{name} {value:.6g}" for name, value in result.metrics.items())
            log.info("trial %d, epoch %d: %s", trial, result.epoch, shown)
        return result

    def _result(
        self,
        *,
        epoch: int,
        started_at: float,
        metrics: Mapping[str, float] | None = None,
        checkpoint: CheckpointRecord | None = None,
        checkpoint_error: str | None = None,
        checkpoint_pending: bool = False,
        seconds: Mapping[str, float] | None = None,
        resources: Mapping[str, float] | None = None,
        warnings: tuple[str, ...] = (),
    ) -> EpochResult:
        result = EpochResult(
            epoch=epoch,
            metrics=metrics or {},
            checkpoint=checkpoint,
            checkpoint_error=checkpoint_error,
            checkpoint_pending=checkpoint_pending,
            pids=self._processes.pids,
            gang=self._processes.name,
            node=self._node,
            started_at=started_at,
            ended_at=time.time(),
            seconds=seconds or {},
            failure=self._failure,
            resources=resources or {},
            warnings=warnings,
        )
        return self._log(result)


def _of_all_ranks(parts: Sequence[EpochMeasures]) -> EpochMeasures:
    """Return rank 0's measures, with what the epoch cost all ranks and what any of them has to say."""
    return replace(
        parts[0],
        resources=of_all_ranks([part.resources for part in parts]),
        warnings=tuple(dict.fromkeys(warning for part in parts for warning in part.warnings)),
    )


def _first_failure(outcomes: Iterable[Any]) -> Failure | None:
    """Return the earliest failure: the others are what the rest of the ranks noticed of it."""
    failures = [outcome for outcome in outcomes if isinstance(outcome, Failure)]
    return min(failures, key=lambda failure: failure.at, default=None)
