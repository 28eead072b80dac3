"""What can happen to a search, as the Study is told it.

Completion is no event: the Study itself completes a trial at its last epoch. Neither is preemption or a fault: a new
attempt of a trial goes on where its last checkpoint left it, and the Study sees the first value of every epoch only.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from service.algorithms.facts import Fact, read_fact


@dataclass(frozen=True, kw_only=True, slots=True)
class Reported(Fact):
    """A trial finished an epoch."""

    TAG: ClassVar[str] = "reported"
    trial: int
    epoch: int
    """Epochs trained so far, from 1. Epochs may be skipped, never repeated."""
    value: float | None
    """The raw metric. NaN and the infinities become None, which ranks behind every number."""

    def __post_init__(self) -> None:
        if self.value is not None and not math.isfinite(self.value):
            object.__setattr__(self, "value", None)


@dataclass(frozen=True, kw_only=True, slots=True)
class Failed(Fact):
    """A trial is lost: its attempts are exhausted or its own code raised. It counts as the worst observation."""

    TAG: ClassVar[str] = "failed"
    trial: int
    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Cancelled(Fact):
    """A person took a trial out. That says nothing about its configuration: no observation, and nobody waits for it."""

    TAG: ClassVar[str] = "cancelled"
    trial: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Enqueued(Fact):
    """A person asked for a configuration; it is proposed next and counts towards the budget of trials."""

    TAG: ClassVar[str] = "enqueued"
    config: Mapping[str, Any]
    """Parameters by name; those left out are drawn when the trial is proposed."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Resized(Fact):
    """The budget was changed. Epochs can only grow, and only where the scheduler has a place for them."""

    TAG: ClassVar[str] = "resized"
    max_trials: int
    max_epochs: int | None = None
    """The epoch at which a trial is complete from now on; None: as before."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Reopened(Fact):
    """A search that had ended goes on. Whoever lived when it ended was cancelled then, and stays so.

    What had ended it counts no more: a close, the target, spent patience.
    """

    TAG: ClassVar[str] = "reopened"
    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Continued(Fact):
    """A trial that has ended goes on as a new one, of the same configuration; it counts towards no budget."""

    TAG: ClassVar[str] = "continued"
    trial: int
    from_epoch: int
    """The epoch of its last checkpoint, 0 for none. Where the scheduler has no place for it, it begins from nothing."""
    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Observed(Fact):
    """What another search found out, for samplers to learn from. It takes part in no rung."""

    TAG: ClassVar[str] = "observed"
    source: str
    """Id of the other search."""
    trials: Sequence[Mapping[str, Any]]
    """Of each trial its `trial` there, its `config`, and `points`: pairs of epoch and metric, ascending by epoch."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Closed(Fact):
    """No new trial from now on: someone pressed stop, or a budget is used up.

    Paused trials are stopped; running ones finish what they were started or resumed for.
    """

    TAG: ClassVar[str] = "closed"
    reason: str


Event = Reported | Failed | Cancelled | Enqueued | Resized | Reopened | Continued | Observed | Closed

_KINDS: dict[str, type[Event]] = {
    kind.TAG: kind for kind in (Reported, Failed, Cancelled, Enqueued, Resized, Reopened, Continued, Observed, Closed)
}


def event_from_dict(raw: Mapping[str, Any]) -> Event:
    """Read back an event that `to_dict` wrote; ValueError for an unknown tag."""
    return read_fact(_KINDS, raw)
