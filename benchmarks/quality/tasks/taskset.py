"""TaskSet: real learning curves of recurrent text classifiers under Adam with eight hyperparameters; some diverge.

Metz et al., Using a Thousand Optimization Tasks to Learn Hyperparameter Search Strategies, 2020, its `adam8p` table of
1,000 random configurations. A configuration trains as the nearest one of the table does, in the unit cube of the space
from which the table was drawn: logarithmic in every parameter, and in the distance to 1 for the two betas. The metric
is the validation loss; an epoch takes a second.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from benchmarks.quality.data import data_file, data_folder
from benchmarks.quality.tasks.task import Config, Curve, Task

EPOCHS = 51
_PREFIX = "FixedTextRNNClassification_imdb_"
_BOUNDS = {
    "learning_rate": (1e-8, 10.0),
    "one_minus_beta1": (1e-4, 1.0),
    "one_minus_beta2": (1e-6, 1.0),
    "epsilon": (1e-10, 1e3),
    "l1": (1e-8, 10.0),
    "l2": (1e-8, 10.0),
    "linear_decay": (1e-7, 1e-4),
    "exponential_decay": (1e-6, 1e-3),
}
"""The ranges of the paper's table, in the order of its columns."""


class TaskSet(Task):
    """One of its tasks."""

    mode = "min"
    max_epochs = EPOCHS
    space: ClassVar[Mapping[str, Any]] = {
        name: {"type": "float", "low": low, "high": high, "log": True} for name, (low, high) in _BOUNDS.items()
    }

    def __init__(self, instance: str) -> None:
        """Open a task by the name of its file, without the prefix that all share."""
        self.name = f"taskset-{instance}"
        with np.load(data_file("taskset", f"{_PREFIX}{instance}.npz")) as table:
            self._curves = table["valid"].astype(np.float64)
            points = table["hp"].copy()
        points[:, 1:3] = 1.0 - points[:, 1:3]
        self.points = points
        """The table's configurations in the order of the space, shape (1000, 8)."""
        lows, highs = np.log(np.array(list(_BOUNDS.values())).T)
        self._low, self._width = lows, highs - lows
        self._units = (np.log(points) - lows) / self._width

    @staticmethod
    def instances() -> list[str]:
        """Return the names there are, sorted."""
        return sorted(path.stem.removeprefix(_PREFIX) for path in data_folder("taskset").glob(f"{_PREFIX}*.npz"))

    def table(self) -> list[Curve]:
        """Return the curves of the table's own configurations."""
        return [Curve(values=values, seconds=np.ones(EPOCHS)) for values in self._curves]

    def curve(self, config: Config) -> Curve:
        """Return the nearest configuration's own curve."""
        unit = (np.log([config[name] for name in _BOUNDS]) - self._low) / self._width
        nearest = int(np.argmin(((self._units - unit) ** 2).sum(axis=1)))
        return Curve(values=self._curves[nearest], seconds=np.ones(EPOCHS))
