"""What a search without slots waits for, and when it is likely to get some. It grants nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from service.coordinator.allowance import Claim, Node, capacity
from service.coordinator.quotas import Bounds
from service.models import Search
from service.schemas import spec_of
from service.states import SearchState, TrialState
from service.store import Ledger, Writer

_NOISE = timedelta(seconds=5)
"""A likely start that moves by less is not worth a write."""

PREFIX = "waits for"
"""How the reason of every search without slots begins."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Outlook:
    """What the coordinator knows when it tells a search why it waits.

    Attributes:
        nodes: the cluster's.
        claims: of all searches, by id.
        slots: what each was granted.
        bounds: of the projects.
        turns: seconds until a search's turn, where that is foreseeable.
        ends: seconds for which a search that holds slots is likely to go on, None where nobody knows.
        epoch_s: seconds that an epoch of a search takes.
    """

    nodes: Sequence[Node]
    claims: Mapping[str, Claim]
    slots: Mapping[str, int]
    bounds: Bounds
    turns: Mapping[str, float]
    ends: Callable[[str], float | None]
    epoch_s: Callable[[str], float | None]

    def reason(self, search: str) -> str:
        """What it waits for."""
        claim = self.claims[search]
        gang = f"{claim.workers} x ({claim.cpus:g} CPU, {claim.gpus:g} GPU) on one node"
        if capacity(self.nodes, claim) == 0:
            return f"{PREFIX} a node that can hold {gang}; none of the {len(self.nodes)} can now"
        if self._is_bounded(claim):
            return f"{PREFIX} {self.bounds.why[claim.project]}"
        holders = [self.claims[other] for other, slots in self.slots.items() if slots]
        higher = sum(holder.priority > claim.priority for holder in holders)
        before = f", {higher} of them of higher priority" if higher else ""
        return f"{PREFIX} {gang}; {len(holders)} other searches hold all slots{before}"

    def likely_start(self, search: str) -> datetime | None:
        """When it is likely to get a slot: its turn and the epoch that must end first, or the end of another search."""
        claim = self.claims[search]
        holders = [other for other, slots in self.slots.items() if slots]
        if capacity(self.nodes, claim) == 0 or not holders:
            return None
        turn = self.turns.get(search)
        ends = [left for left in map(self.ends, holders) if left is not None]
        epochs = [took for took in map(self.epoch_s, holders) if took is not None]
        own_turn = [turn + max(epochs, default=0.0)] if turn is not None else []
        soonest = min(own_turn + ends, default=None)
        return None if soonest is None else datetime.now(UTC) + timedelta(seconds=soonest)

    def _is_bounded(self, claim: Claim) -> bool:
        """Whether its project may hold no more gangs of this kind."""
        bound = self.bounds.by_project.get(claim.project)
        if bound is None:
            return False
        peers = [(self.claims[other], slots) for other, slots in self.slots.items()]
        held = [(peer, slots) for peer, slots in peers if peer.project == claim.project]
        gpus = sum(slots * peer.workers * peer.gpus for peer, slots in held)
        return sum(slots for _, slots in held) + 1 > bound.slots or gpus + claim.workers * claim.gpus > bound.gpus

    def tell(self, writer: Writer, search: Search) -> None:
        """Writes both down, if they differ from what stands there."""
        reason, start = self.reason(search.id), self.likely_start(search.id)
        if reason != search.state_reason or _differ(start, search.likely_start):
            writer.wait_reason(search.id, reason, start)


def ends_in_s(ledger: Ledger, search: Search) -> float | None:
    """Seconds that a search is likely to go on, by its pace so far; None before any of its trials has ended."""
    budget = spec_of(search).budget
    counts = ledger.counts(search.id)
    ended = sum(count for state, count in counts.items() if state.is_terminal and state is not TrialState.CANCELLED)
    if search.state is not SearchState.RUNNING or search.started_at is None or not ended or budget.trials is None:
        return None
    return (datetime.now(UTC) - search.started_at).total_seconds() / ended * max(0, budget.trials - ended)


def _differ(one: datetime | None, other: datetime | None) -> bool:
    return one is not other and (one is None or other is None or abs(one - other) > _NOISE)
