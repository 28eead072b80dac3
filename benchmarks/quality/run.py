"""One run: a contestant on a task, with so many workers and a seed, until the clock ends it."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.quality.contestants import Problem, contestant
from benchmarks.quality.references import reference
from benchmarks.quality.regret import regrets
from benchmarks.quality.tasks import open_task
from service.algorithms.actions import Action
from service.algorithms.events import Event
from service.algorithms.proposals import Proposal
from service.algorithms.simulator import Decider, simulate

FULL_TRAININGS = 50
"""A run's time is what so many median trainings of random configurations take on its workers."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """What came of a run."""

    regrets: Sequence[float]
    """Normalised, at even shares of the time; the last is that of the whole."""
    best: float | None
    """The best value of the metric; None: there was none."""
    trials: int
    epochs: int
    decision_seconds: float
    """Processor time that the contestant took to decide, its construction apart."""


def run(method: str, task_name: str, workers: int, seed: int) -> Outcome:
    """Run a contestant once.

    Libraries that draw from global generators are seeded by these; the others are given the seed.
    """
    task, scale = open_task(task_name), reference(task_name)
    random.seed(seed)
    np.random.seed(seed)  # hpbandster and Ray Tune draw from this one
    problem = Problem(space=task.space, mode=task.mode, max_epochs=task.max_epochs, workers=workers, seed=seed)
    decider = _Timed(contestant(method).build(problem))
    seconds = FULL_TRAININGS / workers * scale.full_seconds
    simulation = simulate(decider, task.session(), workers=workers, seconds=seconds)
    values = [seen.value for seen in simulation.observations if seen.value is not None]
    return Outcome(
        regrets=regrets(simulation.observations, task.mode, scale, seconds),
        best=(min if task.mode == "min" else max)(values, default=None),
        trials=len({seen.trial for seen in simulation.observations}),
        epochs=len(simulation.observations),
        decision_seconds=decider.seconds,
    )


class _Timed:
    """A decider whose time is taken: the processor's, since runs go on beside others."""

    def __init__(self, decider: Decider) -> None:
        self._decider = decider
        self.seconds = 0.0

    def next(self) -> Proposal:
        """Hand on."""
        began = time.process_time()
        try:
            return self._decider.next()
        finally:
            self.seconds += time.process_time() - began

    def tell(self, event: Event) -> list[Action]:
        """Hand on."""
        began = time.process_time()
        try:
            return self._decider.tell(event)
        finally:
            self.seconds += time.process_time() - began
