"""What it costs to give a gang its next trial: a 40-trial ASHA search on 2 slots of 2 ranks, through the real service.

Usage: python -m benchmarks.warm_gangs
Prints the distinct worker processes and the time between one trial's last report and the next one's first step.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from benchmarks.machine import describe
from tests.support.judge import judge
from tests.support.service import Service, finished

SPEC = {
    "name": "warm-gangs",
    "trainable": "digits_mlp",
    "algorithm": {"name": "asha"},
    "budget": {"trials": 40, "epochs": 9},
    "resources": {"workers": 2},
    "parallelism": 2,
    "seed": 0,
}


def main() -> None:
    """Starts a service, runs the search, judges its ledger, stops the service."""
    with tempfile.TemporaryDirectory(prefix="rung-") as folder:
        service = Service.prepare(Path(folder) / "home")
        service.cli("up")
        try:
            with service.client() as client:
                view = finished(client.submit(SPEC))
            verdict = judge(service.ledger(), view.id)
        finally:
            service.cli("down")
    seconds = (view.ended_at - view.created_at).total_seconds()
    print(f"machine: {describe()}")
    print(f"trials {verdict.trials}, reports {verdict.reports}, from submit to end {seconds:.1f} s")
    print(f"distinct worker processes: {verdict.pids} (2 slots x 2 ranks)")
    print(f"from one trial's last report to the next one's first step, median: {verdict.median_switch_s:.3f} s")
    print(f"faults in the ledger: {verdict.faults or 'none'}")


if __name__ == "__main__":
    main()
