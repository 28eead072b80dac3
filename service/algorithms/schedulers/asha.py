"""ASHA, the stopping variant: decides at once, from whatever has reached a rung so far.

This is not the promotion algorithm of the paper (Li et al., A System for Massively Parallel Hyperparameter Tuning,
MLSys 2020, algorithm 2), which pauses everybody and promotes later. Here, as in Ray Tune, a trial trains on while it is
in the top 1/eta of its rung and ends when it is not: no barrier, no pausing, and a trial that was stopped never comes
back. promotion.py has the paper's algorithm, hyperband.py the synchronous one.
"""

from bisect import bisect_left, insort

from service.algorithms.actions import Action, ActionKind
from service.algorithms.objective import Objective
from service.algorithms.proposals import Start
from service.algorithms.schedulers.base import Scheduler
from service.algorithms.schedulers.ladder import Ladder
from service.algorithms.schedulers.levels import more_levels, num_kept, rung_levels


class Asha(Scheduler):
    """One bracket; a result that ties with the cutoff passes."""

    begins_late = True

    def __init__(self, max_epochs: int, objective: Objective, *, min_epochs: int, reduction_factor: int) -> None:
        super().__init__(rung_levels(min_epochs, max_epochs, reduction_factor), objective)
        self._min_epochs = min_epochs
        self._reduction_factor = reduction_factor
        self._ladder = Ladder(self.levels)
        self._losses: list[list[float]] = [[] for _ in self.levels]
        self._latest: dict[int, float] = {}

    def accept_start(self, start: Start) -> None:
        """Enter a trial below the first rung that lies before it."""
        self._ladder.start(start.trial, start.from_epoch)

    def crossed(self, trial: int, epoch: int) -> int | None:
        """Return the highest rung at or below this epoch, if the trial has not been there."""
        return self._ladder.crossed(trial, epoch)

    def record_result(self, trial: int, rung: int, loss: float) -> None:
        """Enter a loss into the rung's table."""
        insort(self._losses[rung], loss)
        self._ladder.reach(trial, rung)
        self._latest[trial] = loss

    def record_failed(self, trial: int) -> int | None:
        """Enter the worst loss at the next rung."""
        rung = self._ladder.rung_of(trial) + 1
        insort(self._losses[rung], float("inf"))
        return rung

    def raise_epochs(self, max_epochs: int) -> None:
        """Put more rungs on top."""
        self.levels, _ = more_levels(self.levels, self._min_epochs, max_epochs, self._reduction_factor)
        self._ladder.extend(self.levels)
        self._losses += [[] for _ in self.levels[len(self._losses) :]]

    def refuses(self, max_epochs: int) -> str | None:
        """Take a last epoch that leaves all rungs where they are."""
        return more_levels(self.levels, self._min_epochs, max_epochs, self._reduction_factor)[1]

    def start_epochs(self, from_epoch: int = 0) -> int:
        """Return the last epoch: a trial runs through until it is stopped."""
        del from_epoch
        return self.levels[-1]

    def verdict(self, trial: int, epoch: int, rung: int | None) -> Action:
        """Stop the trial at a rung unless its loss is finite and in the top 1/eta of those seen there so far."""
        if rung is None:
            return Action(trial=trial, kind=ActionKind.CONTINUE, reason=f"epoch {epoch} is no rung")
        loss = self._latest[trial]
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
