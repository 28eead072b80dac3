"""Fair share over time: who has had how much, and how the next slice is shared out. Pure: the state is passed in.

Whole gangs cannot always hold a share: of two gangs' room, weights 3:1 mean one and a half against a half. So what each
search holds is counted in shares of the cluster times seconds, for its weight, and who has had least is planned for
first. The plan stands for a slice; only searches that come, go, or want more or less change it earlier. A search that
wants no more than it holds saves nothing up, and one that comes begins level with the least served of its priority.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from service.coordinator.allowance import Bound, Claim, Node, allot, cost_of, held

MOST_SLICES = 40
"""Slices that are looked ahead at most for when a search is likely to start."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Shares:
    """The account at one moment.

    Attributes:
        served: share-seconds for its weight that each search has had, above the least served of its priority.
        planned_on: the same when the present slice began.
        slice_s: how long a plan stands.
        bounds: what the searches of a project may hold at once.
        left_s: what is left of the present one.
    """

    slice_s: float
    bounds: Mapping[str, Bound] = field(default_factory=dict)
    served: Mapping[str, float] = field(default_factory=dict)
    planned_on: Mapping[str, float] = field(default_factory=dict)
    left_s: float = 0.0

    def after(self, seconds: float, nodes: Sequence[Node], claims: Sequence[Claim]) -> Shares:
        """The account so many seconds later, in which the claims held what they say they run, or were starting."""
        holding = held(nodes, claims)
        served = dict(self.served)
        for claim in claims:
            had = holding[claim.search] * cost_of(claim, nodes) * seconds / claim.weight
            served[claim.search] = served.get(claim.search, 0.0) + had
        served = _levelled(served, self.served, claims, holding)
        if self.left_s > seconds:
            kept = {search: self.planned_on.get(search, served[search]) for search in served}
            return replace(self, served=served, planned_on=kept, left_s=self.left_s - seconds)
        return replace(self, served=served, planned_on=served, left_s=self.slice_s)

    def plan(self, nodes: Sequence[Node], claims: Sequence[Claim]) -> dict[str, int]:
        """Slots for each search in the present slice."""
        return allot(nodes, claims, ahead=self.planned_on, horizon_s=self.slice_s, bounds=self.bounds)

    def turns(self, nodes: Sequence[Node], claims: Sequence[Claim]) -> dict[str, float]:
        """Seconds until each search that has no slots would get one, if all others went on as they do.

        Returns:
            By search; without those whose turn is not foreseeable, as they wait for a higher priority.
        """
        shares, seconds, slots = self, 0.0, self.plan(nodes, claims)
        waiting = {claim.search for claim in claims if claim.demand and not slots[claim.search]}
        found: dict[str, float] = {}
        for _ in range(MOST_SLICES):
            if not waiting:
                break
            step = shares.left_s or shares.slice_s
            seconds += step
            running = [replace(claim, running=slots[claim.search], allowed=slots[claim.search]) for claim in claims]
            shares = shares.after(step, nodes, running)
            slots = shares.plan(nodes, running)
            found |= {search: seconds for search in waiting if slots[search]}
            waiting -= found.keys()
        return found


def _levelled(
    served: Mapping[str, float], before: Mapping[str, float], claims: Sequence[Claim], holding: Mapping[str, int]
) -> dict[str, float]:
    """Counts from the least served of each priority, begins newcomers there, and lets the satisfied save nothing up."""
    levelled: dict[str, float] = {}
    for priority in {claim.priority for claim in claims}:
        peers = [claim for claim in claims if claim.priority == priority]
        known = [claim.search for claim in peers if claim.search in before]
        wanting = [c.search for c in peers if c.search in before and holding[c.search] < c.demand] or known
        least = min((served[search] for search in wanting), default=0.0)
        was_least = min((before[search] for search in wanting), default=0.0)
        for claim in peers:
            has = served[claim.search]
            if claim.search not in before:
                has += least
            elif claim.search not in wanting:
                has = max(has, least - max(0.0, was_least - before[claim.search]))
            levelled[claim.search] = has
        lowest = min(levelled[claim.search] for claim in peers)
        for claim in peers:
            levelled[claim.search] -= lowest
    return levelled
