"""How many gangs each search may run at once: a pure function of nodes and claims. It starts and stops nothing.

Gangs are placed one by one, as Ray's STRICT_PACK will place them: whole, on one node. The next gang goes to the search
of the highest priority whose share of the cluster is least for its weight (weighted max-min fairness over the resource
of which a gang takes most), ties to the older search. A search whose gang fits on no node any more is passed over, so
that small gangs may use what large ones cannot. What nobody can use now goes to those who will: their gangs stay warm.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

_ROUNDING = 1e-6
"""Ray counts resources in units of 1e-4; anything smaller is float noise."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Node:
    """What one node has in all, whether in use or not.

    Attributes:
        cpus: logical CPUs.
        gpus: GPUs.
    """

    cpus: float
    gpus: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Claim:
    """What one search asks for.

    Attributes:
        search: its id.
        workers: ranks of one gang.
        cpus: logical CPUs of one rank.
        gpus: GPUs of one rank.
        demand: gangs it could use now.
        priority: higher is served first.
        weight: share among searches of one priority.
        later: gangs it may yet use, where it waits at a rung; at least `demand` counts.
        project: whose it is.
        running: gangs that train at present.
        allowed: slots it has at present.
    """

    search: str
    workers: int
    cpus: float
    gpus: float
    demand: int
    priority: int = 0
    weight: float = 1.0
    later: int = 0
    project: str = ""
    running: int = 0
    allowed: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Bound:
    """What the searches of a project may hold at once.

    Attributes:
        slots: gangs.
        gpus: GPUs.
    """

    slots: float = math.inf
    gpus: float = math.inf


def allot(
    nodes: Sequence[Node],
    claims: Sequence[Claim],
    *,
    ahead: Mapping[str, float] | None = None,
    horizon_s: float = 1.0,
    bounds: Mapping[str, Bound] | None = None,
) -> dict[str, int]:
    """Slots for each search.

    Args:
        nodes: the cluster's nodes.
        claims: oldest search first.
        ahead: share-seconds for its weight that a search has had more than others; absent: none.
        horizon_s: seconds for which the slots are granted: what they add to that.
        bounds: by project; absent: none.

    Returns:
        Search id to slots, 0 for a search that must wait.
    """
    room = Room(nodes, bounds)
    slots = {claim.search: 0 for claim in claims}
    for wanted in ({c.search: c.demand for c in claims}, {c.search: max(c.demand, c.later) for c in claims}):
        open_claims = [claim for claim in claims if slots[claim.search] < wanted[claim.search]]
        while open_claims:
            claim = min(open_claims, key=lambda c: (-c.priority, _load(c, slots[c.search], nodes, ahead, horizon_s)))
            if not room.takes(claim):
                open_claims.remove(claim)
                continue
            slots[claim.search] += 1
            if slots[claim.search] >= wanted[claim.search]:
                open_claims.remove(claim)
    return slots


def held(nodes: Sequence[Node], claims: Sequence[Claim]) -> dict[str, int]:
    """Gangs that each search holds at present: those that train, and those starting in what these leave free."""
    room = Room(nodes)
    holds = {claim.search: sum(room.takes(claim) for _ in range(claim.running)) for claim in claims}
    for claim in claims:
        holds[claim.search] += sum(room.takes(claim) for _ in range(min(claim.allowed, claim.demand) - claim.running))
    return holds


def cost_of(claim: Claim, nodes: Sequence[Node]) -> float:
    """Share of the cluster that one gang takes, of the resource of which that is most; 0 to 1."""
    cpus, gpus = sum(node.cpus for node in nodes), sum(node.gpus for node in nodes)
    taken = ((claim.workers * claim.cpus, cpus), (claim.workers * claim.gpus, gpus))
    return max((part / whole for part, whole in taken if whole), default=0.0)


def capacity(nodes: Sequence[Node], claim: Claim) -> int:
    """Gangs of `claim` that the cluster could run at once if it had nothing else to do."""
    return allot(nodes, [claim])[claim.search]


def _load(
    claim: Claim, slots: int, nodes: Sequence[Node], ahead: Mapping[str, float] | None, horizon_s: float
) -> float:
    """What a search has had for its weight when the horizon has passed, with so many slots; equals are equal."""
    return round((ahead or {}).get(claim.search, 0.0) + slots * cost_of(claim, nodes) * horizon_s / claim.weight, 9)


class Room:
    """What is free on the nodes while gangs are placed."""

    def __init__(self, nodes: Sequence[Node], bounds: Mapping[str, Bound] | None = None) -> None:
        self._free = [(node.cpus, node.gpus) for node in nodes]
        self._left = {project: (bound.slots, bound.gpus) for project, bound in (bounds or {}).items()}

    def takes(self, claim: Claim) -> bool:
        """Places one gang, if it fits anywhere and its project may have it."""
        place, gang_gpus = _place(self._free, claim), claim.workers * claim.gpus
        slots_left, gpus_left = self._left.get(claim.project, (math.inf, math.inf))
        if place is None or slots_left < 1 or gpus_left < gang_gpus - _ROUNDING:
            return False
        self._left[claim.project] = (slots_left - 1, gpus_left - gang_gpus)
        cpus, gpus = self._free[place]
        self._free[place] = (cpus - claim.workers * claim.cpus, gpus - claim.workers * claim.gpus)
        return True


def _place(free: Sequence[tuple[float, float]], claim: Claim) -> int | None:
    """The fitting node with the least left over (best fit), so that large gangs keep finding whole nodes."""
    cpus, gpus = claim.workers * claim.cpus, claim.workers * claim.gpus
    fitting = [i for i, (c, g) in enumerate(free) if c >= cpus - _ROUNDING and g >= gpus - _ROUNDING]
    return min(fitting, key=lambda i: (free[i][1] - gpus, free[i][0] - cpus), default=None)
