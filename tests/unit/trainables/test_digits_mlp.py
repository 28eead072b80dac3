"""The built-in trainable learns to read."""

from __future__ import annotations

from tests.support.assignments import an_assignment
from tests.support.ranks import a_lone_rank
from trainables.models.digits_mlp import DigitsMlp

FIELDS = {"import_path": "trainables.models.digits_mlp:DigitsMlp", "trainable": "digits_mlp"}


def test_it_reads_nine_digits_in_ten_after_five_epochs(tmp_path):
    config = {"lr": 0.01, "hidden": 64, "batch_size": 64, "dropout": 0.1, "optimizer": "adam"}
    rank = a_lone_rank(an_assignment(tmp_path, config, **FIELDS))
    curve = [rank.run_epoch().metrics for _ in range(5)]
    assert curve[-1]["accuracy"] > 0.9
    assert curve[-1]["loss"] < curve[0]["loss"]


def test_an_empty_configuration_trains(tmp_path):
    assert a_lone_rank(an_assignment(tmp_path, **FIELDS)).run_epoch().metrics["loss"] < 2.3


def test_the_split_is_the_same_each_time_and_follows_its_seed():
    data, again, other = (DigitsMlp().datasets({"seed_data": seed}) for seed in (7, 7, 8))
    assert (len(data.train), len(data.validation)) == (1437, 360)
    assert data.validation.tensors[1].tolist() == again.validation.tensors[1].tolist()
    assert data.validation.tensors[1].tolist() != other.validation.tensors[1].tolist()


def test_momentum_belongs_to_sgd():
    trainable = DigitsMlp()
    model = trainable.model({})
    assert trainable.optimizer({"optimizer": "sgd", "momentum": 0.5}, model).defaults["momentum"] == 0.5
    assert "momentum" not in trainable.optimizer({"optimizer": "adam"}, model).defaults
