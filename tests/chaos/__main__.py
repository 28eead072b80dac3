"""`python -m tests.chaos`: faults struck at a real service, schedules without Ray, and the tables of both.

Every verb exits with 1 on a violation. Rows are appended to `tests/chaos/results`, so that runs add up.
"""

from __future__ import annotations

import argparse
import itertools
import logging
import sys
from collections.abc import Callable

from tests.chaos import results


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True)
    strike = verbs.add_parser("strike", help="faults at a real service, one life of it")
    strike.add_argument("--seed", type=int, help="default: the first one that has no row yet")
    strike.add_argument("--fault", action="append", default=[], help="F1 ...; again for more; default: all but F7, F8")
    strike.add_argument("--db", choices=["sqlite", "postgresql"], default="sqlite")
    strike.add_argument("--minutes", type=float, default=3, help="for which faults are struck")
    until = verbs.add_parser("until", help="life after life, on both databases in turn, until so many faults struck")
    until.add_argument("count", type=int)
    until.add_argument("--minutes", type=float, default=3, help="for which faults are struck in one life")
    processes = verbs.add_parser("processes", help="runners as real processes on a real database, without Ray")
    processes.add_argument("--seed", type=int, help="default: the first one that has no row yet")
    processes.add_argument("--db", choices=["sqlite", "postgresql"], default="sqlite")
    processes.add_argument("--minutes", type=float, default=1)
    schedules = verbs.add_parser("schedules", help="coordinator and runners without Ray, as many as time allows")
    schedules.add_argument("--seed", type=int, help="the first one; default: the first one that no run has had yet")
    schedules.add_argument("--minutes", type=float, default=1)
    verbs.add_parser("report", help="the tables of RELIABILITY.md")
    given = parser.parse_args()
    return _VERBS[given.verb](given)


def _strike(given: argparse.Namespace) -> int:
    seed = given.seed if given.seed is not None else _next_seed()
    return _one_life(seed, given.db, given.fault, given.minutes)


def _processes(given: argparse.Namespace) -> int:
    from tests.chaos.real.processes import strike_processes

    logging.disable(logging.WARNING)
    seed = given.seed if given.seed is not None else _next_seed()
    rows = strike_processes(seed=seed, db=given.db, seconds=60 * given.minutes)
    results.append("faults", (row.to_dict() for row in rows))
    print(f"seed {seed} on {given.db}: {len(rows)} faults struck")
    return 1 if any(row.violations for row in rows) else 0


def _until(given: argparse.Namespace) -> int:
    code = 0
    while len(results.read("faults")) < given.count:
        seed = _next_seed()
        faults = _IN_TURN[seed // 2 % len(_IN_TURN)]
        code |= _one_life(seed, ("sqlite", "postgresql")[seed % 2], faults, given.minutes)
    return code


def _one_life(seed: int, db: str, faults: list[str], minutes: float) -> int:
    from tests.chaos.real.campaign import live
    from tests.chaos.real.migrations import strike_migrations

    if faults == ["F25"]:
        rows = strike_migrations(seed=seed, db=db)
    else:
        rows = live(seed=seed, db=db, faults=faults, seconds=60 * minutes)
    results.append("faults", (row.to_dict() for row in rows))
    violations = sum(len(row.violations) for row in rows[:1])
    print(f"seed {seed} on {db}: {len(rows)} faults struck, {violations} violations")
    return 1 if any(row.violations for row in rows) else 0


def _next_seed() -> int:
    taken = {row["seed"] for row in results.read("faults")}
    return next(seed for seed in itertools.count(1) if seed not in taken)


def _schedules(given: argparse.Namespace) -> int:
    from tests.chaos.pure.schedules import run_schedules
    from tests.chaos.real.rows import commit

    logging.disable(logging.WARNING)
    before = [row["seed"] + row["schedules"] for row in results.read("schedules")]
    seed = given.seed if given.seed is not None else max(before, default=0)
    tally = run_schedules(itertools.count(seed), seconds=60 * given.minutes)
    print(f"{tally.schedules} schedules, {60 * tally.schedules / tally.seconds:.0f} a minute, struck {tally.struck}")
    for number, found in tally.violations.items():
        print(f"seed {number}:", *found, sep="\n  ")
    row = {
        "commit": commit(),
        "seed": seed,
        "schedules": tally.schedules,
        "seconds": round(tally.seconds, 1),
        "struck": tally.struck,
        "violations": {str(number): found for number, found in tally.violations.items()},
    }
    results.append("schedules", [row])
    return 1 if tally.violations else 0


def _report(_: argparse.Namespace) -> int:
    print(*results.report(), sep="\n")
    return 0


_IN_TURN: tuple[list[str], ...] = ([], [], [], ["F7"], [], [], [], ["F25"])
"""What lives are struck with; none: everything that does not cost a start of the cluster."""

_VERBS: dict[str, Callable[[argparse.Namespace], int]] = {
    "strike": _strike,
    "processes": _processes,
    "until": _until,
    "schedules": _schedules,
    "report": _report,
}


if __name__ == "__main__":
    sys.exit(main())
