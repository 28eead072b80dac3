"""Population based training (Jaderberg et al., Population Based Training of Neural Networks, 2017, section 3).

All members of a population train, and meet every `interval` epochs. There the worst ones end, and a clone takes the
place of each: a new trial that begins with the weights of one of the best, from its checkpoint of that very epoch, and
with a configuration near its own (explore.py). The meeting is a barrier on outstanding work, so the outcome depends on
no clock; a member that failed, or whose result is no number, is always among the worst and blocks nobody. population.py
has one population.
"""

import math
from collections.abc import Mapping
from typing import Any

from search_spaces import Space
from service.algorithms.actions import Action, ActionKind
from service.algorithms.objective import Objective
from service.algorithms.proposals import Origin, OriginKind, Resume, Start
from service.algorithms.schedulers.base import Scheduler
from service.algorithms.schedulers.explore import Explorer
from service.algorithms.schedulers.population import Population
from service.algorithms.seeds import draw_seed
from service.algorithms.trials import Trials

_MAX_DRAWS = 10


class Pbt(Scheduler):
    """Populations follow one another where the search has more trials than one; clones count for none of them.

    Each draw comes from the search's seed and the number of the new trial.
    """

    def __init__(
        self,
        max_epochs: int,
        objective: Objective,
        *,
        space: Space,
        seed: int,
        population: int | None,
        interval: int | None,
        quantile: float,
        resample_probability: float,
        keep: tuple[str, ...],
    ) -> None:
        spacing = interval or max(1, max_epochs // 10)
        super().__init__((*range(spacing, max_epochs, spacing), max_epochs), objective)
        self._seed = seed
        self._planned = population
        self._quantile = quantile
        self._explorer = Explorer(space, resample_probability=resample_probability, keep=frozenset(keep))
        self._num_populations = 0
        self._newest: Population | None = None
        self._active: dict[int, Population] = {}
        self._population_of: dict[int, Population] = {}
        self._promoted: dict[int, str] = {}

    # Facts

    def accept_start(self, start: Start) -> None:
        """Let a new trial join the open population, or the next one; a clone takes a place in its parent's."""
        if start.parent is not None:
            population = self._population_of[start.parent]
            population.fill(start.trial)
        else:
            population = self._open_population()
            population.join(start.trial)
        self._population_of[start.trial] = population

    def accept_resume(self, trial: int) -> None:
        """Take the trial off the list of those that go on."""
        del self._promoted[trial]

    def crossed(self, trial: int, epoch: int) -> int | None:
        """Return the meeting that the trial's population is at once its epoch is reached."""
        population = self._population_of[trial]
        return population.rung if epoch >= self.levels[population.rung] else None

    def record_result(self, trial: int, rung: int, loss: float) -> None:
        """Enter the result into the population, which is at that rung."""
        del rung
        self._population_of[trial].record(trial, loss)

    def record_failed(self, trial: int) -> int | None:
        """Rank the member last, so that its place is given away; where it had a result already, nothing is learnt."""
        population = self._population_of[trial]
        on_its_way = trial in population.outstanding
        population.record(trial, math.inf)
        population.leave(trial)
        self._gone(trial)
        return population.rung if on_its_way else None

    def record_cancelled(self, trial: int) -> None:
        """Take the member out with its place: nobody takes over what a person did not want."""
        self._population_of[trial].remove(trial)
        self._gone(trial)

    def apply(self, action: Action) -> None:
        """Pause, send on or end a trial."""
        population = self._population_of[action.trial]
        if action.kind is ActionKind.PAUSE:
            population.paused.add(action.trial)
        elif action.kind is ActionKind.PROMOTE:
            assert action.rung is not None, "a promotion names its rung"
            population.promote(action.trial, action.rung)
            self._promoted[action.trial] = action.reason
        elif action.kind in (ActionKind.STOP, ActionKind.COMPLETE):
            population.leave(action.trial)
            self._gone(action.trial)

    # Decisions

    def start_epochs(self, from_epoch: int = 0) -> int:
        """Return the epochs to the first meeting."""
        del from_epoch
        return self.levels[0]

    def verdict(self, trial: int, epoch: int, rung: int | None) -> Action:
        """Let the trial wait for the others where they meet; stop it there if its result is not finite."""
        if rung is None:
            return Action(trial=trial, kind=ActionKind.CONTINUE, reason=f"epoch {epoch} is no rung")
        population = self._population_of[trial]
        loss = population.results[trial]
        outcome = f"{self.at(rung)}: {self.objective.metric} {self.objective.show(loss)}"
        if not math.isfinite(loss):
            return Action(trial=trial, kind=ActionKind.STOP, reason=f"{outcome}, ranks last", rung=rung)
        num = len(population.results)
        reason = f"{outcome}, waits for the rest of population {population.index}: {num} answered"
        return Action(trial=trial, kind=ActionKind.PAUSE, reason=reason, rung=rung, value=self.objective.value(loss))

    def settle(self, pausing: int | None, may_start: bool) -> list[Action]:
        """Send on the members of every population that has met, and stop the worst."""
        return [
            action
            for population in self._active.values()
            if population.rung < len(self.levels) - 1 and population.met(may_start)
            for action in self._meet(population, pausing)
        ]

    def resume(self) -> Resume | None:
        """Return the member that was sent on first."""
        for trial, reason in self._promoted.items():
            return Resume(trial=trial, epochs=self.levels[self._population_of[trial].rung], reason=reason)
        return None

    def clone(self, trial: int, trials: Trials) -> Start | None:
        """Return a copy of one of the best for the first vacancy; its number seeds which one, and what is explored."""
        population = next((population for population in self._active.values() if population.vacancies), None)
        if population is None:
            return None
        vacancy = population.vacancies[0]
        parent = vacancy.donors[draw_seed(self._seed, trial, 0) % len(vacancy.donors)]
        epoch = trials[parent].last_epoch
        config, changes = self._explore(trial, trials[parent].config, trials)
        text = f"clone of trial {parent} at epoch {epoch}, {', '.join(changes) or 'unchanged'}"
        data = {"parent": parent, "epoch": epoch, "replaces": vacancy.replaces, "changes": changes}
        return Start(
            trial=trial,
            config=config,
            epochs=self.levels[population.rung],
            origin=Origin(kind=OriginKind.CLONE, text=f"{text}; in the place of trial {vacancy.replaces}", data=data),
            parent=parent,
            from_epoch=epoch,
        )

    def waits_for(self) -> str | None:
        """Return which population waits for how many members."""
        for population in self._active.values():
            if population.outstanding and population.rung < len(self.levels) - 1:
                num = len(population.outstanding)
                where = self.at(population.rung)
                return f"population {population.index} waits at {where} for {num} trial{'s'[: num > 1]}"
        return None

    def _explore(self, trial: int, config: Mapping[str, Any], trials: Trials) -> tuple[dict[str, Any], list[str]]:
        """Return a configuration that no trial had, if a few draws find one: twins would train alike."""
        for redraw in range(1, _MAX_DRAWS + 1):
            found = self._explorer.explore(config, draw_seed(self._seed, trial, redraw))
            if trials.first_with(found[0]) is None:
                break
        return found

    def _open_population(self) -> Population:
        if self._newest is None or not self._newest.open:
            self._newest = Population(index=self._num_populations, planned=self._planned, quantile=self._quantile)
            self._num_populations += 1
            self._active[self._newest.index] = self._newest
        return self._newest

    def _meet(self, population: Population, pausing: int | None) -> list[Action]:
        ranking = population.ranking()
        out = population.num_out
        kept = len(ranking) - out
        if not kept:
            return []
        cutoff = population.results[ranking[kept - 1]]
        promotions: list[Action] = []
        stops: list[Action] = []
        for rank, trial in enumerate(ranking, start=1):
            if trial != pausing and trial not in population.paused:
                continue
            goes_on = rank <= kept
            loss = population.results[trial]
            action = Action(
                trial=trial,
                kind=ActionKind.PROMOTE if goes_on else ActionKind.STOP,
                reason=(
                    f"{self.at(population.rung)} of population {population.index}: {self.objective.metric} "
                    f"{self.objective.show(loss)} vs cutoff {self.objective.show(cutoff)}, "
                    f"rank {rank} of {len(ranking)}, kept {kept}"
                )
                + ("" if goes_on else "; a clone of a better trial takes its place"),
                rung=population.rung,
                value=self.objective.value(loss),
                cutoff=self.objective.value(cutoff),
                rank=rank,
                of=len(ranking),
            )
            (promotions if goes_on else stops).append(action)
        return promotions + stops

    def _gone(self, trial: int) -> None:
        self._promoted.pop(trial, None)
        population = self._population_of[trial]
        if population.deserted:
            self._active.pop(population.index, None)
