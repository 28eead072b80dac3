"""A forest that guesses the objective from the configuration: what importance and contours are read from.

It is made for looking, not for proposing: the models that propose are in `service.algorithms`.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from service.store import TrialRow
from service.web.figures.figure import spread
from service.web.scales import ABSENT, coordinate
from service.web.source import Axis, Source

Matrix = NDArray[np.float64]

FEWEST = 8
"""Trials below which a forest would only repeat them."""

_MOST = 1000
"""Trials it learns from at most."""

_HELD_OUT = 0.25

_REMEMBERED = 8
"""Forests kept, of searches at a moment each."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Forest:
    """What a forest found.

    Attributes:
        model: scikit-learn's; takes the coordinates of all axes.
        learnt: trials that it learnt from, or was judged by.
        of: trials that have a value.
        r2: share of the variance that it explains on those held out; below 0 it is worse than their mean.
        importance: by axis, the loss of that share when the axis' values are shuffled; mean and standard deviation.
    """

    model: Any
    learnt: int
    of: int
    r2: float
    importance: tuple[tuple[float, float], ...]


_grown: dict[tuple[str, int], Forest | None] = {}
_growing = threading.Lock()


def grow(source: Source) -> Forest | None:
    """A forest of the search's trials; None while there are too few, or nothing varies.

    Three figures are read from one forest, and a page asks for them at once: the first of them grows it for all.
    """
    key = source.search.id, source.search.last_seq
    with _growing:
        if key not in _grown:
            while len(_grown) >= _REMEMBERED:
                del _grown[next(iter(_grown))]
            _grown[key] = _grow(source)
        return _grown[key]


def _grow(source: Source) -> Forest | None:
    trials = spread(source.valued, _MOST)
    if len(trials) < FEWEST or not source.axes:
        return None
    from sklearn.ensemble import ExtraTreesRegressor  # a second to import, and most requests need none of it
    from sklearn.inspection import permutation_importance

    inputs = coordinates(trials, source.axes)
    outputs = np.array([trial.value for trial in trials])
    order = np.random.default_rng(0).permutation(len(trials))
    inputs, outputs = (
        inputs[order],
        np.clip(outputs[order], *np.quantile(outputs, (0.02, 0.98))),
    )  # spare it divergences
    cut = int(len(trials) * _HELD_OUT)
    model = ExtraTreesRegressor(n_estimators=60, min_samples_leaf=2, random_state=0)
    model.fit(inputs[cut:], outputs[cut:])
    found = permutation_importance(model, inputs[:cut], outputs[:cut], n_repeats=5, random_state=0)
    return Forest(
        model=model,
        learnt=len(trials),
        of=len(source.valued),
        r2=float(model.score(inputs[:cut], outputs[:cut])),
        importance=tuple(zip(found.importances_mean.tolist(), found.importances_std.tolist(), strict=True)),
    )


def coordinates(trials: Sequence[TrialRow], axes: Sequence[Axis]) -> Matrix:
    """One row a trial, one column an axis."""
    return np.array([[coordinate(axis, trial.config.get(axis.name, ABSENT)) for axis in axes] for trial in trials])


def by_importance(source: Source) -> list[Axis]:
    """The axes, the most important first; in the order of the space while nothing is known of that."""
    forest = grow(source)
    if forest is None:
        return source.axes
    ranked = sorted(zip(source.axes, forest.importance, strict=True), key=lambda pair: -pair[1][0])
    return [axis for axis, _ in ranked]
