"""Syne Tune 0.16: ASHA, its BOHB (ASHA with a density model) and CQR (full trainings), called as its `Tuner` does.

Settings: its baselines' own defaults (reduction factor 3, first rung at epoch 1), our number of epochs. Its spaces
have no conditions: every parameter is always there. A training that turns NaN is reported as failed, for its models
take no NaN.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from benchmarks.quality.contestants.peer import METRIC, TIME, BestSoFar, Peer, Problem
from benchmarks.quality.contestants.translation import syne_tune_flat
from service.algorithms.actions import ActionKind
from service.algorithms.proposals import Proposal

_EPOCH_ZERO = datetime(2000, 1, 1, tzinfo=UTC)


class SyneTune(Peer):
    """One of its baselines; none of these three pauses a trial."""

    def __init__(self, problem: Problem, scheduler: Callable[[Any, Problem, dict[str, Any]], Any]) -> None:
        super().__init__(problem)
        logging.getLogger("syne_tune").setLevel(logging.ERROR)
        from syne_tune.backend.trial_status import Trial
        from syne_tune.optimizer import baselines
        from syne_tune.optimizer.scheduler import SchedulerDecision

        self._trial = Trial
        self._stop = SchedulerDecision.STOP
        self._scheduler = scheduler(baselines, problem, syne_tune_flat(problem.space))
        self._full = not hasattr(self._scheduler, "max_t")
        self._best_so_far = BestSoFar(problem.mode)

    def next(self) -> Proposal:
        """Ask for a configuration, and say that it began."""
        suggestion = self._scheduler.suggest()
        trial = self._trial(trial_id=len(self._handles), config=dict(suggestion.config), creation_time=_EPOCH_ZERO)
        self._scheduler.on_trial_add(trial)
        return self.start(trial, trial.config)

    def report(self, handle: Any, epoch: int, value: float) -> ActionKind:
        """Hand on a result; a trial ends by its verdict, by itself or by NaN."""
        if math.isnan(value):
            self._scheduler.on_trial_error(handle)
            return ActionKind.STOP
        shown = self._best_so_far.take(handle.trial_id, value) if self._full else value
        result = {METRIC: shown, TIME: epoch}
        if self._scheduler.on_trial_result(handle, result) == self._stop:
            self._scheduler.on_trial_remove(handle)
            return ActionKind.COMPLETE if self.is_last(epoch) else ActionKind.STOP
        if self.is_last(epoch):
            self._scheduler.on_trial_complete(handle, result)
            return ActionKind.COMPLETE
        return ActionKind.CONTINUE


def asha(baselines: Any, problem: Problem, space: dict[str, Any]) -> Any:
    """Return its ASHA, the stopping variant, over random configurations."""
    return baselines.ASHA(space, time_attr=TIME, max_t=problem.max_epochs, **_common(problem))


def bohb(baselines: Any, problem: Problem, space: dict[str, Any]) -> Any:
    """Return its BOHB."""
    return baselines.BOHB(space, time_attr=TIME, max_t=problem.max_epochs, **_common(problem))


def cqr(baselines: Any, problem: Problem, space: dict[str, Any]) -> Any:
    """Return its conformal quantile regression."""
    return baselines.CQR(space, **_common(problem))


def _common(problem: Problem) -> dict[str, Any]:
    return {"metric": METRIC, "do_minimize": problem.mode == "min", "random_seed": problem.seed}
