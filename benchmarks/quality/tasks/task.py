"""What a task is: a space, and what every epoch of every configuration brings and costs. Kinds have their own files."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from service.algorithms.simulator import Step

Config = Mapping[str, Any]
FLOOR = 0.01
"""An epoch costs at least this share of its curve's mean epoch; surrogates now and then let time stand still."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Curve:
    """A configuration's whole training."""

    values: NDArray[np.float64]
    """The validation metric after each epoch, shape (max_epochs,); not finite where training diverged."""
    seconds: NDArray[np.float64]
    """What each epoch alone costs, positive, same shape."""


class Task(ABC):
    """A search problem whose answers are known. It holds no state of a run; `session` gives each run its own cache."""

    name: str
    mode: ClassVar[Literal["min", "max"]]
    max_epochs: ClassVar[int]
    space: ClassVar[Mapping[str, Any]]
    """In the JSON of a spec; conditions have one categorical parent each, which every translation can follow."""

    @abstractmethod
    def curve(self, config: Config) -> Curve:
        """Return the training of a configuration, which has its active parameters only."""

    def curves(self, configs: list[Config]) -> list[Curve]:
        """Return the trainings of many configurations, in order."""
        return [self.curve(config) for config in configs]

    def session(self) -> Session:
        """Return the curves for one run."""
        return Session(self)

    def loss(self, value: float) -> float:
        """Return a value of the metric as a loss: smaller is better."""
        return value if self.mode == "min" else -value

    def best_loss(self, curve: Curve) -> float:
        """Return the loss of a curve's best epoch; inf where none is finite."""
        finite = curve.values[np.isfinite(curve.values)]
        return math.inf if not finite.size else float(np.min(finite if self.mode == "min" else -finite))


class Session:
    """The `Curves` that a simulation asks; each configuration is looked up once."""

    def __init__(self, task: Task) -> None:
        self._task = task
        self._curves: dict[tuple[tuple[str, Any], ...], Curve] = {}

    def step(self, config: Config, epoch: int) -> Step:
        """Return the epoch (from 1) of a configuration."""
        key = tuple(sorted(config.items()))
        if key not in self._curves:
            self._curves[key] = self._task.curve(config)
        curve = self._curves[key]
        value = float(curve.values[epoch - 1])
        return Step(value=value if math.isfinite(value) else None, seconds=float(curve.seconds[epoch - 1]))


def epoch_seconds(total: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return what each epoch alone costs, from the time elapsed after each, shape (epochs,) in seconds."""
    elapsed = np.maximum.accumulate(np.maximum(total.astype(np.float64), 0.0))
    return np.maximum(np.diff(elapsed, prepend=0.0), max(FLOOR * elapsed[-1] / elapsed.size, 1e-6))


def evenly(names: list[str], count: int) -> list[str]:
    """Return `count` of the names at even distances: a choice that has looked at no result."""
    return [names[int((number + 0.5) * len(names) / count)] for number in range(count)]
