"""A built-in example of a plain function: scikit-learn's gradient boosting on a table. Copy it for any other library.

scikit-learn's models have no form on disk but pickle, which can run anything when it is loaded. So a checkpoint is read
only if its hashes agree, and only if it is made of nothing but what `MADE_OF` lists.
"""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.metrics import accuracy_score, log_loss, roc_auc_score
from sklearn.model_selection import train_test_split

from trainables.checkpoints.pickles import load_pickle
from trainables.functions import Run, trainable
from trainables.protocol import Config

TREES_PER_EPOCH = 5
"""Trees that each epoch adds."""

DEFAULT_DATA_SEED = 7
"""Seed of the split where the configuration has no `seed_data`."""

MODEL = "model.pickle"
"""The file in a saved folder."""

MADE_OF = frozenset(
    {
        "sklearn._loss._loss.CyHalfBinomialLoss",
        "sklearn._loss.link.Interval",
        "sklearn._loss.link.LogitLink",
        "sklearn._loss.loss.HalfBinomialLoss",
        "sklearn.dummy.DummyClassifier",
        "sklearn.ensemble._gb.GradientBoostingClassifier",
        "sklearn.tree._classes.DecisionTreeRegressor",
        "sklearn.tree._tree.Tree",
    }
)
"""All that a model of this kind consists of, besides arrays."""


def load(folder: Path) -> GradientBoostingClassifier:
    """Return the model that a checkpoint holds.

    Raises:
        pickle.UnpicklingError: The file is not made of what such a model is made of.
    """
    return load_pickle(folder / MODEL, MADE_OF)


@trainable(
    space={
        "learning_rate": {"type": "float", "low": 0.01, "high": 0.5, "log": True},
        "max_depth": {"type": "int", "low": 1, "high": 6},
        "min_samples_leaf": {"type": "int", "low": 1, "high": 32, "log": True},
        "subsample": {"type": "float", "low": 0.4, "high": 1.0},
        "max_features": {"type": "float", "low": 0.1, "high": 1.0},
        "seed_data": {"type": "constant", "value": DEFAULT_DATA_SEED},
    },
    objective={"metric": "loss", "mode": "min"},
    budget={"trials": 64, "epochs": 27},
    metrics=("loss", "accuracy", "auc"),
    load=load,
)
def tabular_boosting(config: Config, run: Run) -> None:
    """Gradient boosting that tells benign from malignant tumours; each epoch adds five trees.

    The data are the 569 rows of 30 numbers of the Wisconsin breast cancer set that comes with scikit-learn, so nothing
    is downloaded: 426 to train on and 143 to validate on, the classes in equal shares. An epoch takes some tens of
    milliseconds on one CPU core; good configurations reach a loss of about 0.1. One worker is all it can use.

    Parameters: those of scikit-learn's GradientBoostingClassifier of the same names (`learning_rate`, `max_depth`,
    `min_samples_leaf`, `subsample`, `max_features` as a share), and `seed_data` (which split; keep it constant within a
    search). Any may be left out of a space. Metrics: "loss" (cross entropy), "accuracy" and "auc" (the area under the
    ROC curve).
    """
    rows, labels = load_breast_cancer(return_X_y=True)
    seed_data = config.get("seed_data", DEFAULT_DATA_SEED)
    train_x, valid_x, train_y, valid_y = train_test_split(rows, labels, stratify=labels, random_state=seed_data)
    own = {name: value for name, value in config.items() if name != "seed_data"}
    model = load(run.resume_from) if run.resume_from else GradientBoostingClassifier(random_state=run.seed)
    model.set_params(**own, warm_start=True)

    def save(folder: Path) -> Any:
        return (folder / MODEL).write_bytes(pickle.dumps(model))

    for epoch in run.epochs():
        model.set_params(n_estimators=epoch * TREES_PER_EPOCH)
        model.fit(train_x, train_y)
        likely = model.predict_proba(valid_x)[:, 1]
        run.report(
            loss=log_loss(valid_y, likely),
            accuracy=accuracy_score(valid_y, likely > 0.5),
            auc=roc_auc_score(valid_y, likely),
            checkpoint=save,
        )
