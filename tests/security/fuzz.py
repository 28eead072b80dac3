"""`make fuzz`: made-up requests in this process, on a ledger of SQLite, until enough were sent; exit 1 at any fault."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import schemathesis

from tests.support.application import TOKEN, application
from tests.support.fuzzing import Findings, config_of, run
from tests.support.runs import Searches
from tests.unit.runner.driver import Driver
from trainables import Registry


def fuzz(cases: int, seed: int) -> Findings:
    """Runs anew with the next seed until there were enough."""
    total = Findings()
    with tempfile.TemporaryDirectory() as folder:
        searches = Searches(Path(folder))
        Driver(searches.run(searches.submit("asha", trials=5, epochs=9))).to_the_end()
        made = application(
            searches, Registry.parse(""), home=Path(folder), max_body_bytes=1 << 16, allowed_hosts="testserver"
        )

        def load(config):
            headers = {"Authorization": f"Bearer {TOKEN}"}
            return schemathesis.openapi.from_asgi("/openapi.json", made.door, config=config, headers=headers)

        while total.total < cases and not total.faults:
            config = config_of(TOKEN, examples=50, sequences=50, seed=seed, coverage=not total.total)
            found = run(load, config, cases - total.total)
            total.cases += found.cases
            total.statuses += found.statuses
            total.faults |= found.faults
            print(f"seed {seed}: {found.total} requests {dict(found.cases)}", flush=True)
            seed += 1
    return total


def main() -> int:
    """Prints what was sent and answered, and every fault."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    found = fuzz(given.cases, given.seed)
    for fault in sorted(found.faults):
        print(fault, end="\n\n")
    print(f"{found.total} requests: {dict(found.cases)}; answers {dict(sorted(found.statuses.items()))}")
    print(f"{len(found.faults)} faults")
    return 1 if found.faults else 0


if __name__ == "__main__":
    sys.exit(main())
