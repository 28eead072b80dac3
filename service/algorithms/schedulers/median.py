"""Median stopping: a trial ends when its best so far is worse than the others' typical course up to the same epoch.

The rule is that of Golovin et al., Google Vizier, KDD 2017, section 3.2.2: stop a trial at epoch t if its best value by
then is worse than the median, over the others, of the mean of their values up to t. Others are all trials that reported
epoch t, whether they still train or not. It needs no model of curves; trials of different cadence never compare.
"""

import math
from bisect import bisect_left, insort
from collections import defaultdict
from copy import copy

from service.algorithms.actions import Action, ActionKind
from service.algorithms.objective import Objective
from service.algorithms.proposals import Start
from service.algorithms.schedulers.base import Scheduler
from service.algorithms.schedulers.ladder import Ladder
from service.algorithms.schedulers.levels import fewer, rung_levels

_SPACING = 3
"""Samplers get a trial's results at epochs that lie this factor apart; the rule itself compares at every epoch."""


class _Course:
    """One trial's reports so far."""

    def __init__(self) -> None:
        self.best = math.inf
        self.last = math.inf
        self.mean = math.inf
        self._sum = 0.0
        self._num = 0

    def copy(self) -> "_Course":
        """Return a course that goes on like this one."""
        return copy(self)

    def report(self, loss: float) -> None:
        self.best, self.last = min(self.best, loss), loss
        self._sum += loss
        self._num += 1
        self.mean = self._sum / self._num


class MedianStopping(Scheduler):
    """Compares at every epoch from `grace_epochs` on at which at least `min_trials` others have reported.

    A result that is not finite ends its trial there without any comparison, and ranks its course last from then on.
    """

    begins_late = True

    def __init__(self, max_epochs: int, objective: Objective, *, grace_epochs: int | None, min_trials: int) -> None:
        self._grace_epochs = grace_epochs or max(1, max_epochs // 10)
        super().__init__(rung_levels(self._grace_epochs, max_epochs, _SPACING), objective)
        self._min_trials = min_trials
        self._ladder = Ladder(self.levels)
        self._courses: dict[int, _Course] = {}
        self._means: defaultdict[int, list[float]] = defaultdict(list)

    # Facts

    def accept_start(self, start: Start) -> None:
        """Begin a course, or go on with that of the trial that this one continues."""
        self._ladder.start(start.trial, start.from_epoch)
        self._courses[start.trial] = _Course() if start.parent is None else self._courses[start.parent].copy()

    def record_report(self, trial: int, epoch: int, loss: float) -> None:
        """Enter the mean of the trial's values so far at this epoch."""
        course = self._courses[trial]
        course.report(loss)
        insort(self._means[epoch], course.mean)

    def crossed(self, trial: int, epoch: int) -> int | None:
        """Return the highest rung at or below this epoch, if the trial has not been there."""
        return self._ladder.crossed(trial, epoch)

    def record_result(self, trial: int, rung: int, loss: float) -> None:
        """Keep where the trial stands; samplers read the result from the table of trials."""
        del loss
        self._ladder.reach(trial, rung)

    def record_failed(self, trial: int) -> int | None:
        """Return the rung that it was on its way to."""
        return self._ladder.rung_of(trial) + 1

    # Decisions

    def raise_epochs(self, max_epochs: int) -> None:
        """Put one more epoch on top at which samplers learn."""
        self.levels = (*self.levels, max_epochs)
        self._ladder.extend(self.levels)

    def refuses(self, max_epochs: int) -> str | None:
        """Take any later epoch: the rule compares at every epoch, and knows no last one."""
        return None if max_epochs >= self.levels[-1] else fewer(self.levels)

    def start_epochs(self, from_epoch: int = 0) -> int:
        """Return the last epoch: a trial runs through until it is stopped."""
        del from_epoch
        return self.levels[-1]

    def verdict(self, trial: int, epoch: int, rung: int | None) -> Action:
        """Stop the trial if its last value is not finite or its best is worse than the median of the others' means."""
        course, means = self._courses[trial], self._means[epoch]
        num_others = len(means) - 1
        metric, show = self.objective.metric, self.objective.show
        if not math.isfinite(course.last):
            reason = f"epoch {epoch}: {metric} {show(course.last)}, ranks last"
            return Action(trial=trial, kind=ActionKind.STOP, reason=reason, rung=rung)
        if epoch < self._grace_epochs:
            return _go_on(trial, f"epoch {epoch} of {self._grace_epochs} in which nobody is stopped")
        if num_others < self._min_trials:
            return _go_on(trial, f"epoch {epoch}: {num_others} others came so far, {self._min_trials} make a median")
        cutoff = _median_without(means, bisect_left(means, course.mean))
        stops, rank = course.best > cutoff, bisect_left(means, course.best) + 1
        return Action(
            trial=trial,
            kind=ActionKind.STOP if stops else ActionKind.CONTINUE,
            reason=(
                f"epoch {epoch}: best {metric} {show(course.best)} vs cutoff {show(cutoff)}, the median of "
                f"{num_others} others' means so far, rank {rank} of {len(means)}"
            ),
            rung=rung,
            value=self.objective.value(course.best),
            cutoff=self.objective.value(cutoff),
            rank=rank,
            of=len(means),
        )


def _go_on(trial: int, reason: str) -> Action:
    return Action(trial=trial, kind=ActionKind.CONTINUE, reason=reason)


def _median_without(ascending: list[float], left_out: int) -> float:
    """Return the median of a sorted list without one of its entries, in constant time."""
    num = len(ascending) - 1
    low, high = ((num - 1) // 2, num // 2)
    return (ascending[low + (low >= left_out)] + ascending[high + (high >= left_out)]) / 2
