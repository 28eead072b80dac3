"""ASHA, the promotion variant: the paper's own algorithm (Li et al., MLSys 2020, section 3.2, algorithm 2).

Every trial pauses at every rung. A free slot promotes the best trial that is in the top 1/eta of its rung and was not
promoted yet, the highest rung first, and starts a new trial where there is none: nobody ever waits for anybody, and a
trial that was passed over may still go on when others turn out worse. asha.py has the stopping variant.

The paper's search never ends; ours does. Once nobody can reach a rung any more its ranking is final: its top 1/eta go
on, at least one, so that the best trial is trained to the end, and the others, who can never go on, are stopped.
"""

import math
from bisect import bisect_left, bisect_right, insort

from service.algorithms.actions import Action, ActionKind
from service.algorithms.objective import Objective
from service.algorithms.proposals import Resume, Start
from service.algorithms.schedulers.base import Scheduler
from service.algorithms.schedulers.ladder import Ladder
from service.algorithms.schedulers.levels import more_levels, num_kept, rung_levels

Result = tuple[float, int]
"""A loss and its trial: equal losses rank in the order of their trials."""


class _Rung:
    """The results at one rung, and who waits there. Both lists are sorted, so a report costs a binary search."""

    def __init__(self) -> None:
        self.results: list[Result] = []
        self.waiting: list[Result] = []
        self.coming = 0
        """How many trials are on their way to it."""

    def rank(self, result: Result) -> int:
        return bisect_left(self.results, result) + 1


class AshaPromotion(Scheduler):
    """One bracket. A result that is not finite ranks last, is never promoted, and ends its trial."""

    begins_late = True

    def __init__(self, max_epochs: int, objective: Objective, *, min_epochs: int, reduction_factor: int) -> None:
        super().__init__(rung_levels(min_epochs, max_epochs, reduction_factor), objective)
        self._min_epochs = min_epochs
        self._reduction_factor = reduction_factor
        self._ladder = Ladder(self.levels)
        self._rungs = [_Rung() for _ in self.levels]
        self._target: dict[int, int] = {}
        self._result: dict[int, Result] = {}
        self._promoted: dict[int, str] = {}

    # Facts

    def accept_start(self, start: Start) -> None:
        """Send a new trial to the first rung that lies before it."""
        self._ladder.start(start.trial, start.from_epoch)
        self._send(start.trial, self._ladder.rung_of(start.trial) + 1)

    def accept_resume(self, trial: int) -> None:
        """Send a trial that goes on to its next rung."""
        if self._promoted.pop(trial, None) is None:
            self._stop_waiting(trial)
            self._send(trial, self._ladder.rung_of(trial) + 1)

    def crossed(self, trial: int, epoch: int) -> int | None:
        """Return the highest rung at or below this epoch, if the trial has not been there."""
        return self._ladder.crossed(trial, epoch)

    def record_result(self, trial: int, rung: int, loss: float) -> None:
        """Enter a result; one that can be promoted waits from now on."""
        self._arrive(trial)
        self._ladder.reach(trial, rung)
        self._result[trial] = (loss, trial)
        insort(self._rungs[rung].results, self._result[trial])
        if math.isfinite(loss) and rung < len(self.levels) - 1:
            insort(self._rungs[rung].waiting, self._result[trial])

    def record_failed(self, trial: int) -> int | None:
        """Enter the worst loss at the rung it was on its way to; one that waited keeps its rank and goes nowhere."""
        target = self._target.get(trial)
        self._leave(trial)
        if target is not None:
            insort(self._rungs[target].results, (math.inf, trial))
        return target

    def record_cancelled(self, trial: int) -> None:
        """Take the trial out, with its result if it waited."""
        on_its_way = trial in self._target
        self._leave(trial)
        if not on_its_way and trial in self._result:
            _remove(self._rungs[self._ladder.rung_of(trial)].results, self._result[trial])

    def apply(self, action: Action) -> None:
        """Promote or end a trial; one that pauses waits already."""
        if action.kind is ActionKind.PROMOTE:
            self._stop_waiting(action.trial)
            self._send(action.trial, self._ladder.rung_of(action.trial) + 1)
            self._promoted[action.trial] = action.reason
        elif action.kind in (ActionKind.STOP, ActionKind.COMPLETE):
            self._leave(action.trial)

    # Decisions

    def raise_epochs(self, max_epochs: int) -> None:
        """Put more rungs on top."""
        self.levels, _ = more_levels(self.levels, self._min_epochs, max_epochs, self._reduction_factor)
        self._ladder.extend(self.levels)
        self._rungs += [_Rung() for _ in self.levels[len(self._rungs) :]]

    def refuses(self, max_epochs: int) -> str | None:
        """Take a last epoch that leaves all rungs where they are."""
        return more_levels(self.levels, self._min_epochs, max_epochs, self._reduction_factor)[1]

    def start_epochs(self, from_epoch: int = 0) -> int:
        """Return the epochs of the first rung that lies before the trial."""
        return self.levels[bisect_right(self.levels, from_epoch)]

    def verdict(self, trial: int, epoch: int, rung: int | None) -> Action:
        """Pause the trial at its rung; stop it there if its result is not finite."""
        if rung is None:
            return Action(trial=trial, kind=ActionKind.CONTINUE, reason=f"epoch {epoch} is no rung")
        result = self._result[trial]
        if not math.isfinite(result[0]):
            reason = f"{self.at(rung)}: {self.objective.metric} {self.objective.show(result[0])}, ranks last"
            return Action(trial=trial, kind=ActionKind.STOP, reason=reason, rung=rung)
        num_kept_now = len(self._rungs[rung].results) // self._reduction_factor
        return self._action(trial, ActionKind.PAUSE, rung, num_kept_now, "")

    def settle(self, pausing: int | None, may_start: bool) -> list[Action]:
        """Promote and stop at the rungs that nobody can reach any more, once no new trial may start."""
        del pausing
        actions: list[Action] = []
        if may_start:
            return actions
        for number, rung in enumerate(self._rungs[:-1]):
            if rung.coming:
                return actions
            actions += self._close(number, rung)
            if any(action.kind is ActionKind.PROMOTE for action in actions):
                return actions  # so the next rung is not final
        return actions

    def resume(self) -> Resume | None:
        """Return a trial promoted for good, else the best one in the top 1/eta of its rung, highest rung first."""
        for trial, reason in self._promoted.items():
            return Resume(trial=trial, epochs=self.levels[self._target[trial]], reason=reason)
        for number in range(len(self.levels) - 2, -1, -1):
            rung = self._rungs[number]
            kept = len(rung.results) // self._reduction_factor
            if kept and rung.waiting and rung.waiting[0] <= rung.results[kept - 1]:
                trial = rung.waiting[0][1]
                reason = self._explain(number, rung.waiting[0], kept)
                return Resume(trial=trial, epochs=self.levels[number + 1], reason=reason)
        return None

    def waits_for(self) -> str | None:
        """Return how many trials are on their way to a rung that may promote."""
        num = sum(rung.coming for rung in self._rungs[:-1])
        return f"{num} trial{'s'[: num > 1]} may yet bring a promotion" if num else None

    def _close(self, number: int, rung: _Rung) -> list[Action]:
        kept = num_kept(len(rung.results), self._reduction_factor)
        keeps = [result for result in rung.waiting if result <= rung.results[kept - 1]]
        stops = rung.waiting[len(keeps) :]
        final = "; the ranking is final"
        return [self._action(trial, ActionKind.PROMOTE, number, kept, final) for _, trial in keeps] + [
            self._action(trial, ActionKind.STOP, number, kept, final) for _, trial in stops
        ]

    def _action(self, trial: int, kind: ActionKind, number: int, kept: int, more: str) -> Action:
        rung, result = self._rungs[number], self._result[trial]
        return Action(
            trial=trial,
            kind=kind,
            reason=self._explain(number, result, kept) + more,
            rung=number,
            value=self.objective.value(result[0]),
            cutoff=self.objective.value(rung.results[kept - 1][0]) if kept else None,
            rank=rung.rank(result),
            of=len(rung.results),
        )

    def _explain(self, number: int, result: Result, kept: int) -> str:
        results = self._rungs[number].results
        cutoff = f"cutoff {self.objective.show(results[kept - 1][0])}" if kept else "no cutoff yet"
        return (
            f"{self.at(number)}: {self.objective.metric} {self.objective.show(result[0])} vs {cutoff}, "
            f"rank {self._rungs[number].rank(result)} of {len(results)}, kept {kept}"
        )

    # Who is where

    def _send(self, trial: int, rung: int) -> None:
        self._target[trial] = rung
        self._rungs[rung].coming += 1

    def _arrive(self, trial: int) -> None:
        rung = self._target.pop(trial, None)
        if rung is not None:
            self._rungs[rung].coming -= 1

    def _leave(self, trial: int) -> None:
        self._arrive(trial)
        self._stop_waiting(trial)
        self._promoted.pop(trial, None)

    def _stop_waiting(self, trial: int) -> None:
        if trial in self._result:
            _remove(self._rungs[self._ladder.rung_of(trial)].waiting, self._result[trial])


def _remove(results: list[Result], result: Result) -> None:
    at = bisect_left(results, result)
    if at < len(results) and results[at] == result:
        del results[at]
