"""How long the decisions of a very large search take: 100,000 trials of ASHA, simulated on one core.

Usage: python -m benchmarks.large_asha
Curves are a formula; so what is timed is the drawing of configurations, the Study and the simulator.
"""

from __future__ import annotations

import math
import time

from benchmarks.machine import describe
from search_spaces import Space
from service.algorithms import AlgorithmSpec, Objective, Study
from service.algorithms.simulator import Step, simulate

SPACE = Space.parse(
    {
        "lr": {"type": "float", "low": 1e-4, "high": 1e-1, "log": True},
        "width": {"type": "int", "low": 1, "high": 512, "log": True},
        "optimizer": {"type": "categorical", "choices": ["sgd", "adam"]},
        "momentum": {"type": "float", "low": 0.0, "high": 0.99, "when": {"optimizer": "sgd"}},
    }
)
SIZES = (10_000, 100_000)
WORKERS = 64


class Formula:
    """Losses that fall with the epochs, towards a valley in the learning rate."""

    def step(self, config, epoch):
        """Return the loss; an epoch takes longer the wider the model is."""
        return Step(value=abs(math.log10(config["lr"]) + 2) + 1 / epoch, seconds=1 + config["width"] / 512)


def main() -> None:
    """Simulates each variant in each size and prints the seconds it took."""
    print(f"machine: {describe()}")
    for scheduler in ("asha", "asha_promotion"):
        for size in SIZES:
            study = Study(
                space=SPACE,
                algorithm=AlgorithmSpec.parse({"scheduler": {"name": scheduler}}),
                objective=Objective(metric="loss"),
                max_trials=size,
                max_epochs=81,
                seed=0,
            )
            began = time.process_time()
            simulation = simulate(study, Formula(), workers=WORKERS)
            took = time.process_time() - began
            print(f"{scheduler}: {size} trials, {len(simulation.observations)} reports in {took:.1f} s of one core")


if __name__ == "__main__":
    main()
