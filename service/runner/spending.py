"""What a search spends of its budget of GPU-hours: what is gone, what running trials may still take, what is left.

Ray's resources are held from the moment that a gang takes a trial up until it lets go, so that is what is counted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

_HOUR_S = 3600.0


@dataclass(kw_only=True)
class Spending:
    """The account of one search.

    Attributes:
        gpus: GPUs of one gang.
        clock: monotonic seconds.
        held_s: seconds for which gangs held a trial in attempts that are over.
        since: when each present attempt began, by trial.
    """

    gpus: float
    clock: Callable[[], float]
    held_s: float = 0.0
    since: dict[int, float] = field(default_factory=dict)
    _num_epochs: int = 0
    _epochs_s: float = 0.0

    def began(self, trial: int) -> None:
        """A gang has taken the trial up."""
        self.since[trial] = self.clock()

    def ended(self, trial: int) -> None:
        """It has let go of it, or never had it."""
        self.held_s += self.clock() - self.since.pop(trial, self.clock())

    def trained(self, seconds: float) -> None:
        """An epoch took so long."""
        self._num_epochs += 1
        self._epochs_s += seconds

    @property
    def used_hours(self) -> float:
        """GPU-hours that are gone."""
        now = self.clock()
        return self.gpus * (self.held_s + sum(now - began for began in self.since.values())) / _HOUR_S

    def forecast_hours(self, epochs: Iterable[int]) -> float:
        """GPU-hours that so many more epochs of some trials take, by the mean so far; 0 before the first epoch."""
        epoch_s = self._epochs_s / self._num_epochs if self._num_epochs else 0.0
        return self.gpus * sum(epochs) * epoch_s / _HOUR_S
