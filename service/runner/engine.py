"""Tune's controller with a search plugged in, stepped one event at a time. Which search, others say."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable

from ray.train._internal.storage import StorageContext
from ray.tune.execution.placement_groups import PlacementGroupFactory
from ray.tune.registry import register_trainable

from service.runner.adapter import GANG, Assignments, Link, Starts, Verdicts
from service.runner.controller import GangController
from service.runner.run import Run
from service.runner.spool import Spool
from service.runner.watch import GangWatch
from service.schemas import Resources
from trainables.gang.processes import Limits

_TUNE_ENVIRONMENT = {
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",  # 0.08 s a trial, for files that nobody reads
    "TUNE_GLOBAL_CHECKPOINT_S": "1000000000",  # nothing is ever restored from Tune's snapshots
    "TUNE_WARN_INSUFFICENT_RESOURCE_THRESHOLD_S": "1000000000",  # the coordinator says what a search waits for
    "TUNE_FORCE_TRIAL_CLEANUP_S": "10",  # a gang that does not end is killed after 10 s, not 600
    "TUNE_PRINT_ALL_TRIAL_ERRORS": "0",  # the ledger has them
}

_IDLE_S = 0.005
"""Pause after a step in which nothing happened; Tune's own wait is skipped when no gang exists."""


class Engine:
    """Runs the trials of one search on gangs.

    Call `step` until the run is finished, then `close`. All calls come from one thread.
    """

    def __init__(self, run: Run, *, limits: Limits, spool: Spool) -> None:
        """Args:
        run: the search; from now on only the engine's own thread touches it, see `ask`.
        limits: of the gangs.
        spool: reports that wait for the ledger.
        """
        os.environ.update(_TUNE_ENVIRONMENT)
        from trainables.gang.gang import Gang  # here, so that nothing but a runner and its gangs imports torch

        register_trainable(GANG, Gang)
        gang = placement_group(run.spec.resources)
        # Tune insists on a folder of its own; nothing of worth is ever in it.
        storage = StorageContext(storage_path=tempfile.gettempdir(), experiment_dir_name=f"rung-tune-{run.search.id}")
        self._run = run
        self._link = Link(run, spool)
        verdicts = Verdicts(self._link)
        self._controller = GangController(
            gang=gang,
            watch=GangWatch(limits.silence_s),
            on_fault=self._link.fault,
            search_alg=Assignments(self._link, gang, storage, limits),
            scheduler=verdicts,
            callbacks=[Starts(self._link)],
            storage=storage,
        )
        verdicts.attach(self._controller)
        self._slots = 0

    def step(self) -> None:
        """One event of Tune's, at most; nothing once the run is finished.

        Raises:
            Fenced: another runner has taken over.
            Exception: whatever else went wrong inside one of Tune's hooks, as it was raised.
        """
        self._link.desk.collect()
        if self._run.finished:
            return
        if self._run.slots != self._slots:
            self._slots = self._run.slots
            self._controller.set_slots(self._slots)
        began = time.monotonic()
        self._controller.step()
        if self._link.error is not None:
            raise self._link.error
        if time.monotonic() - began < _IDLE_S:
            time.sleep(_IDLE_S)

    def ask(self, call: Callable[[], None]) -> None:
        """Has something asked of the run, in its turn; nothing while the ledger is away."""
        if not self._link.desk.is_away:
            self._link.desk.ask(call)

    def close(self) -> None:
        """Ends all gangs; waits some seconds for them at most, then kills them."""
        self._link.desk.close()
        for trial in list(self._link.runs.values()):
            self._controller.stop_trial(trial)
        self._controller.cleanup()


def placement_group(resources: Resources) -> PlacementGroupFactory:
    """One bundle a rank, all on one node."""
    bundle = {"CPU": resources.cpus_per_worker}
    if resources.gpus_per_worker:
        bundle["GPU"] = resources.gpus_per_worker
    return PlacementGroupFactory([bundle] * resources.workers, strategy="STRICT_PACK")
