"""Runners as real processes on a real database, without Ray: killed with SIGKILL at a failpoint, replaced, and judged.

A child is forked from a process that has imported everything, so that a death costs a second and not a start of Ray.
Its gangs are `pure.gang`'s: they write real checkpoints and die with it.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from service.errors import LedgerUnavailable
from service.states import SearchState
from service.store import Ledger
from tests.chaos.invariants import violations
from tests.chaos.pure.processes import RunnerProcess
from tests.chaos.pure.world import ALGORITHMS, a_spec
from tests.chaos.real.arena import a_postgresql
from tests.chaos.real.faults import RUNNER_PLACES
from tests.chaos.real.rows import Row, commit
from trainables.failpoints import arm

_KILLS = (
    *RUNNER_PLACES,
    "write.before_commit",
    "write.after_commit",
    "lease.before_renew",
    "checkpoint.before_manifest",
    "checkpoint.before_rename",
    "checkpoint.after_rename",
)

STRIKES = (
    *(("F3", place, "kill") for place in _KILLS),
    ("F12", "write.before_commit", "error"),
    ("F12", "report.before_commit", "error"),
    ("F14", "write.after_commit", "error"),
    ("F14", "write.after_commit", "error"),
)
"""Numbers of the matrix, failpoints that a runner of this kind passes, and what happens there."""

_STEPS = 25
"""Steps of a process until another place has its turn."""

_MOST_PROCESSES = 60
"""Processes after the last strike within which a search must have ended (I10)."""


def strike_processes(*, seed: int, db: str, seconds: float, say: Callable[[str], None] = print) -> list[Row]:
    """Runs searches one after another, each under processes that are killed again and again.

    Args:
        seed: of searches and places.
        db: `sqlite` or `postgresql`.
        seconds: after which no further search begins.
        say: told what each search came to.

    Returns:
        A row for each process that was killed at a failpoint.
    """
    chance = random.Random(seed)
    rows: list[Row] = []
    with _a_place(db) as (folder, url):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            struck, found = _one_search(folder, url, chance)
            say(f"{len(struck)} struck, {len(found)} violations {found}")
            rows += [
                Row(
                    commit=commit(),
                    seed=seed,
                    db=db,
                    store="local",
                    fault=number,
                    place=place,
                    action=f"{term}, without Ray",
                    who="process",
                    recovered_s=round(back_s, 2),
                    violations=found,
                )
                for number, place, term, back_s in struck
            ]
    return rows


def _one_search(folder: Path, url: str, chance: random.Random) -> tuple[list[tuple[str, str, str, float]], list[str]]:
    """Returns the places at which its runners were killed, each with the seconds until the next one had recovered."""
    failpoints, answered = folder / "failpoints", folder / "answered"
    answered.write_text("")
    search = _submit(url, chance)
    struck = []
    for number, place, term in chance.sample(STRIKES, len(STRIKES)):
        (failpoints / place).write_text(term)
        _fork(folder, url, search, chance.randrange(10**6), steps=_STEPS)
        was_struck = any(failpoints.glob("*.struck-*"))
        for leftover in failpoints.iterdir():
            leftover.unlink()
        is_over, began = _is_over(url, search), time.monotonic()
        if not is_over:
            _fork(folder, url, search, chance.randrange(10**6), steps=2)
        if was_struck:
            struck.append((number, place, term, time.monotonic() - began))
        if is_over or _is_over(url, search):
            break
    for _ in range(_MOST_PROCESSES):
        if _is_over(url, search):
            break
        _fork(folder, url, search, chance.randrange(10**6))
    with contextlib.closing(Ledger.open(url)) as ledger:
        found = violations(ledger, search, folder / "checkpoints")
        there = {f"{r.trial} {r.attempt} {r.epoch}" for r in ledger.reports(search)}
        found += [
            f"I3: report {line} was answered and is not there"
            for line in answered.read_text().splitlines()
            if line not in there
        ]
    return struck, found


def _submit(url: str, chance: random.Random) -> str:
    algorithm = chance.choice(sorted(ALGORITHMS))
    spec = a_spec(
        algorithm, trials=chance.randint(4, 8), epochs=chance.randint(3, 6), seed=chance.randrange(99), attempts=99
    )
    with contextlib.closing(Ledger.open(url)) as ledger:
        search, _ = ledger.submit(spec=spec, name=algorithm, trainable="t", trainable_path="m:T")
        coordinator = ledger.seize_lease("coordinator", "the harness", 3600)
        with ledger.write(coordinator) as writer:
            writer.move_search(search.id, SearchState.RUNNING, "admitted by the harness")
            writer.set_allowance(search.id, 2)
    return search.id


def _is_over(url: str, search: str) -> bool:
    with contextlib.closing(Ledger.open(url)) as ledger:
        return ledger.search(search).state.is_terminal


def _fork(folder: Path, url: str, search: str, seed: int, steps: int = 1000) -> None:
    """A runner's process, until it is killed, has done its steps or the search has ended."""
    child = os.fork()
    if child == 0:
        try:
            _be_a_runner(folder, url, search, random.Random(seed), steps)
        finally:
            os._exit(0)
    _, status = os.waitpid(child, 0)
    assert not os.WIFSIGNALED(status) or os.WTERMSIG(status) == signal.SIGKILL


def _be_a_runner(folder: Path, url: str, search: str, chance: random.Random, steps: int) -> None:
    arm(f"@{folder / 'failpoints'}")
    ledger = Ledger.open(url)
    log = os.open(folder / "answered", os.O_WRONLY | os.O_APPEND)

    def answer(_: str, trial: int, attempt: int, epoch: int) -> None:
        os.write(log, f"{trial} {attempt} {epoch}\n".encode())

    process = RunnerProcess(
        ledger=ledger,
        search=search,
        lease=ledger.seize_lease(f"search/{search}", f"process {os.getpid()}", 60),
        store=folder / "checkpoints",
        acked=answer,
        writes_beside=chance.random() < 0.5,
    )
    for _ in range(steps):
        with contextlib.suppress(LedgerUnavailable):
            process.step(chance.randrange(4), chance.choice(["", "", "", "", "", "break", "break saved"]))
        if process.status != "running":
            return


@contextlib.contextmanager
def _a_place(db: str) -> Iterator[tuple[Path, str]]:
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="rung-chaos-")))
        (folder / "failpoints").mkdir()
        if db == "postgresql":
            yield folder, stack.enter_context(a_postgresql()).new_database()
        else:
            yield folder, f"sqlite:///{folder / 'ledger.db'}"
