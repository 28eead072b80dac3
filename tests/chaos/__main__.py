"""`python -m tests.chaos`: schedules without Ray. Exits with 1 on a violation."""

from __future__ import annotations

import argparse
import itertools
import logging
import sys

from tests.chaos.pure.schedules import run_schedules


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos")
    verbs = parser.add_subparsers(dest="verb", required=True)
    schedules = verbs.add_parser("schedules", help="coordinator and runners without Ray, as many as time allows")
    schedules.add_argument("--seed", type=int, default=0)
    schedules.add_argument("--seconds", type=float, default=60)
    schedules.add_argument("--most", type=int, default=10**9)
    given = parser.parse_args()
    logging.disable(logging.WARNING)
    tally = run_schedules(itertools.count(given.seed), most=given.most, seconds=given.seconds)
    print(f"{tally.schedules} schedules, {60 * tally.schedules / tally.seconds:.0f} a minute, struck {tally.struck}")
    for seed, found in tally.violations.items():
        print(f"seed {seed}:", *found, sep="\n  ")
    return 1 if tally.violations else 0


if __name__ == "__main__":
    sys.exit(main())
