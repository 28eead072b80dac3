"""One population of PBT: its members' results at the epoch where they meet. The rules are in pbt.py."""

import math
from collections import deque
from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True, slots=True)
class Vacancy:
    """A place in a population that a clone takes."""

    replaces: int
    """The member that lost it."""
    donors: tuple[int, ...]
    """The members of which one is copied, best first."""


@dataclass(kw_only=True, slots=True)
class Population:
    """Members that train side by side, from one meeting to the next."""

    index: int
    planned: int | None
    """How many members it starts with; None: all that the search has."""
    quantile: float
    """Which share of the members is replaced, and copied, at a meeting."""
    rung: int = 0
    """The meeting its members train to."""
    num_started: int = 0
    decided: bool = False
    """Whether it has met; nobody but clones joins after that."""
    outstanding: set[int] = field(default_factory=set)
    """Members on their way to the meeting."""
    results: dict[int, float] = field(default_factory=dict)
    """Losses of the members that came, or were lost on the way."""
    paused: set[int] = field(default_factory=set)
    """Members that wait there."""
    vacancies: deque[Vacancy] = field(default_factory=deque)
    """Places left empty at the meeting before."""

    @property
    def open(self) -> bool:
        """Whether a new member may join."""
        return not self.decided and (self.planned is None or self.num_started < self.planned)

    @property
    def deserted(self) -> bool:
        """Whether nothing will happen here any more."""
        return not (self.open or self.outstanding or self.paused or self.vacancies)

    def join(self, trial: int) -> None:
        """Add a new member."""
        self.num_started += 1
        self.outstanding.add(trial)

    def fill(self, trial: int) -> None:
        """Add a clone, in the first vacancy."""
        self.vacancies.popleft()
        self.outstanding.add(trial)

    def record(self, trial: int, loss: float) -> None:
        """Enter a member's result."""
        self.outstanding.discard(trial)
        self.results[trial] = loss

    def leave(self, trial: int) -> None:
        """Take out a member that has ended; its result stays, and at the meeting its place is given away."""
        self.outstanding.discard(trial)
        self.paused.discard(trial)

    def remove(self, trial: int) -> None:
        """Take out a member with its result and its place."""
        self.leave(trial)
        self.results.pop(trial, None)

    def promote(self, trial: int, from_rung: int) -> None:
        """Send a member on; the first one opens the places of those who do not go on."""
        if self.rung == from_rung:
            ranking = self.ranking()
            donors = tuple(m for m in ranking[: self.num_best] if math.isfinite(self.results[m]))
            out = ranking[len(ranking) - self.num_out :]
            self.vacancies.extend(Vacancy(replaces=member, donors=donors) for member in out)
            self.rung, self.results, self.decided = from_rung + 1, {}, True
        self.paused.discard(trial)
        self.outstanding.add(trial)

    def met(self, may_start: bool) -> bool:
        """Return whether all have come: there are results, and nobody is on the way, missing or still to join."""
        return bool(self.results) and not (self.outstanding or self.vacancies or (self.open and may_start))

    def ranking(self) -> list[int]:
        """Return the members with a result, best first; equal losses in the order of their numbers."""
        return sorted(self.results, key=self._key)

    @property
    def num_best(self) -> int:
        """Of how many of the best one is copied, and how many of the worst end: the floor of the share, 1 at least."""
        num = len(self.results)
        return max(1, int(self.quantile * num)) if num > 1 else 0

    @property
    def num_out(self) -> int:
        """How many lose their place, counted from the worst: that share, and everyone whose result is no number."""
        return max(self.num_best, sum(not math.isfinite(loss) for loss in self.results.values()))

    def _key(self, trial: int) -> tuple[float, int]:
        return self.results[trial], trial
