"""PBT beside Ray Tune's own, in the same epochs of real training.

python -m benchmarks.pbt_training [--seeds 5] [--problems digits noisy] [--methods rung-pbt tune-pbt]

A population of eight on four workers, meetings every three epochs, thirty epochs: 240 epochs for everybody. Both PBTs
begin with the same eight configurations and the same weights. Random search trains eight trials in full, once with the
learning rates as drawn and once with rates that fall to nothing along half a cosine; the default has no limit of
trials. In `noisy` half of the training labels are wrong, the batches small and the learning rate all that varies;
whether a schedule helps there is what the falling rates tell.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import Any

import numpy as np
import torch

from benchmarks.machine import describe
from benchmarks.pbt_training.training import EPOCHS, Outcome, Problem, Trained
from benchmarks.pbt_training.tune_pbt import TunePbt
from benchmarks.quality.statistics import Estimate, estimate
from search_spaces import Space
from service.algorithms import AlgorithmSpec, Objective, Study
from service.algorithms.simulator import Decider, simulate

POPULATION, WORKERS, INTERVAL = 8, 4, 3
SECONDS = POPULATION * EPOCHS / WORKERS
"""An epoch takes a second of the virtual clock, so this is the budget in epochs of each worker."""
UNLIMITED = 1_000_000
BASELINE = "rung-pbt"

PROBLEMS = {
    problem.name: problem
    for problem in (
        Problem(
            name="digits",
            space={
                "lr": {"type": "float", "low": 1e-4, "high": 1e-1, "log": True},
                "momentum": {"type": "float", "low": 0.0, "high": 0.99},
                "dropout": {"type": "float", "low": 0.0, "high": 0.5},
            },
            fixed={"optimizer": "sgd", "hidden": 64},
            batch_size=64,
        ),
        Problem(
            name="noisy",
            space={"lr": {"type": "float", "low": 1e-3, "high": 1.0, "log": True}},
            fixed={"optimizer": "sgd", "hidden": 32},
            batch_size=16,
            noise=0.5,
        ),
    )
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Run:
    """What came of a method with a seed."""

    best: Outcome
    """The best epoch by validation loss, of all trials."""
    epochs: int
    """Trained and reported."""


def study(problem: Problem, seed: int, algorithm: Mapping[str, Any], trials: int) -> Study:
    """Return a fresh Study of ours."""
    return Study(
        space=Space.parse(problem.space),
        algorithm=AlgorithmSpec.parse(algorithm),
        objective=Objective(metric="loss"),
        max_trials=trials,
        max_epochs=EPOCHS,
        seed=seed,
    )


def first_configs(problem: Problem, seed: int) -> list[Mapping[str, Any]]:
    """Return the configurations that our own first population has."""
    sampler = study(problem, seed, {"name": "random"}, POPULATION)
    return [sampler.next().config for _ in range(POPULATION)]


def tune_pbt(problem: Problem, seed: int, *, synch: bool) -> TunePbt:
    """Return Tune's PBT."""
    configs = first_configs(problem, seed)
    return TunePbt(problem.space, configs, epochs=EPOCHS, interval=INTERVAL, synch=synch, seed=seed)


def ours(algorithm: Mapping[str, Any], trials: int = POPULATION) -> Callable[[Problem, int], Study]:
    """Return a builder of Studies."""
    return lambda problem, seed: study(problem, seed, algorithm, trials)


METHODS: Mapping[str, Callable[[Problem, int], Decider]] = MappingProxyType(
    {
        BASELINE: ours({"name": "pbt", "population": POPULATION, "interval": INTERVAL}),
        "tune-pbt": partial(tune_pbt, synch=False),
        "tune-pbt-synch": partial(tune_pbt, synch=True),
        "rung-random": ours({"name": "random"}),
        "rung-random-falling": ours({"name": "random"}),
        "rung-mobster": ours({"name": "mobster"}, UNLIMITED),
    }
)
FALLING = ("rung-random-falling",)


def main() -> None:
    """Train, print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.pbt_training", description="PBT on real training.")
    parser.add_argument("--seeds", type=int, default=5, help="how many, from 0 (default %(default)s)")
    parser.add_argument("--problems", nargs="+", default=list(PROBLEMS), choices=list(PROBLEMS))
    parser.add_argument("--methods", nargs="+", default=list(METHODS), choices=list(METHODS))
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    print(f"machine: {describe()}")
    for name in arguments.problems:
        runs: dict[str, list[Run]] = {method: [] for method in arguments.methods}
        for seed in range(arguments.seeds):
            for method, done in runs.items():
                done.append(run(method, PROBLEMS[name], seed))
                print(f"{name} seed {seed} {method}: {done[-1]}", file=sys.stderr, flush=True)
        print("\n".join(table(name, runs)), flush=True)


def run(method: str, problem: Problem, seed: int) -> Run:
    """Train what a method decides until the epochs are used up."""
    trained = Trained(METHODS[method](problem, seed), problem, seed, falling=method in FALLING)
    seen = simulate(trained, trained, workers=WORKERS, seconds=SECONDS).observations
    best = min((one for one in seen if one.value is not None), key=lambda one: (one.value, one.at))
    return Run(best=trained.outcomes[best.trial, best.epoch], epochs=len(seen))


def table(name: str, runs: Mapping[str, Sequence[Run]]) -> list[str]:
    """Return the lines of a problem's table; differences are paired by seed."""
    losses = {method: np.array([one.best.loss for one in done]) for method, done in runs.items()}
    num_seeds = len(next(iter(losses.values())))
    lines = [f"{name}: {num_seeds} seeds, mean and 95 % bootstrap interval; below 0, {BASELINE} is the better one"]
    lines += [
        f"| method | best validation loss | its accuracy | epochs | loss of {BASELINE} - this |",
        "|---" * 5 + "|",
    ]
    for method, done in runs.items():
        accuracy = np.mean([one.best.accuracy for one in done])
        epochs = np.mean([one.epochs for one in done])
        paired = BASELINE in losses and method != BASELINE
        difference = _show(losses[BASELINE] - losses[method], "+") if paired else ""
        lines.append(f"| {method} | {_show(losses[method])} | {accuracy:.3f} | {epochs:.0f} | {difference} |")
    return lines


def _show(values: Any, sign: str = "") -> str:
    found: Estimate = estimate(values.reshape(1, 1, -1))
    return f"{found.mean:{sign}.4f} [{found.low:{sign}.4f}, {found.high:{sign}.4f}]"


if __name__ == "__main__":
    main()
