"""The points among which a model seeks the best one, and the features by which it knows them.

Vectors are those of `search_spaces`: coordinates in [0, 1], indices for choices without order, NaN where inactive.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from search_spaces import Space, SpaceError

Array = NDArray[np.float64]

_STEPS = (0.05, 0.5)
"""Shortest and longest typical step away from a good trial, in units of a parameter's range."""
_FEW = 0.3
"""Share of the parameters that half of the steps move."""
_CHANGE_CHOICE = 0.3
"""Probability with which a step that may change a choice does so."""


class Candidates:
    """Half of them anywhere in the space, half near the trials that were best so far."""

    def __init__(self, space: Space, number: int) -> None:
        """Prepare for a space.

        Args:
            space: what may vary; at least one parameter does.
            number: how many points to draw, about.
        """
        self._space = space
        self._number = number
        self._choices = np.array(space.cardinalities)
        self._conditional = len(space.configspace().conditions) > 0

    def draw(self, rng: np.random.Generator, centres: Sequence[Array]) -> Array:
        """Return vectors, shape (about `number`, parameters)."""
        anywhere, near = self._anywhere(rng), self._near(rng, centres)
        return np.vstack([anywhere, near])

    def features(self, vectors: Array) -> Array:
        """Return what a kernel can measure distances in, shape (n, features).

        A choice becomes one column for each value, any two values at distance 1. What is inactive lies in the middle.
        """
        columns: list[Array] = []
        for values, choices in zip(vectors.T, self._choices, strict=True):
            inactive = np.isnan(values)
            if choices == 0:
                columns.append(np.where(inactive, 0.5, values)[:, None])
                continue
            one_hot = (values[:, None] == np.arange(choices)) / np.sqrt(2)
            columns.append(np.where(inactive[:, None], 1 / (choices * np.sqrt(2)), one_hot))
        return np.hstack(columns)

    def _anywhere(self, rng: np.random.Generator) -> Array:
        number = self._number // 2
        if self._conditional:  # drawn one by one, so fewer of them
            return self._sampled(rng, max(1, number // 3))
        vectors = rng.random((number, len(self._choices)))
        for column in np.flatnonzero(self._choices):
            vectors[:, column] = rng.integers(0, self._choices[column], number)
        return vectors

    def _sampled(self, rng: np.random.Generator, number: int) -> Array:
        seeds = rng.integers(0, 2**31, number)
        return np.array([self._space.to_vector(self._space.sample(int(seed))) for seed in seeds])

    def _near(self, rng: np.random.Generator, centres: Sequence[Array]) -> Array:
        """Return steps of many lengths away from the centres, some along a few parameters only."""
        centre = np.repeat(np.array(centres), max(1, self._number // 2 // len(centres)), axis=0)
        shape = centre.shape
        length = np.exp(rng.uniform(np.log(_STEPS[0]), np.log(_STEPS[1]), (shape[0], 1)))
        moved = rng.random(shape) < np.where(rng.random((shape[0], 1)) < 0.5, 1.0, _FEW)
        moved[np.arange(shape[0]), rng.integers(0, shape[1], shape[0])] = True
        stepped = np.clip(centre + length * rng.normal(size=shape), 0.0, 1.0)
        changed = np.floor(rng.random(shape) * np.maximum(self._choices, 1))
        to_other = rng.random(shape) < _CHANGE_CHOICE
        is_choice = self._choices > 0
        vectors = np.where(moved & ~is_choice, stepped, np.where(moved & is_choice & to_other, changed, centre))
        vectors = np.where(np.isnan(centre), np.nan, vectors)
        return self._possible(vectors) if self._conditional else vectors

    def _possible(self, vectors: Array) -> Array:
        """Return those that are configurations, without the values of what became inactive."""
        found = []
        for vector in vectors:
            try:
                found.append(self._space.to_vector(self._space.from_vector(vector)))
            except SpaceError:
                continue  # a parameter became active that has no value here, or the combination is forbidden
        return np.array(found) if found else np.empty((0, len(self._choices)))
