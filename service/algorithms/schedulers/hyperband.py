"""HyperBand, synchronous: brackets of successive halving, the most aggressive first (Li et al., JMLR 18(185), 2018).

Trials pause at their rung until all members of the bracket have answered; then the best share is promoted and the rest
is stopped. While a bracket waits, free slots start the next one. levels.py has the arithmetic, bracket.py one bracket.
"""

import math

from service.algorithms.actions import Action, ActionKind
from service.algorithms.objective import Objective
from service.algorithms.proposals import Resume
from service.algorithms.schedulers.base import Scheduler
from service.algorithms.schedulers.bracket import Bracket
from service.algorithms.schedulers.levels import bracket_sizes, num_kept, rung_levels


class HyperBand(Scheduler):
    """Brackets follow one another in the paper's order, and begin again after the last one.

    A bracket that gets fewer trials than planned, because the search ends, promotes its share of those it has. A result
    that is not finite ranks last and never goes on; its trial is stopped at once.
    """

    def __init__(self, *, max_epochs: int, min_epochs: int, reduction_factor: int, objective: Objective) -> None:
        super().__init__(rung_levels(min_epochs, max_epochs, reduction_factor), objective)
        self._reduction_factor = reduction_factor
        self._sizes = bracket_sizes(len(self.levels), reduction_factor)
        self._brackets: list[Bracket] = []
        self._bracket_of: dict[int, Bracket] = {}
        self._paused: set[int] = set()
        self._promoted: dict[int, str] = {}

    # Facts

    def accept_start(self, trial: int) -> None:
        """Let the trial join the open bracket, or open the next one."""
        if not (self._brackets and self._brackets[-1].open):
            self._brackets.append(self._next_bracket())
        bracket = self._brackets[-1]
        bracket.join(trial)
        self._bracket_of[trial] = bracket

    def accept_resume(self, trial: int) -> None:
        """Take the trial off the list of those promoted."""
        del self._promoted[trial]
        self._paused.discard(trial)

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
        self._leave(trial)
        return bracket.rung if on_its_way else None

    def record_cancelled(self, trial: int) -> None:
        """Take the trial out of its bracket, with its result."""
        self._bracket_of[trial].remove(trial)
        self._leave(trial)

    def apply(self, action: Action) -> None:
        """Pause, promote or end a trial."""
        bracket = self._bracket_of[action.trial]
        if action.kind is ActionKind.PAUSE:
            self._paused.add(action.trial)
        elif action.kind is ActionKind.PROMOTE:
            bracket.promote(action.trial, self._bracket_rung(action))
            self._promoted[action.trial] = action.reason
        elif action.kind in (ActionKind.STOP, ActionKind.COMPLETE):
            bracket.outstanding.discard(action.trial)
            self._leave(action.trial)

    # Decisions

    def start_epochs(self) -> int:
        """Return the epochs of the first rung of the bracket that the next trial joins."""
        bracket = self._brackets[-1] if self._brackets and self._brackets[-1].open else self._next_bracket()
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
        top = len(self.levels) - 1
        waiting = self._paused if pausing is None else self._paused | {pausing}
        return [
            action
            for bracket in self._brackets
            if bracket.rung < top and bracket.settled(may_start)
            for action in self._halve(bracket, waiting)
        ]

    def resume(self) -> Resume | None:
        """Return the trial that was promoted first."""
        for trial, reason in self._promoted.items():
            return Resume(trial=trial, epochs=self.levels[self._bracket_of[trial].rung], reason=reason)
        return None

    def waits_for(self) -> str | None:
        """Return which bracket waits for how many trials."""
        top = len(self.levels) - 1
        for bracket in self._brackets:
            if bracket.outstanding and bracket.rung < top:
                num = len(bracket.outstanding)
                return f"bracket {bracket.index} waits at {self.at(bracket.rung)} for {num} trial{'s'[: num > 1]}"
        return None

    def _halve(self, bracket: Bracket, waiting: set[int]) -> list[Action]:
        ranking = bracket.ranking()
        kept = num_kept(len(ranking), self._reduction_factor)
        cutoff = bracket.results[ranking[kept - 1]]
        promotions: list[Action] = []
        stops: list[Action] = []
        for rank, trial in enumerate(ranking, start=1):
            if trial not in waiting:
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
        index = len(self._brackets)
        position = index % len(self._sizes)
        return Bracket(index=index, planned=self._sizes[position], rung=position)

    def _leave(self, trial: int) -> None:
        self._paused.discard(trial)
        self._promoted.pop(trial, None)

    @staticmethod
    def _bracket_rung(action: Action) -> int:
        assert action.rung is not None, "a promotion names its rung"
        return action.rung
