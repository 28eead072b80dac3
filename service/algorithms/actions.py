"""What a Study decides about a trial, and why.

A verdict without a reason cannot be constructed. Carrying it out is the runner's matter.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, ClassVar, Self

from service.algorithms.facts import Fact


class ActionKind(StrEnum):
    """What becomes of a trial."""

    CONTINUE = "continue"
    """It trains on."""
    PAUSE = "pause"
    """It keeps its checkpoint and frees its slot until it is promoted or stopped."""
    PROMOTE = "promote"
    """A paused trial goes on: `next()` will resume it."""
    STOP = "stop"
    """It ends early."""
    COMPLETE = "complete"
    """It is through: all its epochs, or the target."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Action(Fact):
    """A verdict on one trial, with the numbers that led to it.

    Raises:
        ValueError: the reason is empty.
    """

    TAG: ClassVar[str] = "action"
    trial: int
    kind: ActionKind
    reason: str
    rung: int | None = None
    """The decision point, from 0; None where no rung was involved: median stopping compares at every epoch."""
    value: float | None = None
    """The trial's metric there; None where it was no finite number."""
    cutoff: float | None = None
    """The metric of the last one kept."""
    rank: int | None = None
    """1 is the best of `of`."""
    of: int | None = None

    def __post_init__(self) -> None:
        if not self.reason:
            raise ValueError(f"action.reason: got nothing for {self.kind} of trial {self.trial}, must say why")

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> Self:
        """Read back what `to_dict` wrote."""
        rest = {name: value for name, value in raw.items() if name not in ("fact", "kind")}
        return cls(kind=ActionKind(raw["kind"]), **rest)
