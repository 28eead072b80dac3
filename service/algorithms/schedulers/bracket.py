"""One bracket of HyperBand: its members' results at the rung it stands at. The rules are in hyperband.py."""

import math
from dataclasses import dataclass, field


@dataclass(kw_only=True, slots=True)
class Bracket:
    """A race of successive halving, at one rung at a time."""

    index: int
    planned: int
    """How many trials it starts; a search that ends may start fewer."""
    rung: int
    """The rung its members train to, an index into the shared levels."""
    num_started: int = 0
    decided: bool = False
    """Whether its first barrier has fallen; nobody joins after that."""
    outstanding: set[int] = field(default_factory=set)
    """Members on their way to the rung: running, or promoted and not yet resumed."""
    results: dict[int, float] = field(default_factory=dict)
    """Losses of the members that reached the rung or were lost on the way to it."""
    paused: set[int] = field(default_factory=set)
    """Members that wait at the rung."""

    @property
    def open(self) -> bool:
        """Whether a new trial may join."""
        return not self.decided and self.num_started < self.planned

    def join(self, trial: int) -> None:
        """Add a new trial."""
        self.num_started += 1
        self.outstanding.add(trial)

    def record(self, trial: int, loss: float) -> None:
        """Enter a member's result at the rung."""
        self.outstanding.discard(trial)
        self.results[trial] = loss

    def leave(self, trial: int) -> None:
        """Take a member out that has ended; its result stays."""
        self.outstanding.discard(trial)
        self.paused.discard(trial)

    def remove(self, trial: int) -> None:
        """Take a member out without a result."""
        self.leave(trial)
        self.results.pop(trial, None)

    def promote(self, trial: int, from_rung: int) -> None:
        """Move a member to the next rung; the first one moves the bracket."""
        if self.rung == from_rung:
            self.rung, self.results, self.decided = from_rung + 1, {}, True
        self.paused.discard(trial)
        self.outstanding.add(trial)

    @property
    def deserted(self) -> bool:
        """Whether all its members have ended and nobody can join: nothing will happen here any more."""
        return not self.open and not self.outstanding and not self.paused

    def settled(self, may_start: bool) -> bool:
        """Return whether the barrier falls: there are results, no work is outstanding and nobody can join any more.

        The barrier is on outstanding work, not on a head-count: a member that failed or was cancelled holds nobody up.
        """
        return bool(self.results) and not self.outstanding and not (self.open and may_start)

    def ranking(self) -> list[int]:
        """Return the members with a result, best first; equal losses in the order of their numbers."""
        return sorted(self.results, key=lambda trial: (self.results[trial], trial))

    def is_finite(self, trial: int) -> bool:
        """Return whether a member's result is a number that can compete."""
        return math.isfinite(self.results[trial])
