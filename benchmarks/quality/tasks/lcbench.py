"""LCBench: funnel-shaped networks on OpenML data sets, 52 epochs, seven hyperparameters, real runtimes (a surrogate).

Zimmer et al., Auto-PyTorch Tabular, TPAMI 2021. The metric is the validation accuracy in percent.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from benchmarks.quality.tasks.surrogate import encoding, predict
from benchmarks.quality.tasks.task import Config, Curve, Task, epoch_seconds

EPOCHS = 52
_INPUTS = ("batch_size", "learning_rate", "momentum", "weight_decay", "num_layers", "max_units", "max_dropout")
_TIME, _VALIDATION_ACCURACY = 0, 1


class LcBench(Task):
    """One OpenML task."""

    mode = "max"
    max_epochs = EPOCHS
    space: ClassVar[Mapping[str, Any]] = {
        "batch_size": {"type": "int", "low": 16, "high": 512, "log": True},
        "learning_rate": {"type": "float", "low": 1e-4, "high": 0.1, "log": True},
        "momentum": {"type": "float", "low": 0.1, "high": 0.99},
        "weight_decay": {"type": "float", "low": 1e-5, "high": 0.1},
        "num_layers": {"type": "int", "low": 1, "high": 5},
        "max_units": {"type": "int", "low": 64, "high": 1024, "log": True},
        "max_dropout": {"type": "float", "low": 0.0, "high": 1.0},
    }

    def __init__(self, instance: str) -> None:
        """Open a task by its OpenML number."""
        self.name = f"lcbench-{instance}"
        self._category = encoding("lcbench")["OpenML_task_id"][instance]

    @staticmethod
    def instances() -> list[str]:
        """Return the names there are, sorted by number."""
        return sorted((name for name in encoding("lcbench")["OpenML_task_id"] if name.isdigit()), key=int)

    def curve(self, config: Config) -> Curve:
        """Return the curve."""
        return self.curves([config])[0]

    def curves(self, configs: list[Config]) -> list[Curve]:
        """Return the curves, from one pass through the network."""
        rows = [[epoch, *(config[name] for name in _INPUTS)] for config in configs for epoch in range(1, EPOCHS + 1)]
        categories = np.full((len(rows), 1), self._category, dtype=np.int32)
        outputs = predict("lcbench", categories, np.array(rows, dtype=np.float32)).reshape(len(configs), EPOCHS, -1)
        return [Curve(values=out[:, _VALIDATION_ACCURACY], seconds=epoch_seconds(out[:, _TIME])) for out in outputs]
