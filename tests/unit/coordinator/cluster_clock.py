"""A cluster on a virtual clock: gangs that yield only at the end of an epoch, looked at twice a second. No Ray."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from service.coordinator.allowance import Claim, Node, Room, cost_of
from service.coordinator.shares import Shares

TICK_S = 0.5


@dataclass(kw_only=True)
class Gang:
    """One gang, from when it begins to start."""

    search: str
    epoch_s: float
    left_s: float


@dataclass(kw_only=True)
class ClusterClock:
    """What the coordinator and the runners would do, tick by tick.

    Attributes:
        epoch_s: of each search.
        history: after each tick, the CPUs that each search held.
    """

    node: Node
    epoch_s: dict[str, float]
    start_s: float = 2.0
    shares: Shares = field(default_factory=lambda: Shares(slice_s=30.0))
    gangs: list[Gang] = field(default_factory=list)
    history: list[dict[str, float]] = field(default_factory=list)
    slots: dict[str, int] = field(default_factory=dict)

    def run(self, seconds: float, claims: list[Claim]) -> None:
        """Lets so much time pass while these searches are there."""
        self.gangs = [gang for gang in self.gangs if gang.search in {claim.search for claim in claims}]
        for _ in range(round(seconds / TICK_S)):
            now = [
                replace(
                    claim,
                    running=sum(gang.search == claim.search for gang in self.gangs),
                    allowed=self.slots.get(claim.search, 0),
                )
                for claim in claims
            ]
            self.shares = self.shares.after(TICK_S, [self.node], now)
            self.slots = self.shares.plan([self.node], now)
            self._tick(claims)
            held = {claim.search: 0.0 for claim in claims}
            for gang in self.gangs:
                held[gang.search] += cost_of(_named(claims, gang.search), [self.node]) * self.node.cpus
            self.history.append(held)

    def _tick(self, claims: list[Claim]) -> None:
        for gang in list(self.gangs):
            gang.left_s -= TICK_S
            if gang.left_s <= 0:
                gang.left_s += gang.epoch_s
                if sum(other.search == gang.search for other in self.gangs) > self.slots[gang.search]:
                    self.gangs.remove(gang)
        room = Room([self.node])
        for gang in self.gangs:
            assert room.takes(_named(claims, gang.search)), "more gangs than fit"
        for claim in claims:
            while sum(g.search == claim.search for g in self.gangs) < min(self.slots[claim.search], claim.demand):
                if not room.takes(claim):
                    break
                epoch_s = self.epoch_s[claim.search]
                self.gangs.append(Gang(search=claim.search, epoch_s=epoch_s, left_s=self.start_s + epoch_s))

    def ratios(self, one: str, other: str, *, after_s: float, window_s: float = 60.0) -> list[float]:
        """CPU-seconds of one search for each of another, in every window after `after_s`."""
        width = round(window_s / TICK_S)
        rows = self.history[round(after_s / TICK_S) :]
        return [
            sum(row[one] for row in rows[i : i + width]) / max(1e-9, sum(row[other] for row in rows[i : i + width]))
            for i in range(len(rows) - width)
        ]


def _named(claims: list[Claim], search: str) -> Claim:
    return next(claim for claim in claims if claim.search == search)
