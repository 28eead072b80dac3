"""What a gang keeps of the trials before: memory after 200 resets; and what a large checkpoint costs an epoch.

Usage: python -m benchmarks.gang_resets
Memory: two ranks take 220 trials of one epoch each. Printed is how much their resident memory grew from the 20th on:
digits, a larger model, and digits where each tenth trial fails on one rank, which forms the process group anew.
Checkpoints: epochs of one rank; those that write while the next one trains, and the last, which waits for its files.
"""

from __future__ import annotations

import tempfile
import warnings
from pathlib import Path
from typing import Any

import psutil

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # Ray's own imports warn about what they deprecate
    import ray

from benchmarks.machine import describe
from tests.support import large, recording
from tests.support.assignments import an_assignment
from tests.support.gangs import Handle

DIGITS = {"import_path": "trainables.models.digits_mlp:DigitsMlp", "trainable": "digits_mlp"}
LARGE = {"import_path": large.IMPORT_PATH, "trainable": "large"}
BROKEN = {"import_path": recording.IMPORT_PATH, "trainable": "recording"}

SETTLED, RESETS = 20, 220


def growth(folder: Path, name: str, sound: dict[str, Any], config: dict[str, Any], *, with_failures: bool) -> str:
    """Has a gang take one trial after another; returns a line on its memory."""
    gang = Handle(an_assignment(folder, config, workers=2, **sound))
    sizes: dict[int, list[int]] = {}
    try:
        for number in range(1, RESETS + 1):
            if with_failures and number % 10 == 5:
                failing = {"fail": "train", "fail_rank": 1}
                gang.reset(an_assignment(folder, failing, workers=2, trial=number, **BROKEN))
            else:
                gang.reset(an_assignment(folder, config, workers=2, trial=number, seed=number, **sound))
            pids = gang.step().pids
            if number in (SETTLED, RESETS):
                sizes[number] = [psutil.Process(pid).memory_info().rss for pid in pids]
    finally:
        gang.stop()
    lasting = 1 if with_failures else 2  # a rank that waits for one that failed is replaced
    grown = [100 * (now / then - 1) for then, now in zip(sizes[SETTLED], sizes[RESETS], strict=True)][:lasting]
    mib = ", ".join(f"{size / 2**20:.0f} MiB" for size in sizes[RESETS][:lasting])
    return f"{name:36} {', '.join(f'{percent:+.1f} %' for percent in grown)} (now {mib})"


def stall(folder: Path, rows: int) -> str:
    """Trains four epochs with a checkpoint each; returns a line on what they cost."""
    config = {"rows": rows, "sleep": 1.0}  # 4 batches: about 4 s an epoch
    gang = Handle(an_assignment(folder, config, epochs=4, every_epochs=1, **LARGE))
    try:
        seconds = [gang.step().seconds["checkpoint"] for _ in range(4)]
        size = gang.commit().bytes
    finally:
        gang.stop()
    beside = ", ".join(f"{s:.2f} s" for s in seconds[:-1])
    return f"a checkpoint of {size / 1e6:.0f} MB stalls an epoch for {beside}; waited for: {seconds[-1]:.2f} s"


def main() -> None:
    """Runs all, one after another."""
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
    try:
        with tempfile.TemporaryDirectory(prefix="rung-resets-") as name:
            folder = Path(name)
            print(f"machine: {describe()}")
            for rows in (100_000, 1_000_000):
                print(stall(folder / str(rows), rows), flush=True)
            print(f"resident memory from trial {SETTLED} to trial {RESETS}, rank 0 and rank 1:")
            digits = {"hidden": 64, "batch_size": 256}
            for label, sound, config, with_failures in (
                ("digits", DIGITS, digits, False),
                ("10 million weights", LARGE, {"rows": 40_000}, False),
                ("digits, each tenth trial fails", DIGITS, digits, True),
            ):
                print(growth(folder, label, sound, config, with_failures=with_failures), flush=True)
    finally:
        ray.shutdown()


if __name__ == "__main__":
    main()
