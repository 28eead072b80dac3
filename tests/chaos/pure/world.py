"""A whole Rung in one thread: ledger, two coordinators, runners, gangs, clients, and the verbs of what may befall them.

No verb decides by chance: whoever calls them (a hypothesis machine, a seeded schedule) does.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

from search_spaces import Space
from service.algorithms import AlgorithmSpec
from service.errors import Conflict, LedgerUnavailable
from service.schemas import SearchSpec
from service.states import Intent
from service.store import IdempotencyKey
from tests.chaos.invariants import violations
from tests.chaos.pure.fuse import Died, Fuse, Strike
from tests.chaos.pure.ledger import FakeClock, WatchedLedger
from tests.chaos.pure.processes import CoordinatorProcess, PretendedCluster, RunnerProcess

SPACE = Space.parse({"lr": {"type": "float", "low": 1e-3, "high": 1e-1}, "width": {"type": "int", "low": 1, "high": 8}})

ALGORITHMS: Mapping[str, Mapping[str, Any]] = {
    "random": {"name": "random"},
    "asha": {"sampler": {"name": "random"}, "scheduler": {"name": "asha", "reduction_factor": 2}},
    "hyperband": {"sampler": {"name": "random"}, "scheduler": {"name": "hyperband", "reduction_factor": 2}},
    "tpe": {"name": "tpe"},
    "pbt": {"sampler": {"name": "random"}, "scheduler": {"name": "pbt", "interval": 1}},
}
"""Small searches of every kind of scheduler."""

_WITH_FAILPOINTS = (
    "service.coordinator.tick",
    "service.runner.recovery",
    "service.runner.retention",
    "service.runner.run",
    "service.store.submissions",
)

MISHAPS = ("", "", "", "", "fail", "break", "break saved")
"""What may befall a gang instead of a report, see `RunnerProcess.step`; mostly nothing."""

CLIENT = "client"
"""Stands for the API's process in `World.acting`."""

Process = RunnerProcess | CoordinatorProcess | str

MOST_ROUNDS = 200
"""Looks of every process within which all searches must have ended once nothing strikes any more."""


@dataclass(kw_only=True)
class Promise:
    """What a client was answered: its search, and what it asked for."""

    key: str
    spec: dict[str, Any]
    search: str


@dataclass(kw_only=True)
class World:
    """Everything that lives.

    Attributes:
        promises: what clients were answered with 201.
        acks: reports that gangs were answered: (search, trial, attempt, epoch).
        acting: the processes in the middle of a step, the innermost last; the outer ones stand still.
    """

    ledger: WatchedLedger
    clock: FakeClock
    fuse: Fuse
    store: Path
    promises: list[Promise] = field(default_factory=list)
    acks: list[tuple[str, int, int, int]] = field(default_factory=list)
    writes_beside: bool = False
    acting: list[Process] = field(default_factory=list)

    @classmethod
    def make(cls, folder: Path) -> World:
        """A world whose ledger and checkpoints are in `folder`: one in memory, or this is slow."""
        clock, fuse = FakeClock(), Fuse()
        ledger = WatchedLedger.make(f"sqlite:///{folder / 'ledger.db'}", clock, fuse)
        world = cls(ledger=ledger, clock=clock, fuse=fuse, store=folder / "checkpoints")
        world.begin()
        return world

    def begin(self) -> None:
        """Nothing has happened yet."""
        self.fuse.put_out()
        self.ledger.wipe()
        shutil.rmtree(self.store, ignore_errors=True)
        self.clock.seconds = 0.0
        self.cluster = PretendedCluster(self._runner, self.fuse)
        self.coordinators = [
            CoordinatorProcess(ledger=self.ledger, cluster=self.cluster, identity=name, clock=self.clock)
            for name in ("a", "b")
        ]
        self.promises, self.acks, self.acting = [], [], []

    @contextmanager
    def patched(self) -> Iterator[None]:
        """Sleeping costs the fake clock's time, and every failpoint is a boundary of the fuse."""
        with ExitStack() as stack:
            stack.enter_context(mock.patch("service.runner.patience.time.sleep", self.pass_time))
            for module in _WITH_FAILPOINTS:
                stack.enter_context(mock.patch(f"{module}.failpoint", lambda place, *_: self.fuse.passes(place)))
            yield

    # What happens by itself

    def submit(self, algorithm: str, *, trials: int, epochs: int, seed: int, attempts: int = 99) -> None:
        """A client asks until it is answered, always with one key."""
        spec = a_spec(algorithm, trials=trials, epochs=epochs, seed=seed, attempts=attempts)
        key = IdempotencyKey(key=f"key-{len(self.promises)}", request_sha256="0" * 64)
        while True:
            try:
                with self._acts(CLIENT):
                    search, _ = self.ledger.submit(
                        spec=spec, name=algorithm, trainable="t", trainable_path="m:T", idempotency=key
                    )
            except (LedgerUnavailable, Died):
                continue
            self.promises.append(Promise(key=key.key, spec=spec, search=search.id))
            return

    def request(self, index: int, intent: Intent) -> None:
        """A client wants something of a search; it may come too late."""
        if self.promises:
            try:
                with self._acts(CLIENT):
                    self.ledger.request(self.promises[index % len(self.promises)].search, intent)
            except (Conflict, LedgerUnavailable, Died):
                return

    def hold(self, index: int, *, on_hold: bool) -> None:
        """A client pauses a search, or lets it go on; it may come too late."""
        if self.promises:
            search = self.promises[index % len(self.promises)].search
            try:
                with self._acts(CLIENT):
                    self.ledger.pause(search) if on_hold else self.ledger.resume(search)
            except (Conflict, LedgerUnavailable, Died):
                return

    def coordinate(self, index: int) -> None:
        """One coordinator acts once."""
        coordinator = self.coordinators[index % 2]
        if coordinator in self.acting:
            return
        try:
            with self._acts(coordinator):
                coordinator.step()
        except Died:
            coordinator.die()

    def run(self, index: int, choice: int, mishap: str = "") -> None:
        """One runner acts once, whether its name is known or it is cut off."""
        process = self._pick(index)
        if process is None or process in self.acting:
            return
        try:
            with self._acts(process):
                process.step(choice, mishap)
        except Died:
            self._kill(process, just_saved=bool(choice % 2))

    def pass_time(self, seconds: float) -> None:
        """Time passes; runners that are not stopped renew their leases."""
        self.clock.seconds += seconds
        for process in self._processes():
            if process.acts and process not in self.acting:
                process.beat()

    # What befalls them

    def kill_runner(self, index: int, *, just_saved: bool) -> None:
        """A runner is killed between two steps."""
        process = self._pick(index)
        if process is not None:
            self._kill(process, just_saved=just_saved)

    def freeze_runner(self, index: int, *, frozen: bool) -> None:
        """A runner is stopped, or goes on."""
        process = self._pick(index)
        if process is not None:
            process.frozen = frozen

    def cut_off(self, index: int) -> None:
        """A runner's node is cut off from Ray, which calls it dead, but not from ledger and store."""
        process = self._pick(index)
        if process is not None:
            self._cut_off(process)

    def kill_coordinator(self, index: int) -> None:
        """A coordinator is killed between two steps."""
        self.coordinators[index % 2].die()

    def freeze_coordinator(self, index: int, *, frozen: bool) -> None:
        """A coordinator is stopped, or goes on."""
        self.coordinators[index % 2].frozen = frozen

    def resize(self, cpus: int) -> None:
        """Nodes come and go."""
        self.cluster.cpus = cpus

    def strike(self, strike: Strike, boundaries: int) -> None:
        """Something strikes in the middle of what is done next."""
        self.fuse.light(strike, boundaries)

    def stand_still(self, boundaries: int, *, cut_off: bool, turns: int, choice: int) -> None:
        """Whoever acts next stands still at a boundary, while the others go on.

        Args:
            boundaries: passed before.
            cut_off: whether Ray calls it dead meanwhile, if it is a runner.
            turns: of the others.
            choice: whose turn comes first.
        """

        def others() -> None:
            still = self.acting[-1]
            if cut_off and isinstance(still, RunnerProcess):
                self._cut_off(still)
            for turn in range(turns):
                self.pass_time(16.0)
                self.coordinate(choice + turn)
                self.coordinate(choice + turn + 1)
                self.run(choice + turn, choice)
                self.run(choice + turn + 1, choice)
            if isinstance(still, RunnerProcess) and still.status == "dead":
                raise Died("ended while it stood still")

        self.fuse.light(Strike.INTERLUDE, boundaries, others)

    # How it ends

    def settle(self) -> list[str]:
        """Nothing strikes any more: all searches must end. Returns every violation."""
        self.fuse.put_out()
        self.cluster.cpus = 2
        for process in self._processes():
            process.frozen = False
        for coordinator in self.coordinators:
            coordinator.frozen = False
        for index in range(len(self.promises)):
            self.hold(index, on_hold=False)
        for turn in range(MOST_ROUNDS):
            if not self.ledger.active() and not self.cluster.named:
                break
            self.pass_time(1.0)
            self.coordinate(turn)
            for step in range(4 * len(self._processes())):
                self.run(step, step // 2)
        return self._violations()

    def _violations(self) -> list[str]:
        found = [*self.ledger.violations]
        found += [f"I12: a runner of {search} is left" for search in self.cluster.named]
        found += self._broken_promises()
        for promise in self.promises:
            found += violations(self.ledger, promise.search, self.store)
        return found

    def _broken_promises(self) -> list[str]:
        found = []
        there = {search.id: search for search in self.ledger.searches(limit=200).items}
        for promise in self.promises:
            if promise.search not in there:
                found.append(f"I1: search {promise.search} was acknowledged and is not there")
            elif there[promise.search].spec != promise.spec:
                found.append(f"I1: search {promise.search} has another spec than the one that was acknowledged")
        if len(there) != len(self.promises):
            found.append(f"I2: {len(self.promises)} keys made {len(there)} searches")
        for search in there:
            rows = {(search, r.trial, r.attempt, r.epoch) for r in self.ledger.reports(search)}
            found += [
                f"I3: report {ack} was acknowledged and is not there"
                for ack in self.acks
                if ack[0] == search and ack not in rows
            ]
        return found

    def _ack(self, search: str, trial: int, attempt: int, epoch: int) -> None:
        self.acks.append((search, trial, attempt, epoch))

    def _runner(self, search, lease) -> RunnerProcess:
        return RunnerProcess(
            ledger=self.ledger,
            search=search,
            lease=lease,
            store=self.store,
            acked=self._ack,
            writes_beside=self.writes_beside,
        )

    def _processes(self) -> list[RunnerProcess]:
        return [*self.cluster.named.values(), *self.cluster.partitioned]

    def _pick(self, index: int) -> RunnerProcess | None:
        processes = self._processes()
        return processes[index % len(processes)] if processes else None

    @contextmanager
    def _acts(self, process: Process) -> Iterator[None]:
        self.acting.append(process)
        try:
            yield
        finally:
            self.acting.remove(process)
            if not self.acting:
                self.fuse.put_out()  # what did not strike in this step does not strike in another

    def _cut_off(self, process: RunnerProcess) -> None:
        if self.cluster.named.get(process.search) is process:
            del self.cluster.named[process.search]
            self.cluster.partitioned.append(process)

    def _kill(self, process: RunnerProcess, *, just_saved: bool) -> None:
        process.die(just_saved=just_saved)
        if self.cluster.named.get(process.search) is process:
            del self.cluster.named[process.search]
        if process in self.cluster.partitioned:
            self.cluster.partitioned.remove(process)


def a_spec(algorithm: str, *, trials: int, epochs: int, seed: int, attempts: int) -> dict[str, Any]:
    """The resolved spec of a small search."""
    section = AlgorithmSpec.parse(ALGORITHMS[algorithm])
    resolved = SearchSpec.model_validate(
        {
            "name": algorithm,
            "trainable": "t",
            "space": SPACE.to_dict(),
            "algorithm": section.to_dict(),
            "objective": {"metric": "loss", "mode": "min", "scope": "last"},
            "budget": {"trials": trials, "epochs": epochs, "failures": 99},
            "resources": {"workers": 1, "cpus_per_worker": 1},
            "retries": {"attempts": attempts},
            "checkpoints": {"every_epochs": 2},
            "parallelism": 2,
            "seed": seed,
        }
    )
    return resolved.model_dump(mode="json")
