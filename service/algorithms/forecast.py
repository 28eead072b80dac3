"""What a search would cost, told before it runs: a simulation on made-up curves.

What early stopping saves depends on the curves, which nobody knows yet. These are all alike but for where they end, and
that is drawn at random: ranks are settled at the first epoch. Bounds that hold for any curves come with the answer.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

from search_spaces import Space
from service.algorithms.actions import Action
from service.algorithms.catalog import SCHEDULERS
from service.algorithms.events import Event, Reported
from service.algorithms.objective import Objective
from service.algorithms.proposals import Proposal, Resume, Start
from service.algorithms.simulator import Simulation, Step, simulate
from service.algorithms.spec import AlgorithmSpec, Part
from service.algorithms.study import Study
from service.algorithms.tally import RungCost, Stretch, epochs_by_rung

MAX_STEPS = 4_000
"""Simulated reports after which a forecast is given up, and made for fewer trials instead."""

MAX_STOPS = 100
"""Epochs of a trial that are looked at, where a scheduler decides at each."""

_SPACE = Space.parse({"value": {"type": "float", "low": 0.0, "high": 1.0}})
"""Stands for any space: what is trained depends on ranks alone."""

_OBJECTIVE = Objective(metric="value")


@dataclass(frozen=True, kw_only=True, slots=True)
class Forecast:
    """What a search is expected to train. Without `target`, `patience`, `seconds` and failures, which may end it early.

    Attributes:
        trials: how many begin, clones included.
        epochs: what they train together.
        wall_epochs: how long that takes, in units of the time of one epoch; all epochs take the same time.
        rungs: the epochs by rung.
        least_epochs: what is trained if every trial is out at the first decision about it. A value that is not finite
            ends a trial even before.
        most_epochs: what is trained if every trial goes on to its last epoch.
        exact: whether the whole search was simulated, rather than fewer trials or fewer decisions.
    """

    trials: int
    epochs: int
    wall_epochs: float
    rungs: tuple[RungCost, ...]
    least_epochs: int
    most_epochs: int
    exact: bool


def forecast(algorithm: AlgorithmSpec, *, trials: int, epochs: int, slots: int, seed: int = 0) -> Forecast:
    """Simulate a search whose curves are made up; below a second for any search.

    Configurations are drawn at random, whatever the sampler: what is trained is decided by the scheduler, and a model
    has nothing to learn from chance. Trial by trial, the value after epoch e is u + 1 / e, u uniform in [0, 1].

    Args:
        algorithm: sampler and scheduler; `algorithm.accepts(...)` has been asked.
        trials: how many the search has, clones not counted.
        epochs: of a trial that is never stopped.
        slots: how many trials train at once, at least 1.
        seed: of the values.
    """
    simulated, scale = _Plan(algorithm, trials, epochs, slots, seed), 1.0
    try:
        ran = simulated.run(_made_up, max_steps=MAX_STEPS)
    except _TooLongError:
        fewer = min(trials, max(1, MAX_STEPS // len(simulated.stops)))
        scale = trials / fewer
        simulated = _Plan(algorithm, fewer, epochs, max(1, round(slots / scale)), seed)
        ran = simulated.run(_made_up)
    rungs = tuple(
        RungCost(cost.epoch, round(cost.trials * scale), round(cost.epochs * scale)) for cost in simulated.costs(ran)
    )
    least = sum(cost.epochs for cost in simulated.costs(simulated.run(_diverging)))
    return Forecast(
        trials=round(len({observation.trial for observation in ran.observations}) * scale),
        epochs=sum(cost.epochs for cost in rungs),
        wall_epochs=ran.seconds * scale * simulated.slots / slots,
        rungs=rungs,
        least_epochs=round(least * scale),
        most_epochs=trials * epochs,
        exact=scale == 1.0 and simulated.is_exact,
    )


class _Plan:
    """A search to be simulated, from stop to stop: reports after which no scheduler decides are left out."""

    def __init__(self, algorithm: AlgorithmSpec, trials: int, epochs: int, slots: int, seed: int) -> None:
        self.slots = slots
        self._algorithm = _simplified(algorithm)
        self._num_trials = trials
        self._num_epochs = epochs
        self._seed = seed
        self.levels = self._algorithm.build_scheduler(_SPACE, _OBJECTIVE, seed, epochs).levels
        decides_between = SCHEDULERS[algorithm.scheduler.name].between_rungs
        self.is_exact = not decides_between or epochs <= MAX_STOPS
        self.stops = _stops(self.levels, epochs) if decides_between else self.levels
        self.lengths = [high - low for low, high in pairwise((0, *self.stops))]

    def run(self, value: Callable[[float, int], float | None], max_steps: int | None = None) -> Simulation:
        if max_steps is not None and self._num_trials > max_steps:
            raise _TooLongError  # as every trial takes one at least
        study = Study(
            space=_SPACE,
            algorithm=self._algorithm,
            objective=_OBJECTIVE,
            max_trials=self._num_trials,
            max_epochs=self._num_epochs,
            seed=self._seed,
        )
        curves = _Strided(self, value, max_steps)
        return simulate(_Strider(study, self.stops), curves, workers=self.slots)

    def costs(self, ran: Simulation) -> tuple[RungCost, ...]:
        stretches = (
            Stretch(observation.trial, self.stops[observation.epoch - 1], self.lengths[observation.epoch - 1])
            for observation in ran.observations
        )
        return epochs_by_rung(stretches, self.levels)


class _Strider:
    """A Study whose epochs are counted in stops on one side, in epochs on the other."""

    def __init__(self, study: Study, stops: Sequence[int]) -> None:
        self._study = study
        self._stops = stops
        self._number = {epoch: number for number, epoch in enumerate(stops, 1)} | {0: 0}

    def next(self) -> Proposal:
        proposal = self._study.next()
        match proposal:
            case Start():
                from_epoch = self._number[proposal.from_epoch]
                return replace(proposal, epochs=self._number[proposal.epochs], from_epoch=from_epoch)
            case Resume():
                return replace(proposal, epochs=self._number[proposal.epochs])
        return proposal

    def tell(self, event: Event) -> list[Action]:
        assert isinstance(event, Reported)
        return self._study.tell(replace(event, epoch=self._stops[event.epoch - 1]))


class _Strided:
    """Made-up curves from stop to stop."""

    def __init__(self, plan: _Plan, value: Callable[[float, int], float | None], max_steps: int | None) -> None:
        self._plan = plan
        self._value = value
        self._left = max_steps

    def step(self, config: Mapping[str, Any], epoch: int) -> Step:
        if self._left is not None:
            self._left -= 1
            if self._left < 0:
                raise _TooLongError
        value = self._value(config["value"], self._plan.stops[epoch - 1])
        return Step(value=value, seconds=float(self._plan.lengths[epoch - 1]))


class _TooLongError(Exception):
    """The simulation has had all its steps."""


def _made_up(end: float, epoch: int) -> float:
    return end + 1 / epoch


def _diverging(_end: float, _epoch: int) -> None:
    return None


def _simplified(algorithm: AlgorithmSpec) -> AlgorithmSpec:
    """The algorithm over the space that stands for any other: nothing in it has a name that clones could keep."""
    options = {name: () if name == "keep" else value for name, value in algorithm.scheduler.options.items()}
    return AlgorithmSpec(
        preset=None,
        sampler=Part(name="random", options={}),
        scheduler=Part(name=algorithm.scheduler.name, options=options),
    )


def _stops(levels: Sequence[int], epochs: int) -> tuple[int, ...]:
    """Return every epoch if they are few, else some at equal distances and the rungs."""
    spread = range(1, MAX_STOPS + 1)
    return tuple(sorted({*levels, *(max(1, epochs * number // MAX_STOPS) for number in spread)}))
