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
        name: a preset such as `bohb`, or `sampler+scheduler` such as `kde+asha`.
        problem: what is searched.

    Raises:
        AlgorithmErrors: nothing has that name.
        AlgorithmError: the algorithm refuses the space.
    """
    algorithm = AlgorithmSpec.parse(_section(name))
    space = Space.parse(problem.space)
    algorithm.accepts(space, problem.max_epochs)
    return Study(
        space=space,
        algorithm=algorithm,
        objective=Objective(metric="metric", mode=problem.mode),
        max_trials=MAX_TRIALS,
        max_epochs=problem.max_epochs,
        seed=problem.seed,
    )


def _section(name: str) -> dict[str, Any]:
    sampler, _, scheduler = name.partition("+")
    return {"sampler": {"name": sampler}, "scheduler": {"name": scheduler}} if scheduler else {"name": name}
