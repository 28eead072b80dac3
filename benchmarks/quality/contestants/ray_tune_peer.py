"""Ray Tune's own schedulers and searchers: ASHA, HyperBandForBOHB with TuneBOHB, HyperOptSearch; no Ray is started.

A stand-in for the controller calls them in the order of ray.tune.execution.tune_controller: it asks the searcher for
trials up to the limit, then the scheduler which one to run; a result goes to the scheduler first, and to the searcher
unless it ends the trial. Settings: reduction factor 3, our number of epochs, as many concurrent trials as workers, and
conditions where they can be had (TuneBOHB takes a ConfigSpace, HyperOptSearch a hyperopt space). NaN is told as NaN.
ASHA's brackets and TuneBOHB's model draw from numpy's global generator, which the caller seeds.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from benchmarks.quality.contestants.peer import ETA, METRIC, TIME, BestSoFar, Peer, Problem
from benchmarks.quality.contestants.translation import configspace, hyperopt, tune_flat, unfold
from service.algorithms.actions import ActionKind
from service.algorithms.proposals import Proposal


@dataclass(eq=False)
class _Trial:
    """What schedulers look at in a trial."""

    trial_id: str
    config: dict[str, Any]
    status: str = "PENDING"
    is_saving: bool = False
    last_result: dict[str, Any] = field(default_factory=dict)


class _Controller:
    """What schedulers call on a controller. `search_alg` stands for the generator around a searcher, and hands on."""

    def __init__(self, scheduler: Any, searcher: Any) -> None:
        self.search_alg = self
        self.searcher = searcher
        self._scheduler = scheduler
        self.trials: list[_Trial] = []
        self.live: dict[_Trial, None] = {}

    def get_trials(self) -> list[_Trial]:
        """Return the trials that have not ended; the schedulers look for nothing else among them."""
        return list(self.live)

    def stop_trial(self, trial: _Trial) -> None:
        """End a trial: with its last result where it was running, without one where it was not."""
        if trial.status == "RUNNING":
            self._scheduler.on_trial_complete(self, trial, trial.last_result)
            self.searcher.on_trial_complete(trial.trial_id, result=trial.last_result)
        else:
            self._scheduler.on_trial_remove(self, trial)
            self.searcher.on_trial_complete(trial.trial_id)
        trial.status = "TERMINATED"
        del self.live[trial]


class RayTune(Peer):
    """A scheduler and a searcher under the stand-in."""

    def __init__(self, problem: Problem, build: Callable[[Problem], tuple[Any, Any, bool]]) -> None:
        """Begin.

        Args:
            problem: what is searched.
            build: returns scheduler, searcher, and whether trials train in full.
        """
        super().__init__(problem)
        logging.getLogger("ray").setLevel(logging.CRITICAL)
        self._scheduler, searcher, self._full = build(problem)
        self._controller = _Controller(self._scheduler, searcher)
        self._best_so_far = BestSoFar(problem.mode)

    def next(self) -> Proposal:
        """Fill the queue, then run what the scheduler chooses."""
        self._ask_searcher()
        trial = self._scheduler.choose_trial_to_run(self._controller)
        if trial is None:
            return self.wait()
        resumed, trial.status = trial.status == "PAUSED", "RUNNING"
        return self.resume(trial) if resumed else self.start(trial, unfold(trial.config))

    def _ask_searcher(self) -> None:
        pending = sum(trial.status == "PENDING" for trial in self._controller.live)
        while pending < self.problem.workers:
            trial_id = f"{len(self._controller.trials):05d}"
            config = self._controller.searcher.suggest(trial_id)
            if config is None:
                return
            trial = _Trial(trial_id, config)
            self._controller.trials.append(trial)
            self._controller.live[trial] = None
            self._scheduler.on_trial_add(self._controller, trial)
            pending += 1

    def report(self, handle: Any, epoch: int, value: float) -> ActionKind:
        """Process a result as `_process_trial_result` does, and carry the decision out."""
        shown = self._best_so_far.take(handle.trial_id, value) if self._full else value
        result = {TIME: epoch, METRIC: shown, "trial_id": handle.trial_id}
        if self._full and self.is_last(epoch):
            decision = "STOP"  # the stopping criterion, which spares the scheduler the question
        else:
            decision = self._scheduler.on_trial_result(self._controller, handle, result)
        if decision != "STOP":
            self._controller.searcher.on_trial_result(handle.trial_id, result)
        handle.last_result = result
        if decision == "STOP":
            self._controller.stop_trial(handle)
            return ActionKind.COMPLETE if self.is_last(epoch) else ActionKind.STOP
        if decision == "PAUSE":
            handle.status = "PAUSED"
            return ActionKind.PAUSE
        return ActionKind.CONTINUE


class _Variants:
    """Random configurations as BasicVariantGenerator resolves them."""

    def __init__(self, space: dict[str, Any], seed: int) -> None:
        import numpy as np
        from ray.tune.search.variant_generator import generate_variants

        self._generate = generate_variants
        self._space = space
        self._random = np.random.RandomState(seed)

    def suggest(self, _trial_id: str) -> dict[str, Any]:
        """Return the next variant."""
        _, spec = next(self._generate({"config": self._space}, random_state=self._random))
        config: dict[str, Any] = spec["config"]
        return config

    def on_trial_result(self, trial_id: str, result: dict[str, Any]) -> None:
        """Learn nothing."""

    def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:
        """Learn nothing."""


def asha(problem: Problem) -> tuple[Any, Any, bool]:
    """Return AsyncHyperBandScheduler over random configurations."""
    from ray.tune.schedulers import AsyncHyperBandScheduler

    scheduler = AsyncHyperBandScheduler(
        max_t=problem.max_epochs, grace_period=1, reduction_factor=ETA, **_names(problem)
    )
    return scheduler, _Variants(tune_flat(problem.space), problem.seed), False


def bohb(problem: Problem) -> tuple[Any, Any, bool]:
    """Return HyperBandForBOHB with TuneBOHB."""
    from ray.tune.schedulers import HyperBandForBOHB
    from ray.tune.search.bohb import TuneBOHB

    scheduler = HyperBandForBOHB(max_t=problem.max_epochs, reduction_factor=ETA, **_names(problem))
    space = configspace(problem.space, problem.seed)
    searcher = TuneBOHB(
        space=space, max_concurrent=problem.workers, seed=problem.seed, metric=METRIC, mode=problem.mode
    )
    return scheduler, searcher, False


def hyperopt_full(problem: Problem) -> tuple[Any, Any, bool]:
    """Return FIFO with HyperOptSearch."""
    from ray.tune.schedulers import FIFOScheduler
    from ray.tune.search import ConcurrencyLimiter
    from ray.tune.search.hyperopt import HyperOptSearch

    logging.getLogger("hyperopt").setLevel(logging.CRITICAL)
    searcher = HyperOptSearch(
        space=hyperopt(problem.space), metric=METRIC, mode=problem.mode, random_state_seed=problem.seed
    )
    return FIFOScheduler(), ConcurrencyLimiter(searcher, max_concurrent=problem.workers), True


def _names(problem: Problem) -> dict[str, Any]:
    return {"time_attr": TIME, "metric": METRIC, "mode": problem.mode}
