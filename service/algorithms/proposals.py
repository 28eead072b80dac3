"""What a Study answers when a slot is free.

Which trial a slot runs is decided here; on which node, with how many processes, is the runner's matter.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, ClassVar, Self

from service.algorithms.facts import Fact, read_fact


class OriginKind(StrEnum):
    """Where a configuration came from."""

    GRID = "grid"
    RANDOM = "random"
    QUASI_RANDOM = "quasi_random"
    MODEL = "model"
    ENQUEUED = "enqueued"
    CLONE = "clone"
    CONTINUED = "continued"


@dataclass(frozen=True, kw_only=True, slots=True)
class Origin(Fact):
    """Why a trial has the configuration it has."""

    TAG: ClassVar[str] = "origin"
    kind: OriginKind
    text: str
    """A sentence for people."""
    data: Mapping[str, Any] = field(default_factory=dict)
    """The numbers behind the sentence, e.g. the model's budget in epochs and its number of points."""

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> Self:
        """Read back what `to_dict` wrote."""
        return cls(kind=OriginKind(raw["kind"]), text=raw["text"], data=raw["data"])


@dataclass(frozen=True, kw_only=True, slots=True)
class Start(Fact):
    """Begin a new trial."""

    TAG: ClassVar[str] = "start"
    trial: int
    """Trials are numbered from 0 in the order of their proposals."""
    config: Mapping[str, Any]
    epochs: int
    """The epoch it trains to at most before the Study decides again."""
    origin: Origin
    parent: int | None = None
    """The trial whose weights it begins with; None: it begins from nothing."""
    from_epoch: int = 0
    """The epoch of the parent's checkpoint; its own first report is of the next one."""

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> Self:
        """Read back what `to_dict` wrote."""
        rest = {name: value for name, value in raw.items() if name not in ("fact", "origin")}
        return cls(origin=Origin.from_dict(raw["origin"]), **rest)


@dataclass(frozen=True, kw_only=True, slots=True)
class Resume(Fact):
    """Go on with a paused trial from its checkpoint."""

    TAG: ClassVar[str] = "resume"
    trial: int
    epochs: int
    """The epoch it now trains to at most."""
    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Wait(Fact):
    """Nothing now; trials that still train may bring new work. Nothing to record."""

    TAG: ClassVar[str] = "wait"
    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Done(Fact):
    """Nothing will be proposed any more, unless the search is resized; trials that still train run out."""

    TAG: ClassVar[str] = "done"
    reason: str


Proposal = Start | Resume | Wait | Done

_KINDS: dict[str, type[Proposal]] = {kind.TAG: kind for kind in (Start, Resume, Wait, Done)}


def proposal_from_dict(raw: Mapping[str, Any]) -> Proposal:
    """Read back a proposal that `to_dict` wrote; ValueError for an unknown tag."""
    return read_fact(_KINDS, raw)
