"""What a proposal costs when many trials are known: milliseconds per decision, for each sampler and two spaces.

python -m benchmarks.decision_cost [--sizes 100 300 1000 3000 10000] [--plot decision_cost.png]

Every trial has a result at each of ten rungs, so the highest rung has them all, which is the most that a model of one
rung can be given; values are chance. Between decisions one more trial reports, so no model is that of the one before.
The exponent is the slope of log(median) over log(trials) between the last two sizes: 1 is linear.
"""

from __future__ import annotations

import argparse
import math
import random
import statistics
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.machine import describe
from search_spaces import Space
from service.algorithms.catalog import SAMPLERS, Setting
from service.algorithms.objective import Objective
from service.algorithms.proposals import Origin, OriginKind, Start
from service.algorithms.samplers import Sampler
from service.algorithms.trials import Phase, Trials

SIZES = (100, 300, 1_000, 3_000, 10_000)
LEVELS = tuple(2**level for level in range(10))
FLAT = Space.parse({f"x{number}": {"type": "float", "low": 0.0, "high": 1.0} for number in range(8)})
CONDITIONAL = Space.parse(
    {
        "lr": {"type": "float", "low": 1e-5, "high": 1.0, "log": True},
        "layers": {"type": "int", "low": 1, "high": 8},
        "optimizer": {"type": "categorical", "choices": ["sgd", "adam", "rmsprop"]},
        "momentum": {"type": "float", "low": 0.0, "high": 0.99, "when": {"optimizer": "sgd"}},
        "beta": {"type": "float", "low": 0.8, "high": 0.999, "when": {"optimizer": "adam"}},
        "decay": {"type": "float", "low": 0.0, "high": 1.0, "when": {"optimizer": "rmsprop"}},
        "dropout": {"type": "float", "low": 0.0, "high": 0.9},
    }
)
FINITE = Space.parse({f"x{number}": {"type": "int", "low": 1, "high": 10} for number in range(8)})
CASES = [
    *((name, "flat", FLAT) for name in SAMPLERS if not SAMPLERS[name].finite),
    *((name, "conditional", CONDITIONAL) for name in SAMPLERS if not SAMPLERS[name].finite),
    *((name, "finite", FINITE) for name in SAMPLERS if SAMPLERS[name].finite),
]


def main() -> None:
    """Measure, print, and draw where asked to."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.decision_cost", description="The cost of a proposal.")
    parser.add_argument("--sizes", nargs="+", type=int, default=SIZES)
    parser.add_argument("--samplers", nargs="+", default=list(SAMPLERS), choices=list(SAMPLERS))
    parser.add_argument("--decisions", type=int, default=21, help="measured at each size (default %(default)s)")
    parser.add_argument("--plot", type=Path, help="draw medians into this file; needs matplotlib")
    arguments = parser.parse_args()
    print(describe())
    print(f"{'sampler':24}" + "".join(f"{f'n={size}':>18}" for size in arguments.sizes) + "  exponent")
    curves = {}
    for name, kind, space in CASES:
        if name in arguments.samplers:
            rows = [measure(name, space, size, arguments.decisions) for size in arguments.sizes]
            curves[f"{name}, {kind}"] = [median for median, _ in rows]
            cells = "".join(f"{f'{median:.2f} / {high:.2f}':>18}" for median, high in rows)
            print(f"{f'{name}, {kind}':24}{cells}  {_exponent(arguments.sizes, [row[0] for row in rows]):.2f}")
    print("median / 95th percentile, in ms of processor time")
    if arguments.plot:
        draw(arguments.sizes, curves, arguments.plot)


def measure(name: str, space: Space, size: int, decisions: int) -> tuple[float, float]:
    """Return the median and the 95th percentile of a decision's processor time in ms, the first decision apart."""
    row = SAMPLERS[name]
    options = {option.name: option.default for option in row.options}
    if "random_fraction" in options:
        options["random_fraction"] = 0.0
    sampler = row.build(Setting(space, Objective(metric="loss"), 0, LEVELS[-1]), options)
    trials = history(space, size)
    durations = [_decide(sampler, trials) for _ in range(decisions + 1)][1:]
    return statistics.median(durations), sorted(durations)[math.ceil(0.95 * len(durations)) - 1]


def _decide(sampler: Sampler, trials: Trials) -> float:
    began = time.process_time()
    config, origin = sampler.propose(len(trials), trials)
    duration = 1e3 * (time.process_time() - began)
    enter(trials, Start(trial=len(trials), config=config, epochs=LEVELS[-1], origin=origin))
    return duration


def history(space: Space, size: int) -> Trials:
    """Return a table of random configurations."""
    trials, origin = Trials(), Origin(kind=OriginKind.RANDOM, text="")
    for number in range(size):
        enter(trials, Start(trial=number, config=space.sample(number), epochs=LEVELS[-1], origin=origin))
    return trials


def enter(trials: Trials, start: Start) -> None:
    """Enter a trial with results at all rungs."""
    trials.add(start)
    rng = random.Random(start.trial)  # noqa: S311  values of a benchmark
    for level in LEVELS:
        loss = rng.random()
        trials[start.trial].report(level, loss)
        trials.record_rung(start.trial, level, loss)
    trials.move(start.trial, Phase.ENDED)


def _exponent(sizes: Sequence[int], medians: Sequence[float]) -> float:
    return math.log(medians[-1] / medians[-2]) / math.log(sizes[-1] / sizes[-2])


def draw(sizes: Sequence[int], curves: dict[str, list[float]], path: Path) -> None:
    """Draw medians over trials, both logarithmic."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 5), layout="constrained")
    axes = figure.add_subplot()
    for label, medians in curves.items():
        axes.plot(sizes, medians, marker="o", label=label)
    axes.set(xscale="log", yscale="log", xlabel="trials with results", ylabel="median time of a proposal [ms]")
    axes.legend(fontsize="small")
    figure.savefig(path, dpi=80)


if __name__ == "__main__":
    main()
