"""The built-in function learns, resumes bit for bit, and its pickle is read only if nothing foreign is in it."""

from __future__ import annotations

import os
import pickle

import pytest
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import GradientBoostingClassifier

from tests.support.assignments import an_assignment
from tests.support.ranks import a_lone_rank, alone
from trainables.checkpoints.checkpoint import CheckpointWriter
from trainables.models.tabular_boosting import MODEL, load

FIELDS = {"import_path": "trainables.models.tabular_boosting:tabular_boosting", "trainable": "tabular_boosting"}

CONFIG = {"learning_rate": 0.2, "max_depth": 2, "subsample": 0.7, "max_features": 0.5, "seed_data": 7}


def test_it_tells_nineteen_tumours_in_twenty_after_six_epochs(tmp_path):
    rank = a_lone_rank(an_assignment(tmp_path, CONFIG, **FIELDS))
    curve = [rank.run_epoch().metrics for _ in range(6)]
    rank.close()
    assert curve[-1]["accuracy"] > 0.93
    assert curve[-1]["loss"] < curve[0]["loss"]


@pytest.mark.parametrize("config", [CONFIG, {}])
def test_a_resumed_one_grows_the_trees_that_an_uninterrupted_one_does(tmp_path, config):
    rank = a_lone_rank(an_assignment(tmp_path, config, **FIELDS))
    rank.run_epoch()
    writer = CheckpointWriter(tmp_path, 1)
    (part,) = alone(rank)(str(writer.aside))
    facts = {"config": config, "import_path": FIELDS["import_path"], "kind": part.kind}
    record = writer.commit(part.files, {}, facts)
    whole = rank.run_epoch().metrics
    rank.close()
    resumed = a_lone_rank(an_assignment(tmp_path, config, resume_from=record.path, **FIELDS))
    assert resumed.run_epoch().metrics == whole
    resumed.close()


def test_a_pickle_that_holds_anything_else_is_refused_and_nothing_of_it_runs(tmp_path):
    class Evil:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "ran"),)

    rows, labels = load_breast_cancer(return_X_y=True)
    model = GradientBoostingClassifier(n_estimators=1).fit(rows, labels)
    (tmp_path / MODEL).write_bytes(pickle.dumps(model))
    assert load(tmp_path).predict(rows).tolist() == model.predict(rows).tolist()
    model.evil = Evil()
    (tmp_path / MODEL).write_bytes(pickle.dumps(model))
    with pytest.raises(pickle.UnpicklingError, match=r"got posix.mkdir, must be made of what its reader allows"):
        load(tmp_path)
    assert not (tmp_path / "ran").exists()
