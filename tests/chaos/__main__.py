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
    strike = verbs.add_parser("strike", help="faults at a real service")
    strike.add_argument("--seed", type=int, help="default: the first one that has no row yet")
    strike.add_argument("--fault", action="append", default=[], help="F1 ...; again for more; default: all but F7, F8")
    strike.add_argument("--db", choices=["sqlite", "postgresql"], default="sqlite")
    strike.add_argument("--minutes", type=float, default=3, help="for which faults are struck")
    schedules = verbs.add_parser("schedules", help="coordinator and runners without Ray, as many as time allows")
    schedules.add_argument("--seed", type=int, default=0)
    schedules.add_argument("--minutes", type=float, default=1)
    verbs.add_parser("report", help="the tables of RELIABILITY.md")
    given = parser.parse_args()
    verb: Callable[[argparse.Namespace], int] = {"strike": _strike, "schedules": _schedules, "report": _report}[
        given.verb
    ]
    return verb(given)


def _strike(given: argparse.Namespace) -> int:
    from tests.chaos.real.campaign import live

    taken = {row["seed"] for row in results.read("faults")}
    seed = given.seed if given.seed is not None else next(seed for seed in itertools.count(1) if seed not in taken)
    rows = live(seed=seed, db=given.db, faults=given.fault, seconds=60 * given.minutes)
    results.append("faults", (row.to_dict() for row in rows))
    print(f"seed {seed}: {len(rows)} faults struck, {len(rows[0].violations) if rows else 0} violations")
    return 1 if any(row.violations for row in rows) else 0


def _schedules(given: argparse.Namespace) -> int:
    from tests.chaos.pure.schedules import run_schedules

    logging.disable(logging.WARNING)
    tally = run_schedules(itertools.count(given.seed), seconds=60 * given.minutes)
    print(f"{tally.schedules} schedules, {60 * tally.schedules / tally.seconds:.0f} a minute, struck {tally.struck}")
    for seed, found in tally.violations.items():
        print(f"seed {seed}:", *found, sep="\n  ")
    row = {"schedules": tally.schedules, "seconds": round(tally.seconds, 1), "struck": sum(tally.struck.values())}
    results.append("schedules", [{"seed": given.seed, **row, "violations": len(tally.violations)}])
    return 1 if tally.violations else 0


def _report(_: argparse.Namespace) -> int:
    print(*results.report(), sep="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
