"""Curves that somebody has already trained, as a table, for the simulator. Reading files is not done here."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from search_spaces import Space
from service.algorithms.simulator import Step


class Table:
    """The curve of each configuration is that of the nearest one in the table.

    Two configurations are as far apart as their coordinates, in [0, 1] for numbers; choices without order that differ
    are 1 apart. A parameter that is inactive in either of them is left out; the condition that tells them apart counts.
    The first of equally near ones is taken. Beyond the last epoch of a curve its last step repeats, so a table whose
    trials were stopped early makes late bloomers look worse than they are.
    """

    def __init__(self, space: Space, curves: Iterable[tuple[Mapping[str, Any], Sequence[Step]]]) -> None:
        """Take in the table.

        Args:
            space: what the configurations are from.
            curves: at least one configuration, canonical as `Space.check` returns it, with its steps from epoch 1 on.
        """
        rows = list(curves)
        self._space = space
        self._steps = [steps for _, steps in rows]
        self._vectors = np.stack([space.to_vector(config) for config, _ in rows])
        self._has_order = np.array([cardinality == 0 for cardinality in space.cardinalities], dtype=bool)
        self._nearest: dict[tuple[tuple[str, Any], ...], int] = {}

    def step(self, config: Mapping[str, Any], epoch: int) -> Step:
        """Return the epoch (from 1) of the nearest curve."""
        steps = self._steps[self.nearest(config)]
        return steps[min(epoch, len(steps)) - 1]

    def known(self, config: Mapping[str, Any]) -> int:
        """Return how many epochs the nearest curve has; later ones repeat its last."""
        return len(self._steps[self.nearest(config)])

    def nearest(self, config: Mapping[str, Any]) -> int:
        """Return the position of the table's nearest configuration."""
        key = tuple(config.items())
        if key not in self._nearest:
            gaps = self._vectors - self._space.to_vector(config)
            gaps = np.where(self._has_order | np.isnan(gaps), gaps, gaps != 0)
            self._nearest[key] = int(np.argmin(np.nansum(gaps**2, axis=1)))
        return self._nearest[key]
