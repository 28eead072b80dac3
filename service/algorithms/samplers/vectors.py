"""Vectors of trials, each computed once. What a vector means is in search_spaces."""

import numpy as np
from numpy.typing import NDArray

from search_spaces import Space
from service.algorithms.trials import TrialRecord


class Vectors:
    """Remembers `Space.to_vector` by trial: a trial's configuration never changes."""

    def __init__(self, space: Space) -> None:
        self._space = space
        self._known: dict[int, NDArray[np.float64]] = {}

    def of(self, record: TrialRecord) -> NDArray[np.float64]:
        """Return a trial's vector, shape (parameters,); it must not be changed."""
        if record.trial not in self._known:
            self._known[record.trial] = self._space.to_vector(record.config)
        return self._known[record.trial]
