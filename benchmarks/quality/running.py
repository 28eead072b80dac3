"""The runs that are still missing: which they are, in which order, on how many cores. A single one is in run.py."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from itertools import islice
from multiprocessing import get_context
from typing import NamedTuple

from benchmarks.quality.book import Book, Key, Line
from benchmarks.quality.code_hash import code_hash
from benchmarks.quality.contestants import contestant
from benchmarks.quality.run import Outcome, run

AHEAD = 2
"""Runs handed to each process at a time, so that an interruption loses few."""


class Planned(NamedTuple):
    """A run to do."""

    method: str
    key: Key


def plan(methods: Sequence[str], tasks: Sequence[str], workers: Sequence[int], seeds: range) -> list[Planned]:
    """Return the runs that no book has yet for today's code.

    Seeds vary slowest: whenever it is interrupted, whole seeds are there for everyone.
    """
    done = {
        Planned(method, line.key)
        for method in methods
        for line in Book(method).lines()
        if line.key.task in tasks and line.code == code_hash(contestant(method), line.key.task)
    }
    wanted = (
        Planned(method, Key(task, count, seed))
        for seed in seeds
        for task in tasks
        for count in workers
        for method in methods
    )
    return [planned for planned in wanted if planned not in done]


def carry_out(planned: Sequence[Planned], jobs: int) -> None:
    """Do runs and write each down when it is done.

    Args:
        planned: in this order.
        jobs: how many at a time, each in a process of its own if more than one.
    """
    # The code as it was when the process began is what decides, whatever is edited meanwhile.
    codes = {entry: code_hash(contestant(entry.method), entry.key.task) for entry in planned}
    began = time.monotonic()
    for number, (entry, outcome) in enumerate(_outcomes(planned, jobs), start=1):
        Book(entry.method).append(Line(key=entry.key, code=codes[entry], outcome=outcome))
        left = (time.monotonic() - began) / number * (len(planned) - number)
        print(f"{number}/{len(planned)} {_show(entry, outcome)}, about {left / 3600:.1f} h left", flush=True)


def _outcomes(planned: Sequence[Planned], jobs: int) -> Iterator[tuple[Planned, Outcome]]:
    if jobs == 1:
        yield from ((entry, run(entry.method, *entry.key)) for entry in planned)
        return
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        rest = iter(planned)
        while batch := list(islice(rest, jobs * AHEAD)):
            futures = {pool.submit(run, entry.method, *entry.key): entry for entry in batch}
            yield from ((futures[future], future.result()) for future in as_completed(futures))


def _show(entry: Planned, outcome: Outcome) -> str:
    key = entry.key
    return (
        f"{entry.method} {key.task} W={key.workers} seed {key.seed}: regret {outcome.regrets[-1]:.3f}, "
        f"{outcome.trials} trials, {outcome.decision_seconds:.1f} s"
    )
