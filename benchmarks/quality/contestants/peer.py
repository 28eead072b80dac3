"""What all peers' adapters share: trials numbered as the simulator wants them, its words for what a library decides.

A peer's library decides; an adapter asks it in the order in which that library's own loop would, and says what became
of it. A paused trial that the library drops is simply never resumed.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from benchmarks.quality.contestants.translation import Raw, active
from service.algorithms.actions import Action, ActionKind
from service.algorithms.events import Event, Reported
from service.algorithms.proposals import Origin, OriginKind, Proposal, Resume, Start, Wait

METRIC, TIME = "metric", "training_iteration"
ETA = 3
"""Reduction factor of everyone who has rungs, so that rungs are where ours are."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Problem:
    """What a contestant is told before it begins."""

    space: Raw
    mode: Literal["min", "max"]
    max_epochs: int
    workers: int
    seed: int


class Peer(ABC):
    """An adapter: the simulator's `Decider`, with a library behind it."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self._handles: list[Any] = []

    @abstractmethod
    def next(self) -> Proposal:
        """Return what a free worker should run."""

    @abstractmethod
    def report(self, handle: Any, epoch: int, value: float) -> ActionKind:
        """Return the library's verdict on a trial that finished an epoch; `value` is NaN where it is not finite."""

    def tell(self, event: Event) -> list[Action]:
        """Take in a report and return the verdict."""
        assert isinstance(event, Reported), event  # no task fails a trial, and nobody interferes with a run
        value = math.nan if event.value is None else event.value
        kind = self.report(self._handles[event.trial], event.epoch, value)
        return [Action(trial=event.trial, kind=kind, reason=type(self).__name__)]

    def start(self, handle: Any, config: Mapping[str, Any]) -> Start:
        """Return the proposal of a new trial, which the library knows as `handle`."""
        self._handles.append(handle)
        return Start(
            trial=len(self._handles) - 1,
            config=active(self.problem.space, config),
            epochs=self.problem.max_epochs,
            origin=Origin(kind=OriginKind.MODEL, text=type(self).__name__),
        )

    def resume(self, handle: Any) -> Resume:
        """Return the proposal to go on with a paused trial."""
        return Resume(trial=self._handles.index(handle), epochs=self.problem.max_epochs, reason=type(self).__name__)

    def wait(self) -> Wait:
        """Return that the library has nothing to run now."""
        return Wait(reason=type(self).__name__)

    def is_last(self, epoch: int) -> bool:
        """Return whether a trial is complete after this epoch."""
        return epoch >= self.problem.max_epochs


class BestSoFar:
    """The best value of a curve so far.

    Libraries that search by full trainings see one number for each. A person who knows that the best epoch counts
    reports the best one, so theirs is that; whoever stops trials early is told each epoch's own value.
    """

    def __init__(self, mode: Literal["min", "max"]) -> None:
        self._better = min if mode == "min" else max
        self._best: dict[Any, float] = {}

    def take(self, key: Any, value: float) -> float:
        """Take in an epoch's value and return the best of that key's finite ones, NaN before the first."""
        if not math.isnan(value):
            self._best[key] = self._better(value, self._best.get(key, value))
        return self._best.get(key, math.nan)
