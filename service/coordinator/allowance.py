"""How many gangs each search may run at once: a pure function of nodes and claims. It starts and stops nothing.

Gangs are placed one by one, as Ray's STRICT_PACK will place them: whole, on one node. The next gang goes to the search
of the highest priority whose slots are fewest for its weight (weighted max-min fairness), ties to the older search. A
search whose gang fits on no node any more is passed over, so that small gangs may use what large ones cannot.
"""

from __future__ import annotations

from collections.abc import Sequence
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
        demand: gangs it could use now: its parallelism, or fewer if fewer trials are left.
        priority: higher is served first.
        weight: share among searches of one priority.
    """

    search: str
    workers: int
    cpus: float
    gpus: float
    demand: int
    priority: int = 0
    weight: float = 1.0


def allot(nodes: Sequence[Node], claims: Sequence[Claim]) -> dict[str, int]:
    """Slots for each search.

    Args:
        nodes: the cluster's nodes.
        claims: oldest search first.

    Returns:
        Search id to slots, 0 for a search that must wait.
    """
    free = [(node.cpus, node.gpus) for node in nodes]
    slots = {claim.search: 0 for claim in claims}
    open_claims = [claim for claim in claims if claim.demand > 0]
    while open_claims:
        claim = min(open_claims, key=lambda c: (-c.priority, slots[c.search] / c.weight))
        place = _place(free, claim)
        if place is None:
            open_claims.remove(claim)
            continue
        free[place] = (free[place][0] - claim.workers * claim.cpus, free[place][1] - claim.workers * claim.gpus)
        slots[claim.search] += 1
        if slots[claim.search] >= claim.demand:
            open_claims.remove(claim)
    return slots


def capacity(nodes: Sequence[Node], claim: Claim) -> int:
    """Gangs of `claim` that the cluster could run at once if it had nothing else to do."""
    return allot(nodes, [claim])[claim.search]


def _place(free: Sequence[tuple[float, float]], claim: Claim) -> int | None:
    """The fitting node with the least left over (best fit), so that large gangs keep finding whole nodes."""
    cpus, gpus = claim.workers * claim.cpus, claim.workers * claim.gpus
    fitting = [i for i, (c, g) in enumerate(free) if c >= cpus - _ROUNDING and g >= gpus - _ROUNDING]
    return min(fitting, key=lambda i: (free[i][1] - gpus, free[i][0] - cpus), default=None)
