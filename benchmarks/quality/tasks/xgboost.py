"""XGBoost on OpenML data sets: a conditional space, the amount of training data for epochs (a surrogate).

Binder et al., Collecting Empirical Data About Hyperparameters for Data Driven AutoML, 2020 (rbv2). Epoch e of 27 stands
for the share e/27 of the training data; an epoch costs what the larger share takes longer. The metric is the accuracy.
Times are heavy-tailed: of a hundred configurations five cost forty times the median or more, and hold their worker to
the end of a run. That is so for everybody, and a reason for many seeds.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from benchmarks.quality.tasks.surrogate import encoding, predict
from benchmarks.quality.tasks.task import Config, Curve, Task, epoch_seconds

EPOCHS = 27
_INPUTS = (
    "nrounds",
    "eta",
    "gamma",
    "lambda",
    "alpha",
    "subsample",
    "max_depth",
    "min_child_weight",
    "colsample_bytree",
    "colsample_bylevel",
    "rate_drop",
    "skip_drop",
)
_REPETITION = 1
_ACCURACY, _TRAINING_TIME = 0, 6
_TREES = {"booster": ["gbtree", "dart"]}
_DART = {"booster": "dart"}


def _float(low: float, high: float, *, log: bool = False, **more: Any) -> dict[str, Any]:
    return {"type": "float", "low": low, "high": high, "log": log, **more}


class XgBoost(Task):
    """One OpenML data set. The bounds are those of the published configuration space."""

    mode = "max"
    max_epochs = EPOCHS
    space: ClassVar[Mapping[str, Any]] = {
        "booster": {"type": "categorical", "choices": ["gblinear", "gbtree", "dart"]},
        "impute": {"type": "categorical", "choices": ["impute.mean", "impute.median", "impute.hist"]},
        "nrounds": {"type": "int", "low": 7, "high": 2981, "log": True},
        "alpha": _float(0.0009118819655545162, 1096.6331584284585, log=True),
        "lambda": _float(0.0009118819655545162, 1096.6331584284585, log=True),
        "subsample": _float(0.1, 1.0),
        "eta": _float(0.0009118819655545162, 1.0, log=True, when=_TREES),
        "gamma": _float(4.5399929762484854e-05, 7.38905609893065, log=True, when=_TREES),
        "max_depth": {"type": "int", "low": 1, "high": 15, "when": _TREES},
        "min_child_weight": _float(2.718281828459045, 148.4131591025766, log=True, when=_TREES),
        "colsample_bytree": _float(0.01, 1.0, when=_TREES),
        "colsample_bylevel": _float(0.01, 1.0, when=_TREES),
        "rate_drop": _float(0.0, 1.0, when=_DART),
        "skip_drop": _float(0.0, 1.0, when=_DART),
    }

    def __init__(self, instance: str) -> None:
        """Open a task by its OpenML number."""
        self.name = f"xgboost-{instance}"
        self._codes = encoding("rbv2_xgboost")
        self._category = self._codes["task_id"][instance]

    @staticmethod
    def instances() -> list[str]:
        """Return the names there are, sorted by number."""
        return sorted((name for name in encoding("rbv2_xgboost")["task_id"] if name.isdigit()), key=int)

    def curve(self, config: Config) -> Curve:
        """Return the curve."""
        return self.curves([config])[0]

    def curves(self, configs: list[Config]) -> list[Curve]:
        """Return the curves, from one pass through the network; what is inactive is 0 there."""
        shares = [epoch / EPOCHS for epoch in range(1, EPOCHS + 1)]
        rows = [
            [*(config.get(name, 0.0) for name in _INPUTS), share, _REPETITION] for config in configs for share in shares
        ]
        categories = np.repeat(np.array([self._categories(config) for config in configs], dtype=np.int32), EPOCHS, 0)
        outputs = predict("rbv2_xgboost", categories, np.array(rows, dtype=np.float32))
        return [
            Curve(values=out[:, _ACCURACY], seconds=epoch_seconds(out[:, _TRAINING_TIME]))
            for out in outputs.reshape(len(configs), EPOCHS, -1)
        ]

    def _categories(self, config: Config) -> list[int]:
        imputation = self._codes["num.impute.selected.cpo"][config["impute"]]
        return [self._category, self._codes["booster"][config["booster"]], imputation]
