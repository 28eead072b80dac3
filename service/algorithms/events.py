"""What can happen to a search, as the Study is told it.

Completion is no event: the Study itself completes a trial at its last epoch. Neither is preemption or a retry: a new
attempt of a trial goes on where its last checkpoint left it, and the Study sees the first value of every epoch only.
"""

import math
from collections.abc import Mapping
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
    """The budget of trials was changed while the search runs."""

    TAG: ClassVar[str] = "resized"
    max_trials: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Closed(Fact):
    """No new trial from now on: someone pressed stop, or a budget is used up.

    Paused trials are stopped; running ones finish what they were started or resumed for.
    """

    TAG: ClassVar[str] = "closed"
    reason: str


Event = Reported | Failed | Cancelled | Enqueued | Resized | Closed

_KINDS: dict[str, type[Event]] = {kind.TAG: kind for kind in (Reported, Failed, Cancelled, Enqueued, Resized, Closed)}


def event_from_dict(raw: Mapping[str, Any]) -> Event:
    """Read back an event that `to_dict` wrote; ValueError for an unknown tag."""
    return read_fact(_KINDS, raw)
