"""What a search cost: epochs by rung, the best over time, what became of its trials. Sums over a simulation only."""

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import NamedTuple

from service.algorithms.actions import ActionKind
from service.algorithms.events import Failed
from service.algorithms.objective import Objective
from service.algorithms.proposals import Resume, Start
from service.algorithms.simulator import Observation, Simulation


class RungCost(NamedTuple):
    """What was trained on the way to one rung, from the rung below it."""

    epoch: int
    """The rung's."""
    trials: int
    """How many trained on the way to it."""
    epochs: int
    """What they trained there together."""


class Stretch(NamedTuple):
    """Epochs that one trial trained in a row, within one rung."""

    trial: int
    last_epoch: int
    epochs: int


def epochs_by_rung(stretches: Iterable[Stretch], levels: Sequence[int]) -> tuple[RungCost, ...]:
    """Return one cost for each rung, the lowest first.

    Args:
        stretches: what was trained.
        levels: epochs of the rungs, ascending; no stretch leads beyond the last.
    """
    trials: list[set[int]] = [set() for _ in levels]
    epochs = [0] * len(levels)
    rung_of = [rung for rung, (low, high) in enumerate(pairwise((0, *levels))) for _ in range(low, high)]
    for stretch in stretches:
        rung = rung_of[stretch.last_epoch - 1]
        trials[rung].add(stretch.trial)
        epochs[rung] += stretch.epochs
    return tuple(RungCost(*cost) for cost in zip(levels, map(len, trials), epochs, strict=True))


def records(observations: Iterable[Observation], objective: Objective) -> list[Observation]:
    """Return the observations that were better than all before them, in order: the best over time."""
    best, found = float("inf"), []
    for observation in observations:
        loss = objective.loss(observation.value)
        if loss < best:
            best = loss
            found.append(observation)
    return found


def trials_by_state(simulation: Simulation) -> dict[str, int]:
    """Return how many trials ended in each state: completed, stopped, failed, paused or running."""
    states: dict[int, str] = {}
    for decision in simulation.decisions:
        match decision.fact:
            case Start() | Resume():
                states[decision.fact.trial] = "running"
            case Failed():
                states[decision.fact.trial] = "failed"
        states |= {action.trial: _AFTER[action.kind] for action in decision.actions if action.kind in _AFTER}
    return dict(Counter(states.values()))


_AFTER = {
    ActionKind.PAUSE: "paused",
    ActionKind.STOP: "stopped",
    ActionKind.COMPLETE: "completed",
}
