"""The processes of the pretended cluster: coordinators and runners, one step at a time. What befalls them is `world`'s.

They do what `coordinator.actor` and `runner.actor` do in their threads, around the same `Tick`, `recover` and `Run`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from service.coordinator.allowance import Node
from service.coordinator.tick import Tick
from service.errors import Fenced, LedgerUnavailable
from service.models import Lease
from service.runner.recovery import recover
from service.runner.run import Run, Verdict
from service.settings import COORDINATOR
from service.store import EventKind
from tests.chaos.pure.fuse import Fuse
from tests.chaos.pure.gang import Gang
from tests.chaos.pure.ledger import FakeClock, WatchedLedger

LEASE_S = 15.0


class Acked(Protocol):
    """Told of each report that a trial was answered."""

    def __call__(self, search: str, trial: int, attempt: int, epoch: int) -> None:
        """The gang was told what to do next."""


@dataclass(kw_only=True, eq=False)
class RunnerProcess:
    """A runner's process with its gangs.

    Attributes:
        status: as `SearchRunner.status`; or `dead`.
        frozen: it is stopped, and does nothing until it goes on.
    """

    ledger: WatchedLedger
    search: str
    lease: Lease
    store: Path
    acked: Acked
    writes_beside: bool
    run: Run | None = None
    gangs: dict[int, Gang] = field(default_factory=dict)
    status: str = "running"
    frozen: bool = False

    @property
    def acts(self) -> bool:
        """Whether a step of it does anything."""
        return self.status == "running" and not self.frozen

    def step(self, choice: int, mishap: str = "") -> None:
        """One step of its controller.

        Args:
            choice: of the gangs that train, which one does something.
            mishap: what befalls that gang instead of a report: `fail`, `break`, `break saved`, or nothing.
        """
        if not self.acts:
            return
        try:
            self._step(choice, mishap)
        except Fenced:
            self.status = "fenced"
        except Exception as error:  # noqa: BLE001 - as the actor does
            self._give_up(error)

    def _step(self, choice: int, mishap: str) -> None:
        if self.run is None:
            self.ledger.renew_lease(self.lease, LEASE_S)
            self.run = recover(
                ledger=self.ledger,
                lease=self.lease,
                search=self.ledger.search(self.search),
                store=self.store,
                backoff_s=0.0,
            )
            return
        self._obey()
        if not self.run.finished:
            self._fill()
        if self.gangs and not self.run.finished:
            self._train(sorted(self.gangs)[choice % len(self.gangs)], mishap)
        if self.run.finished:
            self.ledger.release_lease(self.lease)
            self.status = "ended"

    def beat(self) -> None:
        """The heart's thread renews the lease."""
        try:
            self.ledger.renew_lease(self.lease, LEASE_S)
        except (Fenced, LedgerUnavailable):
            return

    def _obey(self) -> None:
        assert self.run is not None
        try:
            search = self.ledger.search(self.search)
        except LedgerUnavailable:
            return
        self.run.heed(search)
        self.run.obey(search.intent, search.allowance, on_hold=search.on_hold)

    def _fill(self) -> None:
        assert self.run is not None
        while (assignment := self.run.next_assignment()) is not None:
            assert assignment.trial not in self.gangs, "a trial was handed out while a gang has it"
            self.gangs[assignment.trial] = Gang(assignment, writes_beside=self.writes_beside)
            self.run.begun(assignment.trial)

    def _train(self, trial: int, mishap: str) -> None:
        run, gang = self.run, self.gangs[trial]
        assert run is not None
        if mishap.startswith("break"):
            gang.die(just_saved=mishap.endswith("saved"))
            run.broke(trial, "a rank died")
            self._release(trial)
            return
        result = gang.fail() if mishap == "fail" else gang.train()
        verdict = run.reported(trial, result, gang.finish)
        if mishap != "fail":
            self.acked(self.search, trial, gang.assignment.attempt, result.epoch)
        if verdict is Verdict.COMMIT_THEN_END:
            run.checkpointed(trial, gang.finish())
        if verdict is not Verdict.CONTINUE:
            self._release(trial)

    def _release(self, trial: int) -> None:
        assert self.run is not None
        del self.gangs[trial]
        self.run.released(trial)

    def _give_up(self, error: Exception) -> None:
        try:
            with self.ledger.write(self.lease) as writer:
                writer.event(self.search, EventKind.RUNNER_FAILED, {"traceback": f"{type(error).__name__}: {error}"})
            self.ledger.release_lease(self.lease)
        except (Fenced, LedgerUnavailable):
            pass
        self.status = "failed"

    def die(self, *, just_saved: bool) -> None:
        """It is killed, and its gangs with it."""
        for gang in self.gangs.values():
            gang.die(just_saved=just_saved)
        self.gangs.clear()
        self.status = "dead"


class PretendedCluster:
    """Nodes and named runners without Ray.

    Attributes:
        named: the living runner of each search by its name.
        cpus: of its one node.
        partitioned: runners whose node is cut off: Ray calls them dead, and they live.
    """

    def __init__(self, make, fuse: Fuse) -> None:
        self._make = make
        self._fuse = fuse
        self.cpus = 2
        self.named: dict[str, RunnerProcess] = {}
        self.partitioned: list[RunnerProcess] = []

    def nodes(self) -> list[Node]:
        return [Node(cpus=self.cpus, gpus=0)]

    def runners(self) -> set[str]:
        return set(self.named)

    def start_runner(self, search: str, lease: Lease) -> None:
        self._fuse.passes("start of a runner")
        if search in self.named:
            raise ValueError(f"The name search-{search} is already taken")
        self.named[search] = self._make(search, lease)
        self._fuse.passes("runner started")

    def end_runner(self, search: str) -> None:
        self._fuse.passes("end of a runner")
        process = self.named.pop(search, None)
        if process is not None:
            process.die(just_saved=False)
        self._fuse.passes("runner ended")


@dataclass(kw_only=True, eq=False)
class CoordinatorProcess:
    """A coordinator's process; Ray starts it again under the same identity."""

    ledger: WatchedLedger
    cluster: PretendedCluster
    identity: str
    clock: FakeClock
    frozen: bool = False
    lives: int = 0
    _lease: Lease | None = None
    _tick: Tick = field(init=False)

    def step(self) -> None:
        """Takes the lease, or looks once under it."""
        if self.frozen:
            return
        try:
            self._coordinate()
        except (Fenced, LedgerUnavailable, ValueError):
            self._lease = None  # as its thread: it begins again

    def die(self) -> None:
        """It is killed, and Ray starts it again."""
        self._lease = None
        self.frozen = False

    def _coordinate(self) -> None:
        if self._lease is None:
            self._lease = self._take()
            if self._lease is not None:
                self._tick = Tick(self.ledger, self.cluster, self._lease, clock=lambda: self.clock.seconds)
            return
        self.ledger.renew_lease(self._lease, LEASE_S)
        self._tick()

    def _take(self) -> Lease | None:
        self.lives += 1
        owner = f"{self.identity}/{self.lives}"
        status = self.ledger.lease(COORDINATOR)
        if status is not None and status.lease.owner.startswith(f"{self.identity}/"):
            return self.ledger.seize_lease(COORDINATOR, owner, LEASE_S)
        return self.ledger.take_lease(COORDINATOR, owner, LEASE_S)
