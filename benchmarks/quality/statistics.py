"""From results to figures: paired cells, means, ranks, bootstrap intervals, speed-ups. Their layout is in report.py.

A cell is a task with a number of workers and a seed. Tasks are fixed, seeds are chance: a bootstrap draws seeds anew
within each task and number of workers, the same for everyone it compares.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from benchmarks.quality.book import Book, Key
from benchmarks.quality.code_hash import code_hash
from benchmarks.quality.contestants import contestant
from benchmarks.quality.run import Outcome

RESAMPLES = 2_000
BATCH = 100
"""Resamples that are held in memory at a time."""
INTERVAL = (2.5, 97.5)
TOLERANCE = 1e-9
"""Means of the same numbers in another order are equal."""


class Estimate(NamedTuple):
    """A mean with its 95 % interval."""

    mean: float
    low: float
    high: float


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Results:
    """The cells that every method has."""

    methods: Sequence[str]
    tasks: Sequence[str]
    workers: Sequence[int]
    seeds: Sequence[int]
    regrets: NDArray[np.float64]
    """Shape (methods, tasks, workers, seeds, shares of a run)."""
    decision_seconds: NDArray[np.float64]
    """Shape (methods, tasks, workers, seeds)."""

    def only(self, workers: int) -> Self:
        """Return the cells with so many workers."""
        at = [list(self.workers).index(workers)]
        return replace(
            self, workers=[workers], regrets=self.regrets[:, :, at], decision_seconds=self.decision_seconds[:, :, at]
        )

    def of(self, method: str) -> NDArray[np.float64]:
        """Return a method's regrets, shape (tasks, workers, seeds, shares)."""
        found: NDArray[np.float64] = self.regrets[list(self.methods).index(method)]
        return found


def known(method: str, tasks: Sequence[str], *, stale: bool = False) -> dict[Key, Outcome]:
    """Return a method's results on tasks; the latest of those there are for a run.

    Args:
        method: whose.
        tasks: on which.
        stale: whether results of other code than today's count.
    """
    codes = {task: code_hash(contestant(method), task) for task in tasks}
    return {
        line.key: line.outcome
        for line in Book(method).lines()
        if line.key.task in codes and (stale or line.code == codes[line.key.task])
    }


def collect(
    outcomes: Mapping[str, Mapping[Key, Outcome]], tasks: Sequence[str], workers: Sequence[int], seeds: Sequence[int]
) -> Results:
    """Return what can be compared: the seeds that all methods have for all tasks and numbers of workers.

    Args:
        outcomes: by method.
        tasks: of which all are compared.
        workers: the same.
        seeds: those that may be.
    """
    cells = [(task, count) for task in tasks for count in workers]
    complete = [
        seed
        for seed in seeds
        if all(Key(task, count, seed) in mine for mine in outcomes.values() for task, count in cells)
    ]
    table = [
        [[[mine[Key(task, count, seed)] for seed in complete] for count in workers] for task in tasks]
        for mine in outcomes.values()
    ]
    return Results(
        methods=list(outcomes),
        tasks=tasks,
        workers=workers,
        seeds=complete,
        regrets=_mapped(table, lambda outcome: outcome.regrets),
        decision_seconds=_mapped(table, lambda outcome: outcome.decision_seconds),
    )


def _mapped(
    table: list[list[list[list[Outcome]]]], read: Callable[[Outcome], float | Sequence[float]]
) -> NDArray[np.float64]:
    return np.array([[[[read(o) for o in seeds] for seeds in counts] for counts in tasks] for tasks in table])


def estimate(values: NDArray[np.float64]) -> Estimate:
    """Return the mean over all cells and its bootstrap interval.

    Args:
        values: shape (tasks, workers, seeds).
    """
    generator = np.random.default_rng(0)
    means: list[NDArray[np.float64]] = []
    for _ in range(RESAMPLES // BATCH):
        drawn = generator.integers(0, values.shape[-1], (BATCH, *values.shape))
        means.append(np.take_along_axis(values[np.newaxis], drawn, axis=-1).mean(axis=(1, 2, 3)))
    low, high = np.percentile(np.concatenate(means), INTERVAL)
    return Estimate(float(values.mean()), float(low), float(high))


def mean_ranks(results: Results, share: int) -> NDArray[np.float64]:
    """Return the mean rank of each method at a share of the runs, 1 being the best; equals share their ranks.

    Args:
        results: what is compared.
        share: index of the share.
    """
    ranks = rankdata(results.regrets[..., share], axis=0)
    mean: NDArray[np.float64] = ranks.mean(axis=(1, 2, 3))
    return mean


def speed_up(mine: NDArray[np.float64], baseline: NDArray[np.float64]) -> float | None:
    """Return how many times sooner one mean curve is where the other one ends; None: it never gets there.

    Args:
        mine: mean regret at each even share of a run, shape (shares,); between shares it is taken to be straight.
        baseline: the same.
    """
    goal = baseline[-1] + TOLERANCE
    reached = np.flatnonzero(mine <= goal)
    if not reached.size:
        return None
    first = int(reached[0])
    before = mine[first - 1] if first else 1.0
    part = 1.0 if before <= goal else (before - goal) / (before - mine[first])
    return float(mine.size / (first + part))
