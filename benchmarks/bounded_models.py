"""What it costs in regret that a model reads a bounded subset of the results, and what it saves in time.

RUNG_DATA_DIR=... python -m benchmarks.bounded_models [--samplers kde tpe gp] [--seeds 5] [--tasks lcbench-7593 ...]

For each sampler the option `max_points` is low, at its default, and above all that there is (for `gp` at 1000, which is
what time allows). The searches are long, so that the bound bites, on 16 workers: `kde` and `tpe`, which read one result
of a trial, see trainings as wholes, which all take as long; `gp`, which reads all rungs, is under ASHA as in the
default, and every epoch takes a second. The tasks are LCBench surrogates that the judge does not use. Regret: 0 is the
best that any run here found, 1 the median of a thousand random configurations. Interrupted, it prints what the complete
seeds say.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import numpy as np

from benchmarks.machine import describe
from benchmarks.quality.statistics import estimate
from benchmarks.quality.tasks import Task, judged, open_task
from search_spaces import Space
from service.algorithms import AlgorithmSpec, Objective, Study
from service.algorithms.actions import Action
from service.algorithms.catalog import SAMPLERS
from service.algorithms.events import Event
from service.algorithms.proposals import OriginKind, Proposal, Start
from service.algorithms.simulator import Step, simulate

WORKERS = 16
SAMPLE = 1_000
UNLIMITED = 1_000_000
TASKS = ("lcbench-7593", "lcbench-168910")
LAST_SHARE = 0.25
"""The time of a decision is that of the proposals in the last quarter of the trials."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Run:
    """What came of a search."""

    half: float
    """The best loss at half of the budget."""
    end: float
    results: int
    """At rungs, in the end: what an unbounded model reads, or chooses from."""
    milliseconds: float
    """Median processor time of a late proposal by the model."""


class Timed:
    """A Study whose proposals are timed, with the processor's clock."""

    def __init__(self, study: Study) -> None:
        self.study = study
        self._durations: list[tuple[int, float]] = []

    def next(self) -> Proposal:
        """Hand on; note how long a proposal by the model took."""
        began = time.process_time()
        proposal = self.study.next()
        if isinstance(proposal, Start) and proposal.origin.kind is OriginKind.MODEL:
            self._durations.append((proposal.trial, 1e3 * (time.process_time() - began)))
        return proposal

    def tell(self, event: Event) -> list[Action]:
        """Hand on."""
        return self.study.tell(event)

    def late(self) -> float:
        """Return the median of the late proposals, in ms."""
        first = (1 - LAST_SHARE) * len(self.study.trials)
        return float(np.median([duration for trial, duration in self._durations if trial >= first]))


class EvenEpochs:
    """A task whose every epoch takes a second."""

    def __init__(self, task: Task) -> None:
        self.epochs = task.max_epochs
        self._session = task.session()

    def step(self, config: Mapping[str, Any], epoch: int) -> Step:
        """Return the epoch."""
        return replace(self._session.step(config, epoch), seconds=1.0)


class WholeTrainings:
    """A task whose trainings are one epoch, which takes a second and brings the best value of the curve."""

    epochs = 1

    def __init__(self, task: Task) -> None:
        self._task = task

    def step(self, config: Mapping[str, Any], _epoch: int) -> Step:
        """Return the training."""
        loss = self._task.best_loss(self._task.curve(config))
        return Step(value=self._task.loss(loss) if math.isfinite(loss) else None, seconds=1.0)


@dataclass(frozen=True, kw_only=True, slots=True)
class Search:
    """How a sampler is tried."""

    scheduler: str
    curves: type[EvenEpochs | WholeTrainings]
    trainings: int
    """The budget, in full trainings."""
    low: int
    high: int
    """The least and the greatest bound, beside the default."""


SEARCHES = {
    "kde": Search(scheduler="none", curves=WholeTrainings, trainings=1_500, low=100, high=100_000),
    "tpe": Search(scheduler="none", curves=WholeTrainings, trainings=1_500, low=100, high=100_000),
    "gp": Search(scheduler="asha_promotion", curves=EvenEpochs, trainings=100, low=100, high=1_000),
}


def bounds(sampler: str) -> list[int]:
    """Return the values of `max_points` that are compared."""
    default: Any = next(option.default for option in SAMPLERS[sampler].options if option.name == "max_points")
    return [SEARCHES[sampler].low, default, SEARCHES[sampler].high]


def run(sampler: str, bound: int, task: Task, seed: int) -> Run:
    """Search a task."""
    search = SEARCHES[sampler]
    algorithm = {"sampler": {"name": sampler, "max_points": bound}, "scheduler": {"name": search.scheduler}}
    curves = search.curves(task)
    timed = Timed(
        Study(
            space=Space.parse(task.space),
            algorithm=AlgorithmSpec.parse(algorithm),
            objective=Objective(metric="metric", mode=task.mode),
            max_trials=UNLIMITED,
            max_epochs=curves.epochs,
            seed=seed,
        )
    )
    seconds = search.trainings * curves.epochs / WORKERS
    seen = simulate(timed, curves, workers=WORKERS, seconds=seconds).observations
    losses = [(one.at, task.loss(one.value)) for one in seen if one.value is not None]
    return Run(
        half=min(loss for at, loss in losses if at <= seconds / 2),
        end=min(loss for _, loss in losses),
        results=len(timed.study.trials.rung_results),
        milliseconds=timed.late(),
    )


def median_random(task: Task) -> float:
    """Return the loss of the median random configuration at its best epoch."""
    space = Space.parse(task.space)
    return float(np.median([task.best_loss(curve) for curve in task.curves([space.sample(n) for n in range(SAMPLE)])]))


def table(sampler: str, tasks: Sequence[Task], runs: Mapping[tuple[int, int, str], Run], seeds: int) -> list[str]:
    """Return a sampler's lines of the table.

    Args:
        sampler: whose.
        tasks: on which.
        runs: by bound, seed and task.
        seeds: how many are complete.
    """
    best = {task.name: min(one.end for (_, _, name), one in runs.items() if name == task.name) for task in tasks}
    unit = {task.name: median_random(task) - best[task.name] for task in tasks}

    def regrets(bound: int, moment: str) -> Any:
        return np.array(
            [
                [[(getattr(runs[bound, seed, t.name], moment) - best[t.name]) / unit[t.name] for seed in range(seeds)]]
                for t in tasks
            ]
        )

    *_, high = bounds(sampler)
    lines = []
    for bound in bounds(sampler):
        mine = [runs[bound, seed, task.name] for task in tasks for seed in range(seeds)]
        half, end = regrets(bound, "half"), regrets(bound, "end")
        found = estimate(end - regrets(high, "end"))
        difference = "" if bound == high else f"{found.mean:+.4f} [{found.low:+.4f}, {found.high:+.4f}]"
        lines.append(
            f"| `{sampler}` | {bound} | {np.median([one.results for one in mine]):.0f} | {half.mean():.4f} | "
            f"{end.mean():.4f} | {difference} | {np.median([one.milliseconds for one in mine]):.1f} |"
        )
    return lines


def main() -> None:
    """Search, print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bounded_models", description="Bounded models.")
    parser.add_argument("--samplers", nargs="+", default=list(SEARCHES), choices=list(SEARCHES))
    parser.add_argument("--tasks", nargs="+", default=TASKS)
    parser.add_argument("--seeds", type=int, default=5, help="how many, from 0 (default %(default)s)")
    arguments = parser.parse_args()
    refused = set(arguments.tasks) & set(judged())
    if refused:
        parser.error(f"--tasks: got {', '.join(sorted(refused))}, must not be among the judge's tasks")
    tasks = [open_task(name) for name in arguments.tasks]
    runs: dict[str, dict[tuple[int, int, str], Run]] = {sampler: {} for sampler in arguments.samplers}
    seeds = 0
    try:
        for seed in range(arguments.seeds):
            for sampler, task in product(arguments.samplers, tasks):
                for bound in bounds(sampler):
                    found = runs[sampler][bound, seed, task.name] = run(sampler, bound, task, seed)
                    print(f"seed {seed} {sampler} {bound} {task.name}: {found}", file=sys.stderr, flush=True)
            seeds = seed + 1
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
    print(f"machine: {describe()}")
    print(f"{', '.join(arguments.tasks)}; {seeds} seeds; differences paired by task and seed, 95 % bootstrap intervals")
    if not seeds:
        return
    print("| model | `max_points` | results | regret at half | at the end | more than with the most points | ms |")
    print("|---" * 7 + "|")
    for sampler, done in runs.items():
        complete = {key: one for key, one in done.items() if key[1] < seeds}
        print("\n".join(table(sampler, tasks, complete, seeds)))


if __name__ == "__main__":
    main()
