"""ASHA, the stopping variant: decides at once, from whatever has reached a rung so far.

This is not the promotion algorithm of the paper (Li et al., A System for Massively Parallel Hyperparameter Tuning,
MLSys 2020, algorithm 2), which pauses everybody and promotes later. Here, as in Ray Tune, a trial trains on while it is
in the top 1/eta of its rung and ends when it is not: no barrier, no pausing, and a trial that was stopped never comes
back. hyperband.py has the synchronous algorithm.
"""

from bisect import bisect_left, insort

from service.algorithms.actions import Action, ActionKind
from service.algorithms.objective import Objective
from service.algorithms.schedulers.base import Scheduler
from service.algorithms.schedulers.levels import num_kept, rung_levels


class Asha(Scheduler):
    """One bracket; a result that ties with the cutoff passes."""

    def __init__(self, *, max_epochs: int, min_epochs: int, reduction_factor: int, objective: Objective) -> None:
        super().__init__(rung_levels(min_epochs, max_epochs, reduction_factor), objective)
        self._reduction_factor = reduction_factor
        self._losses: list[list[float]] = [[] for _ in self.levels]
        self._latest: dict[int, tuple[int, float]] = {}

    def accept_start(self, trial: int) -> None:
        """Enter a trial below the first rung."""
        self._latest[trial] = (-1, 0.0)

    def crossed(self, trial: int, epoch: int) -> int | None:
        """Return the highest rung at or below this epoch, if the trial has not been there.

        Rungs that a coarse reporter jumped over stay empty of it: a result of epoch 5 says nothing about epoch 1.
        """
        highest = sum(level <= epoch for level in self.levels) - 1
        return highest if highest > self._latest[trial][0] else None

    def record_result(self, trial: int, rung: int, loss: float) -> None:
        """Enter a loss into the rung's table."""
        insort(self._losses[rung], loss)
        self._latest[trial] = (rung, loss)

    def record_failed(self, trial: int) -> int | None:
        """Enter the worst loss at the next rung."""
        rung = self._latest[trial][0] + 1
        insort(self._losses[rung], float("inf"))
        return rung

    def start_epochs(self) -> int:
        """Return the last epoch: a trial runs through until it is stopped."""
        return self.levels[-1]

    def verdict(self, trial: int, epoch: int, rung: int | None) -> Action:
        """Stop the trial at a rung unless its loss is finite and in the top 1/eta of those seen there so far."""
        if rung is None:
            return Action(trial=trial, kind=ActionKind.CONTINUE, reason=f"epoch {epoch} is no rung")
        loss = self._latest[trial][1]
        losses = self._losses[rung]
        kept = num_kept(len(losses), self._reduction_factor)
        rank, cutoff = bisect_left(losses, loss) + 1, losses[kept - 1]
        passes = loss < float("inf") and loss <= cutoff
        return Action(
            trial=trial,
            kind=ActionKind.CONTINUE if passes else ActionKind.STOP,
            reason=(
                f"{self.at(rung)}: {self.objective.metric} {self.objective.show(loss)} "
                f"vs cutoff {self.objective.show(cutoff)}, rank {rank} of {len(losses)}, kept {kept}"
            ),
            rung=rung,
            value=self.objective.value(loss),
            cutoff=self.objective.value(cutoff),
            rank=rank,
            of=len(losses),
        )
