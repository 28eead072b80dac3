"""How good a run was: normalised regret over its time: 0 the best known value, 1 the median random configuration."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Literal

from benchmarks.quality.references import Reference
from service.algorithms.simulator import Observation

NUM_SHARES = 20
"""A run is read off at so many even shares of its time, the last one being its end."""


def normalised(value: float | None, reference: Reference) -> float:
    """Return the regret of a value of the metric, at most 1; None, which is no value yet, has 1.

    It is negative where a run has found better than the best known.
    """
    if value is None:
        return 1.0
    return min(1.0, (value - reference.best_known) / (reference.median_random - reference.best_known))


def regrets(
    observations: Sequence[Observation], mode: Literal["min", "max"], reference: Reference, seconds: float
) -> list[float]:
    """Return the regret of the best value so far at each of `NUM_SHARES` even shares of a run.

    Args:
        observations: in the order of time.
        mode: which values are better.
        reference: the task's scale.
        seconds: how long the run was allowed to take.
    """
    bests = list(_best_at(observations, mode, [seconds * (n + 1) / NUM_SHARES for n in range(NUM_SHARES)]))
    return [normalised(best, reference) for best in bests]


def _best_at(
    observations: Sequence[Observation], mode: Literal["min", "max"], moments: Iterable[float]
) -> Iterable[float | None]:
    better = min if mode == "min" else max
    best, seen = math.nan, 0
    for moment in moments:
        while seen < len(observations) and observations[seen].at <= moment:
            value = observations[seen].value
            if value is not None:
                best = value if math.isnan(best) else better(best, value)
            seen += 1
        yield None if math.isnan(best) else best
