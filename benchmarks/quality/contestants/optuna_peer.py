"""Optuna 5: TPE with full trainings, and with its two pruners, asked and told as its `optimize` does.

Settings: TPESampler's own defaults, which since 5.0 are multivariate and liar for parallel workers, and `group` where
the space has conditions, as its documentation advises. The pruners begin at epoch 1 with a reduction factor of 3.
A training that ends in NaN fails, which is what `optimize` makes of an objective that returns NaN.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import Any

from benchmarks.quality.contestants.peer import ETA, BestSoFar, Peer, Problem
from benchmarks.quality.contestants.translation import optuna_suggest, parents
from service.algorithms.actions import ActionKind
from service.algorithms.proposals import Proposal


class OptunaTpe(Peer):
    """A study of its own; without a pruner every trial trains in full."""

    def __init__(self, problem: Problem, pruner: Callable[[Any, Problem], Any] | None = None) -> None:
        super().__init__(problem)
        import optuna

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self._states = optuna.trial.TrialState
        self._prunes = pruner is not None
        self._best_so_far = BestSoFar(problem.mode)
        grouped = any(parents(entry) for entry in problem.space.values())
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            sampler = optuna.samplers.TPESampler(seed=problem.seed, group=grouped)
            self._study = optuna.create_study(
                study_name=f"quality-{problem.seed}",  # from which the HyperBand pruner draws brackets
                direction="minimize" if problem.mode == "min" else "maximize",
                sampler=sampler,
                pruner=optuna.pruners.NopPruner() if pruner is None else pruner(optuna.pruners, problem),
            )

    def next(self) -> Proposal:
        """Ask for a trial."""
        trial = self._study.ask()
        return self.start(trial, optuna_suggest(self.problem.space, trial))

    def report(self, handle: Any, epoch: int, value: float) -> ActionKind:
        """Report an intermediate value, prune if asked to, tell the final one."""
        best = self._best_so_far.take(handle.number, value)
        if self._prunes:
            handle.report(value, epoch)
        elif math.isnan(value):
            self._finish(handle, best)
            return ActionKind.STOP
        if self.is_last(epoch):
            self._finish(handle, best)
            return ActionKind.COMPLETE
        if handle.should_prune():
            self._study.tell(handle, state=self._states.PRUNED)
            return ActionKind.STOP
        return ActionKind.CONTINUE

    def _finish(self, handle: Any, best: float) -> None:
        if math.isnan(best):
            self._study.tell(handle, state=self._states.FAIL)
        else:
            self._study.tell(handle, best)


def hyperband(pruners: Any, problem: Problem) -> Any:
    """Return the pruner that hashes trials into the brackets of HyperBand."""
    return pruners.HyperbandPruner(min_resource=1, max_resource=problem.max_epochs, reduction_factor=ETA)


def successive_halving(pruners: Any, _problem: Problem) -> Any:
    """Return the asynchronous successive halving pruner."""
    return pruners.SuccessiveHalvingPruner(min_resource=1, reduction_factor=ETA)
