"""The faults of the matrix as rows: where each strikes, what it does there, and when its process is back.

A place is a failpoint (docs/failpoints.md), so every fault strikes inside a transition: either the process that passes
the place kills itself, or it sleeps there while something is done to it or to its surroundings.
"""

from __future__ import annotations

import contextlib
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass

import psutil

from tests.chaos.real.arena import LEASE_S, Arena

Then = Callable[[Arena, int], None]


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One row.

    Attributes:
        number: as in the matrix.
        place: the failpoint.
        who: whose recovery is timed: `api`, `coordinator`, `runner`, `gang`, `ledger` or `cluster`; `nobody` where
            nothing has to come back.
        term: what whoever passes it does.
        then: what is done while it sleeps there, with its process id.
        impatient: whether a client goes away meanwhile.
    """

    number: str
    place: str
    who: str
    term: str = "kill"
    then: Then | None = None
    impatient: bool = False

    @property
    def name(self) -> str:
        """As the tables show it."""
        return f"{self.number} {self.place} {self.term if self.then is None else self.then.__name__}"


def stop_and_go_on(arena: Arena, pid: int) -> None:
    """The process stands still for longer than its lease."""
    with contextlib.suppress(psutil.NoSuchProcess):
        process = psutil.Process(pid)
        process.suspend()
        time.sleep(LEASE_S + 3)
        process.resume()


def ask_to_end(arena: Arena, pid: int) -> None:
    """SIGTERM, as an upgrade sends it."""
    with contextlib.suppress(psutil.NoSuchProcess):
        psutil.Process(pid).send_signal(signal.SIGTERM)


def hold_the_ledger(arena: Arena, pid: int) -> None:
    """PostgreSQL is killed for some seconds; SQLite stays locked for longer than a statement waits."""
    arena.hold_the_ledger(12)


def kill_the_proxy(arena: Arena, pid: int) -> None:
    """Serve's proxy dies while a request is open in it."""
    for process in arena.processes("ProxyActor"):
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()


def kill_the_controller(arena: Arena, pid: int) -> None:
    """Serve's controller dies while a request is open."""
    for process in arena.processes("ServeController"):
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()


def kill_everything(arena: Arena, pid: int) -> None:
    """Every process of the cluster dies, and `rung up` is called again."""
    arena.kill_everything()
    arena.service.cli("up")


def kill_the_gcs(arena: Arena, pid: int) -> None:
    """Ray's own store of metadata dies, which ends a cluster without fault tolerance; `rung down`, `rung up`."""
    for process in arena.processes("gcs_server"):
        process.kill()
    arena.service.cli("down")
    arena.service.cli("up")


_API = ("submit.after_key", "submit.before_commit", "submit.before_answer")
_COORDINATOR = ("tick.before_look", "admit.before_commit", "runner.before_start", "runner.after_start")
RUNNER_PLACES = (
    "runner.before_step",
    "recovery.after_replay",
    "recovery.after_close",
    "recovery.before_sweep",
    "propose.before_commit",
    "propose.after_commit",
    "promote.after_commit",
    "attempt.before_begin",
    "report.before_commit",
    "report.after_commit",
    "fault.after_commit",
    "checkpoint.before_row",
    "retention.before_delete",
    "end.before_commit",
    "end.after_commit",
)
_GANG = (
    "epoch.before_begin",
    "epoch.before_report",
    "checkpoint.before_files",
    "checkpoint.before_manifest",
    "checkpoint.before_rename",
    "checkpoint.after_rename",
)
_ASLEEP = "sleep(1.5)"

FAULTS: tuple[Fault, ...] = (
    *(Fault(number="F1", place=place, who="api") for place in _API),
    Fault(number="F2", place="submit.before_commit", who="api", term=_ASLEEP, then=kill_the_proxy),
    Fault(number="F2", place="submit.before_answer", who="api", term=_ASLEEP, then=kill_the_controller),
    *(Fault(number="F3", place=place, who="runner") for place in RUNNER_PLACES),
    *(Fault(number="F4", place=place, who="coordinator") for place in _COORDINATOR),
    *(Fault(number="F5", place=place, who="gang") for place in _GANG),
    Fault(number="F6", place="report.after_commit", who="runner", term=_ASLEEP, then=stop_and_go_on),
    Fault(number="F6", place="report.before_commit", who="runner", term=_ASLEEP, then=stop_and_go_on),
    Fault(number="F6", place="recovery.before_sweep", who="nobody", term=_ASLEEP, then=stop_and_go_on),
    Fault(number="F6", place="tick.before_look", who="nobody", term=_ASLEEP, then=stop_and_go_on),
    Fault(number="F7", place="report.before_commit", who="cluster", term=_ASLEEP, then=kill_everything),
    Fault(number="F8", place="report.after_commit", who="cluster", term=_ASLEEP, then=kill_the_gcs),
    Fault(number="F12", place="report.before_commit", who="ledger", term=_ASLEEP, then=hold_the_ledger),
    Fault(number="F12", place="report.after_commit", who="ledger", term=_ASLEEP, then=hold_the_ledger),
    Fault(number="F14", place="write.after_commit", who="nobody", term="error"),
    Fault(number="F14", place="submit.before_answer", who="api", term="error"),
    Fault(number="F22", place="tick.before_look", who="coordinator", term=_ASLEEP, then=ask_to_end),
    Fault(number="F22", place="report.before_commit", who="runner", term=_ASLEEP, then=ask_to_end),
    Fault(number="F23", place="submit.before_commit", who="api", term=_ASLEEP, impatient=True),
    Fault(number="F23", place="submit.before_answer", who="api", term=_ASLEEP, impatient=True),
    Fault(number="F24", place="epoch.before_begin", who="nobody", term="error"),
    Fault(number="F24", place="epoch.before_report", who="nobody", term="error"),
)
"""What strikes here. F25 needs no service and is in `migrations`; what is missing is said in RELIABILITY.md."""

ENDS_A_LIFE = frozenset({"F7", "F8"})
"""Faults that cost a start of the whole cluster each."""
