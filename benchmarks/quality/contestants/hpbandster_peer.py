"""HpBandSter's own BOHB: its master, iterations and model, with nobody but us on the network it would talk to.

Settings: its defaults, budgets from 1 to the full number of epochs, eta 3; a budget is rounded to whole epochs. Its
workers keep checkpoints by configuration and train on from the last budget, as everybody does here. The master draws
from numpy's global generator, which the caller seeds.
"""

from __future__ import annotations

import logging
import math
from typing import Any
from unittest import mock

from benchmarks.quality.contestants.peer import ETA, Peer, Problem
from benchmarks.quality.contestants.translation import configspace
from service.algorithms.actions import ActionKind
from service.algorithms.proposals import Proposal


class _Offline:
    """A dispatcher without a network: we take the jobs ourselves."""

    def __init__(self, *_args: Any, **_kwargs: Any) -> None:
        """Take what a dispatcher takes."""

    def run(self) -> None:
        """End at once; the real one serves here."""


class HpBandSter(Peer):
    """Its `run` loop turned inside out: each round of it answers one free worker."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem)
        from hpbandster.core.dispatcher import Job
        from hpbandster.optimizers import BOHB

        logging.getLogger("hpbandster").setLevel(logging.CRITICAL)
        self._job = Job
        with mock.patch("hpbandster.core.master.Dispatcher", _Offline):
            self._master = BOHB(
                configspace=configspace(problem.space, problem.seed),
                run_id="quality",
                eta=ETA,
                min_budget=1,
                max_budget=problem.max_epochs,
            )
        self._budgets: dict[Any, tuple[dict[str, Any], float]] = {}

    def next(self) -> Proposal:
        """Take the next run of the first iteration that has one; begin another iteration if none has."""
        run = self._next_run()
        while run is None:
            number = len(self._master.iterations)
            self._master.iterations.append(self._master.get_next_iteration(number, {"result_logger": None}))
            run = self._next_run()
        identity, config, budget = run
        seen = identity in self._budgets
        self._budgets[identity] = config, budget
        return self.resume(identity) if seen else self.start(identity, config)

    def _next_run(self) -> Any:
        runs = (self._master.iterations[number].get_next_run() for number in self._master.active_iterations())
        run = next((run for run in runs if run is not None), None)
        self._master.num_running_jobs += run is not None
        return run

    def report(self, handle: Any, epoch: int, value: float) -> ActionKind:
        """Hand in the job when its budget is trained, or crashed when it diverges before."""
        config, budget = self._budgets[handle]
        if epoch < max(1, round(budget)) and not math.isnan(value):
            return ActionKind.CONTINUE
        job = self._job(handle, config=config, budget=budget)
        if not math.isnan(value):
            job.result = {"loss": value if self.problem.mode == "min" else -value, "info": {}}
        self._master.job_callback(job)
        if math.isnan(value):
            return ActionKind.STOP
        return ActionKind.COMPLETE if self.is_last(epoch) else ActionKind.PAUSE
