"""HyperBand, synchronous: brackets of successive halving, the most aggressive first (Li et al., JMLR 18(185), 2018).

Trials pause at their rung until all members of the bracket have answered; then the best share is promoted and the rest
is stopped. While a bracket waits, free slots start the next one. levels.py has the arithmetic, bracket.py one bracket.
"""

import math

from service.algorithms.actions import Action, ActionKind
from service.algorithms.objective import Objective
from service.algorithms.proposals import Resume, Start
from service.algorithms.schedulers.base import Scheduler
from service.algorithms.schedulers.bracket import Bracket
from service.algorithms.schedulers.levels import bracket_sizes, num_kept, rung_levels


class HyperBand(Scheduler):
    """Brackets follow one another in the paper's order, and begin again after the last one.

    A bracket that gets fewer trials than planned, because the search ends, promotes its share of those it has. A result
    that is not finite ranks last and never goes on; its trial is stopped at once.
    """

    def __init__(self, max_epochs: int, objective: Objective, *, min_epochs: int, reduction_factor: int) -> None:
        super().__init__(rung_levels(min_epochs, max_epochs, reduction_factor), objective)
        self._reduction_factor = reduction_factor
        self._sizes = bracket_sizes(len(self.levels), reduction_factor)
        self._num_brackets = 0
        self._newest: Bracket | None = None
        self._undecided: dict[int, Bracket] = {}
        self._bracket_of: dict[int, Bracket] = {}
        self._promoted: dict[int, str] = {}

    # Facts

    def accept_start(self, start: Start) -> None:
        """Let the trial join the open bracket, or open the next one."""
        if self._newest is None or not self._newest.open:
            self._newest = self._next_bracket()
            self._num_brackets += 1
            if self._newest.rung < len(self.levels) - 1:
                self._undecided[self._newest.index] = self._newest
        self._newest.join(start.trial)
        self._bracket_of[start.trial] = self._newest

    def accept_resume(self, trial: int) -> None:
        """Take the trial off the list of those promoted."""
        del self._promoted[trial]

    def crossed(self, trial: int, epoch: int) -> int | None:
        """Return the rung of the trial's bracket once its epoch is reached."""
        bracket = self._bracket_of[trial]
        return bracket.rung if epoch >= self.levels[bracket.rung] else None

    def record_result(self, trial: int, rung: int, loss: float) -> None:
        """Enter the result into the bracket, which stands at that rung."""
        del rung
        self._bracket_of[trial].record(trial, loss)

    def record_failed(self, trial: int) -> int | None:
        """Rank the trial last in its bracket; at a rung it had already answered, nothing new is learnt."""
        bracket = self._bracket_of[trial]
        on_its_way = trial in bracket.outstanding
        bracket.record(trial, math.inf)
        bracket.leave(trial)
        self._promoted.pop(trial, None)
        self._forget_if_over(bracket)
        return bracket.rung if on_its_way else None

    def record_cancelled(self, trial: int) -> None:
        """Take the trial out of its bracket, with its result."""
        bracket = self._bracket_of[trial]
        bracket.remove(trial)
        self._promoted.pop(trial, None)
        self._forget_if_over(bracket)

    def apply(self, action: Action) -> None:
        """Pause, promote or end a trial."""
        bracket = self._bracket_of[action.trial]
        if action.kind is ActionKind.PAUSE:
            bracket.paused.add(action.trial)
        elif action.kind is ActionKind.PROMOTE:
            bracket.promote(action.trial, self._bracket_rung(action))
            self._promoted[action.trial] = action.reason
        elif action.kind in (ActionKind.STOP, ActionKind.COMPLETE):
            bracket.leave(action.trial)
            self._promoted.pop(action.trial, None)
        self._forget_if_over(bracket)

    # Decisions

    def start_epochs(self, from_epoch: int = 0) -> int:
        """Return the epochs of the first rung of the bracket that the next trial joins."""
        del from_epoch
        bracket = self._newest if self._newest is not None and self._newest.open else self._next_bracket()
        return self.levels[bracket.rung]

    def verdict(self, trial: int, epoch: int, rung: int | None) -> Action:
        """Pause the trial at its rung; stop it there if its result is not finite."""
        if rung is None:
            return Action(trial=trial, kind=ActionKind.CONTINUE, reason=f"epoch {epoch} is no rung")
        bracket = self._bracket_of[trial]
        loss = bracket.results[trial]
        outcome = f"{self.at(rung)}: {self.objective.metric} {self.objective.show(loss)}"
        if not bracket.is_finite(trial):
            return Action(trial=trial, kind=ActionKind.STOP, reason=f"{outcome}, ranks last", rung=rung)
        reason = f"{outcome}, waits for the rest of bracket {bracket.index}: {len(bracket.results)} answered"
        return Action(trial=trial, kind=ActionKind.PAUSE, reason=reason, rung=rung, value=self.objective.value(loss))

    def settle(self, pausing: int | None, may_start: bool) -> list[Action]:
        """Promote the best share and stop the rest of every bracket whose barrier falls."""
        return [
            action
            for bracket in self._undecided.values()
            if bracket.settled(may_start)
            for action in self._halve(bracket, pausing)
        ]

    def resume(self) -> Resume | None:
        """Return the trial that was promoted first."""
        for trial, reason in self._promoted.items():
            return Resume(trial=trial, epochs=self.levels[self._bracket_of[trial].rung], reason=reason)
        return None

    def waits_for(self) -> str | None:
        """Return which bracket waits for how many trials."""
        for bracket in self._undecided.values():
            if bracket.outstanding:
                num = len(bracket.outstanding)
                return f"bracket {bracket.index} waits at {self.at(bracket.rung)} for {num} trial{'s'[: num > 1]}"
        return None

    def _halve(self, bracket: Bracket, pausing: int | None) -> list[Action]:
        ranking = bracket.ranking()
        kept = num_kept(len(ranking), self._reduction_factor)
        cutoff = bracket.results[ranking[kept - 1]]
        promotions: list[Action] = []
        stops: list[Action] = []
        for rank, trial in enumerate(ranking, start=1):
            if trial != pausing and trial not in bracket.paused:
                continue
            goes_on = rank <= kept
            loss = bracket.results[trial]
            action = Action(
                trial=trial,
                kind=ActionKind.PROMOTE if goes_on else ActionKind.STOP,
                reason=(
                    f"{self.at(bracket.rung)} of bracket {bracket.index}: {self.objective.metric} "
                    f"{self.objective.show(loss)} vs cutoff {self.objective.show(cutoff)}, "
                    f"rank {rank} of {len(ranking)}, kept {kept}"
                ),
                rung=bracket.rung,
                value=self.objective.value(loss),
                cutoff=self.objective.value(cutoff),
                rank=rank,
                of=len(ranking),
            )
            (promotions if goes_on else stops).append(action)
        return promotions + stops

    def _next_bracket(self) -> Bracket:
        position = self._num_brackets % len(self._sizes)
        return Bracket(index=self._num_brackets, planned=self._sizes[position], rung=position)

    def _forget_if_over(self, bracket: Bracket) -> None:
        if bracket.deserted or bracket.rung == len(self.levels) - 1:
            self._undecided.pop(bracket.index, None)

    @staticmethod
    def _bracket_rung(action: Action) -> int:
        assert action.rung is not None, "a promotion names its rung"
        return action.rung
