"""One life of a service under fire: faults of a seed, one after another, then peace, then the checker."""

from __future__ import annotations

import random
import time
from collections.abc import Callable

from service.errors import LedgerUnavailable
from tests.chaos.real.arena import Arena, an_arena
from tests.chaos.real.checker import check
from tests.chaos.real.clients import Clients
from tests.chaos.real.faults import ENDS_A_LIFE, FAULTS, Fault
from tests.chaos.real.recovery import Watch
from tests.chaos.real.rows import Row, commit

STRIKES_WITHIN_S = 25.0
"""Seconds that a fault waits for somebody to pass its place; then another one is tried."""

ENDS_WITHIN_S = 150.0
"""Seconds after the last fault within which every search must have ended (I10)."""


def live(
    *, seed: int, db: str, faults: list[str], seconds: float, searches: int = 3, say: Callable[[str], None] = print
) -> list[Row]:
    """Starts a service, strikes at it, lets it settle and judges it.

    Args:
        seed: of clients and faults.
        db: `sqlite` or `postgresql`.
        faults: numbers to draw from; empty for all but those that cost a start of the whole cluster.
        seconds: for which faults are struck.
        searches: kept running at once.
        say: told what happens.

    Returns:
        A row for each fault that struck.
    """
    chance = random.Random(seed)
    table = [f for f in FAULTS if (f.number in faults if faults else f.number not in ENDS_A_LIFE)]
    rows: list[Row] = []
    with an_arena(db) as arena:
        history = arena.service.home / "history.jsonl"
        service = arena.service
        clients = Clients(service.url, service.token, seed=seed, most=searches, history=history, log=arena.log)
        end = time.monotonic() + seconds
        order: list[Fault] = []
        while time.monotonic() < end:
            order = order or chance.sample(table, len(table))
            row = _strike(arena, clients, order.pop(), seed=seed, db=db, say=say)
            rows += [row] if row else []
        clients.impatient.clear()
        clients.stop()
        found = _settle(arena)
        found += check(arena.ledger, history, arena.log, arena.service.home / "checkpoints")
        found += [f"I10: {row.fault} {row.place}: not back in time" for row in rows if _is_lost(row)]
        for sentence in found:
            say(f"VIOLATION {sentence}")
    return [_judged(row, found) for row in rows]


def _strike(
    arena: Arena, clients: Clients, fault: Fault, *, seed: int, db: str, say: Callable[[str], None]
) -> Row | None:
    watch = Watch(arena.ledger, clients)
    if fault.impatient:
        clients.impatient.set()
    arena.arm(fault.place, fault.term)
    end = time.monotonic() + STRIKES_WITHIN_S
    while (pid := arena.struck(fault.place)) is None and time.monotonic() < end:
        time.sleep(0.02)
    arena.disarm(fault.place)
    if pid is None:
        clients.impatient.clear()
        say(f"{fault.name}: nobody came by")
        return None
    watch.struck()
    if fault.then is not None:
        fault.then(arena, pid)
    if fault.who == "ledger":
        watch.struck()
    seconds = watch.seconds_until_back(fault.who)
    if seconds is None:
        say(_last_events(arena))
    clients.impatient.clear()
    say(f"{fault.name}: struck {pid}, back after {'-' if seconds is None else round(seconds, 1)} s")
    return Row(
        commit=commit(),
        seed=seed,
        db=db,
        store="local",
        fault=fault.number,
        place=fault.place,
        action=fault.then.__name__ if fault.then else "client goes away" if fault.impatient else fault.term,
        who=fault.who,
        recovered_s=None if seconds is None or fault.who == "nobody" else round(seconds, 2),
    )


def _last_events(arena: Arena) -> str:
    """What the searches that have not ended did last, for whoever wonders why something is not back."""
    lines = [
        f"  {search.id} {event.at:%H:%M:%S} {event.kind} {event.trial} {str(event.data)[:160]}"
        for search in arena.ledger.active()
        for event in arena.ledger.events(search.id, after=max(0, search.last_seq - 12), limit=12)
    ]
    return "\n".join(lines)


def _settle(arena: Arena) -> list[str]:
    end = time.monotonic() + ENDS_WITHIN_S
    while time.monotonic() < end:
        try:
            if not arena.ledger.active():
                return []
        except LedgerUnavailable:
            pass
        time.sleep(0.3)
    return [f"I10: {search.id} is {search.state}: {search.state_reason}" for search in arena.ledger.active()]


def _is_lost(row: Row) -> bool:
    return row.recovered_s is None and row.who != "nobody"


def _judged(row: Row, found: list[str]) -> Row:
    row.violations = found
    return row
