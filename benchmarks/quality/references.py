"""What regret is measured against: each task's best known value, its median random configuration and the budget.

Computed once, kept in references.json, which is committed: runs of two machines must mean the same.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.quality.tasks import Task, open_task
from benchmarks.quality.tasks.tabular import Tabular
from benchmarks.quality.tasks.taskset import TaskSet
from search_spaces import Space

PATH = Path(__file__).with_name("references.json")
SAMPLE = 20_000
"""Random configurations behind a reference."""
CLIMBERS, STEPS, STRIDE = 32, 400, 0.1
"""Where the best is not in a table: hill climbs from the best of the sample, steps of each, and their first length."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Reference:
    """The scale of a task. Values are of the metric, not losses."""

    best_known: float
    """Regret 0."""
    median_random: float
    """Regret 1: half of the random configurations are better at their best epoch."""
    full_seconds: float
    """Median duration of a random configuration's whole training."""


@cache
def references() -> dict[str, Reference]:
    """Return the committed references by task."""
    if not PATH.exists():
        return {}
    return {name: Reference(**raw) for name, raw in json.loads(PATH.read_text()).items()}


def reference(task: str) -> Reference:
    """Return a task's reference.

    Raises:
        ValueError: it was never computed.
    """
    if task not in references():
        raise ValueError(f"reference: got {task}, which has none; run `python -m benchmarks.quality references {task}`")
    return references()[task]


def compute(names: Iterable[str]) -> None:
    """Compute the references of tasks and write them down beside the others."""
    known = dict(references())
    for name in names:
        known[name] = measure(open_task(name))
        text = json.dumps({key: asdict(known[key]) for key in sorted(known)}, indent=1)
        PATH.write_text(text + "\n")
        print(name, known[name])


def measure(task: Task) -> Reference:
    """Return the reference of a task: exact where there is a table, else from a large sample and hill climbs."""
    space = Space.parse(task.space)
    configs = [space.sample(seed) for seed in range(SAMPLE)]
    losses, seconds = np.empty(SAMPLE), np.empty(SAMPLE)
    for at in range(0, SAMPLE, 1_000):
        for number, curve in enumerate(task.curves(list(configs[at : at + 1_000])), start=at):
            losses[number], seconds[number] = task.best_loss(curve), curve.seconds.sum()
    best = _best_of_table(task)
    if math.isnan(best):
        starts = np.argsort(losses)[:CLIMBERS]
        best = _climb(task, space, np.array([space.to_vector(configs[start]) for start in starts]), losses[starts])
    sign = 1.0 if task.mode == "min" else -1.0
    return Reference(
        best_known=sign * best,
        median_random=sign * float(np.median(losses)),
        full_seconds=float(np.median(seconds)),
    )


def _best_of_table(task: Task) -> float:
    """The loss of the best point of a table; NaN for tasks without one."""
    if isinstance(task, Tabular):
        return -float(task.table.max())
    if isinstance(task, TaskSet):
        return min(task.best_loss(curve) for curve in task.table())
    return math.nan


def _climb(task: Task, space: Space, vectors: NDArray[np.float64], losses: NDArray[np.float64]) -> float:
    """The loss of the best point that hill climbs come to; each moves a random half of its numbers at a time."""
    generator = np.random.default_rng(0)
    numeric = np.array([size == 0 for size in space.cardinalities])
    for step in range(STEPS):
        stride = STRIDE * 0.01 ** (step / STEPS)
        moves = generator.normal(0.0, stride, vectors.shape) * (generator.random(vectors.shape) < 0.5) * numeric
        moved = np.clip(vectors + moves, 0.0, np.where(numeric, 1.0, np.inf))
        found = np.array([task.best_loss(curve) for curve in task.curves([space.from_vector(row) for row in moved])])
        better = found < losses
        vectors[better], losses[better] = moved[better], found[better]
    return float(losses.min())
