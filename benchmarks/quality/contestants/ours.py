"""Our own contestants: a preset, or a sampler and a scheduler, as the product builds them.

They have no limit of trials, so the clock alone ends a run.
"""

from __future__ import annotations

from typing import Any

from benchmarks.quality.contestants.peer import Problem
from search_spaces import Space
from service.algorithms import AlgorithmSpec, Objective, Study

MAX_TRIALS = 1_000_000


def build(name: str, problem: Problem) -> Study:
    """Return a Study.

    Args:
        name: as for `algorithm`.
        problem: what is searched.

    Raises:
        AlgorithmErrors: nothing has that name.
        AlgorithmError: the algorithm refuses the space.
    """
    chosen = algorithm(name)
    space = Space.parse(problem.space)
    chosen.accepts(space, problem.max_epochs)
    return Study(
        space=space,
        algorithm=chosen,
        objective=Objective(metric="metric", mode=problem.mode),
        max_trials=MAX_TRIALS,
        max_epochs=problem.max_epochs,
        seed=problem.seed,
    )


def algorithm(name: str) -> AlgorithmSpec:
    """Return what a name stands for: a preset such as `bohb`, or `sampler+scheduler` such as `kde+asha`.

    Raises:
        AlgorithmErrors: nothing has that name.
    """
    sampler, _, scheduler = name.partition("+")
    parts: dict[str, Any] = {"sampler": {"name": sampler}, "scheduler": {"name": scheduler}}
    return AlgorithmSpec.parse(parts if scheduler else {"name": name}, path="method")
