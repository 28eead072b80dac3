"""A task without data: a bowl with a conditional parameter, whose trainings diverge in one corner."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from benchmarks.quality.references import Reference
from benchmarks.quality.tasks import Curve, Task

EPOCHS = 9


class Bowl(Task):
    name = "bowl"
    mode = "min"
    max_epochs = EPOCHS
    space: ClassVar[dict[str, Any]] = {
        "kind": {"type": "categorical", "choices": ["plain", "momentum"]},
        "x": {"type": "float", "low": 0.01, "high": 1.0, "log": True},
        "n": {"type": "int", "low": 1, "high": 8},
        "m": {"type": "float", "low": 0.0, "high": 1.0, "when": {"kind": "momentum"}},
    }

    def __init__(self):
        self.asked = []

    def curve(self, config):
        self.asked.append(config)
        height = (np.log10(config["x"]) + 1) ** 2 + config["n"] / 8 + abs(config.get("m", 1.0) - 0.3)
        values = height * (1 + 1 / np.arange(1, EPOCHS + 1))
        if config["x"] > 0.9:
            values[4:] = np.nan
        return Curve(values=values, seconds=np.full(EPOCHS, 1.0 + config["n"] / 10))


REFERENCE = Reference(best_known=0.125, median_random=1.2, full_seconds=4.0)
