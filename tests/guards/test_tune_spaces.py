"""Tune's own domains are what `space_from_tune` takes them for, by the names of their classes."""

from __future__ import annotations

import pytest
from ray import tune

from search_spaces import Space
from service.client import space_from_tune

PARAM_SPACE = {
    "a": tune.uniform(0, 1),
    "b": tune.loguniform(1e-4, 1),
    "c": tune.quniform(0, 1, 0.25),
    "d": tune.randint(0, 5),
    "e": tune.qrandint(1, 100, 10),
    "f": tune.lograndint(1, 5),
    "g": tune.choice(["x", None]),
    "h": tune.grid_search([1, 2]),
    "i": tune.randn(1, 2),
    "k": 3,
    "opt": {"lr": tune.uniform(0, 1)},
}


def test_every_distribution_is_read():
    space = space_from_tune(PARAM_SPACE)

    assert space == {
        "a": {"type": "float", "low": 0, "high": 1},
        "b": {"type": "float", "low": 1e-4, "high": 1, "log": True},
        "c": {"type": "float", "low": 0, "high": 1, "step": 0.25},
        "d": {"type": "int", "low": 0, "high": 4},
        "e": {"type": "int", "low": 10, "high": 100, "step": 10},
        "f": {"type": "int", "low": 1, "high": 4, "log": True},
        "g": {"type": "categorical", "choices": ["x", None]},
        "h": {"type": "categorical", "choices": [1, 2]},
        "i": {"type": "float", "low": -9, "high": 11, "prior": {"normal": {"mean": 1, "std": 2}}},
        "k": {"type": "constant", "value": 3},
        "opt.lr": {"type": "float", "low": 0, "high": 1},
    }
    Space.parse(space)


def test_fault_7_a_choice_between_dicts_becomes_conditions():
    sgd = {"name": "sgd", "momentum": tune.uniform(0, 1), "decay": tune.uniform(0, 1)}
    adam = {"name": "adam", "decay": sgd["decay"], "inner": tune.choice([{"u": tune.uniform(0, 1)}, {"v": 2}])}

    space = Space.parse(space_from_tune({"opt": tune.choice([sgd, adam])}))

    assert space.to_dict()["opt.momentum"]["when"] == {"opt.name": "sgd"}
    assert space.to_dict()["opt.inner.u"]["when"] == {"opt.inner.choice": 0}
    for seed in range(50):
        config = space.sample(seed)
        assert ("opt.momentum" in config) == (config["opt.name"] == "sgd")
        assert "opt.decay" in config


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (tune.sample_from(lambda _: 1), "must be a domain of Tune's with a distribution"),
        (tune.qloguniform(0.1, 1, 0.1), "in steps of 0.1, must be uniform"),
        (tune.qrandn(0, 1, 0.1), "got a normal in steps"),
        (tune.choice([1, {"a": 2}]), "got a choice between dicts and values"),
        (tune.choice([{"a": tune.uniform(0, 1)}, {"a": tune.uniform(0, 2)}]), "got two descriptions"),
        (object(), "got object"),
    ],
)
def test_what_a_space_cannot_say_is_refused(value, message):
    with pytest.raises(ValueError, match=f"x.*{message}"):
        space_from_tune({"x": value})
