"""A space survives the way through another tool's words, or is refused with the reason."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ConfigSpace import ConfigurationSpace
from hypothesis import assume, given, reject

from search_spaces import Space, SpaceError
from search_spaces.formats import from_configspace, from_wandb, to_configspace, to_wandb
from tests.unit.search_spaces.strategies import PROPERTY, spaces

ALL_OF_CONFIGSPACE: dict[str, Any] = {
    "lr": {"type": "float", "low": 1e-4, "high": 0.1, "log": True, "default": 0.01},
    "noise": {"type": "float", "low": -1.0, "high": 2.0, "prior": {"normal": {"mean": 0.5, "std": 1.0}}},
    "width": {"type": "int", "low": 1, "high": 64, "log": True},
    "depth": {"type": "int", "low": 1, "high": 9, "prior": {"normal": {"mean": 4.0, "std": 2.0}}},
    "size": {"type": "ordinal", "choices": ["s", "m", "l"]},
    "opt": {"type": "categorical", "choices": ["sgd", "adam", "lion"], "weights": [1.0, 2.0, 3.0]},
    "bias": {"type": "bool", "when": {"opt": ["sgd", "adam"], "depth": {"greater": 2}}},
    "gain": {"type": "constant", "value": 2, "when": {"any": [{"size": {"less": "l"}}, {"bias": True, "opt": "sgd"}]}},
    "__forbidden__": [{"opt": "sgd", "size": ["m", "l"]}, {"lr": {"greater": 0.05}, "width": {"less": 9}}],
}


def test_all_that_configspace_can_say_comes_back_through_its_own_reader_and_writer() -> None:
    space = Space.parse(ALL_OF_CONFIGSPACE)
    theirs = ConfigurationSpace.from_serialized_dict(json.loads(json.dumps(to_configspace(space))))

    again = from_configspace(to_configspace(space))
    through = from_configspace(json.loads(json.dumps(theirs.to_serialized_dict(), default=str)))

    assert again.to_dict() == ALL_OF_CONFIGSPACE
    assert through.to_dict()["bias"]["when"] == ALL_OF_CONFIGSPACE["bias"]["when"]
    theirs.seed(0)
    for drawn in theirs.sample_configuration(50):
        config = {name: value.item() if hasattr(value, "item") else value for name, value in drawn.items()}
        assert space.check(config) == through.check(config)


@PROPERTY
@given(space=spaces())
def test_a_space_that_configspace_can_say_comes_back_from_it(space: Space) -> None:
    try:
        written = to_configspace(space)
    except SpaceError:
        reject()
    # A categorical of false and true is a bool, and alternatives among forbidden combinations are listed apart.
    assume(not any(p.type == "categorical" and list(p.facts()["choices"]) == [False, True] for p in space.parameters))

    again = from_configspace(json.loads(json.dumps(written)))

    assert again.parameters == space.parameters
    for seed in range(5):
        assert not again.is_forbidden(space.sample(seed))
        assert not space.is_forbidden(again.sample(seed))


def test_parents_move_up_and_what_is_not_equal_is_one_of_the_others() -> None:
    raw = {
        "hyperparameters": [
            {"type": "uniform_float", "name": "m", "lower": 0, "upper": 1, "default_value": 0.5, "meta": None},
            {"type": "categorical", "name": "opt", "choices": ["a", "b", "c"], "weights": None, "default_value": "a"},
        ],
        "conditions": [{"type": "NEQ", "child": "m", "parent": "opt", "value": "b"}],
        "forbiddens": [{"type": "OR", "clauses": [{"type": "EQUALS", "name": "opt", "value": "c"}]}],
    }

    assert from_configspace(raw).to_dict() == {
        "opt": {"type": "categorical", "choices": ["a", "b", "c"], "default": "a"},
        "m": {"type": "float", "low": 0.0, "high": 1.0, "default": 0.5, "when": {"opt": ["a", "c"]}},
        "__forbidden__": [{"opt": "c"}],
    }


SWEEP: dict[str, Any] = {
    "a": {"value": 3},
    "b": {"values": ["x", "y"]},
    "c": {"distribution": "categorical", "values": [1, 2], "probabilities": [0.25, 0.75]},
    "d": {"min": 1, "max": 8},
    "e": {"min": 0.5, "max": 8},
    "f": {"distribution": "q_uniform", "min": 1, "max": 100, "q": 10},
    "g": {"distribution": "q_uniform", "min": 0, "max": 0.25, "q": 0.1},
    "h": {"distribution": "log_uniform_values", "min": 0.01, "max": 1},
    "i": {"distribution": "log_uniform", "min": 0, "max": 1},
    "j": {"distribution": "q_log_uniform_values", "min": 1, "max": 9},
    "k": {"distribution": "normal", "mu": 1, "sigma": 2},
    "l": {"distribution": "log_normal", "mu": 0, "sigma": 0.1},
    "m": {"values": [False, True]},
    "opt": {"parameters": {"lr": {"min": 0.0, "max": 1.0}, "deep": {"parameters": {"er": {"value": None}}}}},
}


def test_every_distribution_of_a_sweep_is_read() -> None:
    read = from_wandb({"method": "bayes", "parameters": SWEEP}).to_dict()

    assert {name: read[name] for name in read if name not in "il"} == {
        "a": {"type": "constant", "value": 3},
        "b": {"type": "categorical", "choices": ["x", "y"]},
        "c": {"type": "categorical", "choices": [1, 2], "weights": [0.25, 0.75]},
        "d": {"type": "int", "low": 1, "high": 8},
        "e": {"type": "float", "low": 0.5, "high": 8.0},
        "f": {"type": "int", "low": 10, "high": 100, "step": 10},
        "g": {"type": "float", "low": 0.0, "high": 0.2, "step": 0.1},
        "h": {"type": "float", "low": 0.01, "high": 1.0, "log": True},
        "j": {"type": "int", "low": 1, "high": 9, "log": True},
        "k": {"type": "float", "low": -9.0, "high": 11.0, "prior": {"normal": {"mean": 1.0, "std": 2.0}}},
        "m": {"type": "bool"},
        "opt.lr": {"type": "float", "low": 0.0, "high": 1.0},
        "opt.deep.er": {"type": "constant", "value": None},
    }
    assert read["i"]["low"] == pytest.approx(1)
    assert read["i"]["high"] == pytest.approx(2.718281828459045)
    assert read["l"]["high"] == pytest.approx(2.718281828459045**0.5)


def test_a_sweep_that_was_read_is_written_and_read_the_same() -> None:
    space = from_wandb(SWEEP)

    assert from_wandb(json.loads(json.dumps(to_wandb(space)))) == space
    assert to_wandb(space)["opt"]["parameters"]["deep"] == {"parameters": {"er": {"value": None}}}


@PROPERTY
@given(space=spaces())
def test_a_space_that_a_sweep_can_say_comes_back_from_it(space: Space) -> None:
    try:
        written = to_wandb(space)
    except SpaceError:
        reject()
    assume(not any(p.type == "categorical" and list(p.facts()["choices"]) == [False, True] for p in space.parameters))

    again = from_wandb(json.loads(json.dumps(written)))

    for seed in range(5):
        assert space.check(again.sample(seed)) == again.check(again.sample(seed))
        assert again.check(space.sample(seed)) == space.sample(seed)


@pytest.mark.parametrize(
    ("entry", "path", "message"),
    [
        ({"distribution": "inv_log_uniform", "min": 0, "max": 1}, "x.distribution", "uniform in the inverse"),
        ({"distribution": "q_normal", "mu": 0, "sigma": 1}, "x.distribution", "rounds to steps"),
        ({"distribution": "beta", "a": 1, "b": 1}, "x.distribution", "use normal or uniform"),
        ({"distribution": "q_log_uniform_values", "min": 1, "max": 9, "q": 2}, "x.q", "got 2, must be 1"),
        ({"distribution": "q_uniform", "min": 1, "max": 9, "q": 0}, "x.q", "got 0, must be > 0"),
        ({"distribution": "log_uniform", "min": 0, "max": 1e9}, "x.max", "must be a finite number"),
        ({"distribution": "normal", "mu": 0}, "x.sigma", "got nothing, must be there for normal"),
        ({"distribution": "uniform", "min": "a", "max": 1}, "x.min", 'got "a", must be a finite number'),
        ({"min": 1}, "x.distribution", "got null, must be one of constant"),
        (3, "x", "got 3, must be an object"),
    ],
)
def test_what_a_space_cannot_say_of_a_sweep_is_refused(entry: Any, path: str, message: str) -> None:
    with pytest.raises(SpaceError, match=message) as caught:
        from_wandb({"x": entry})

    assert caught.value.path == f"parameters.{path}"


REFUSED: list[tuple[Any, dict[str, Any], str, str]] = [
    (to_wandb, {"x": {"type": "ordinal", "choices": [1, 2]}}, "space.x.type", "have no order"),
    (to_wandb, {"y": {"type": "bool"}, "x": {"type": "bool", "when": {"y": True}}}, "space.x.when", "no conditional"),
    (to_wandb, {"x": {"type": "int", "low": 1, "high": 9, "step": 2}}, "space.x.low", "must be a multiple"),
    (to_wandb, {"x": {"type": "bool"}, "x.y": {"type": "bool"}}, "space.x.y", "that is a parameter; rename one"),
    (to_wandb, {"x.y": {"type": "bool"}, "x": {"type": "bool"}}, "space.x", "got the name of a group"),
    (to_configspace, {"x": {"type": "int", "low": 1, "high": 9, "step": 2}}, "space.x.step", "has no steps"),
    (
        to_configspace,
        {"x": {"type": "categorical", "choices": [1, None], "default": None}},
        "space.x.default",
        "null is no default",
    ),
]


@pytest.mark.parametrize(("write", "raw", "path", "message"), REFUSED, ids=[row[2] for row in REFUSED])
def test_what_another_tool_cannot_say_is_refused(write: Any, raw: dict[str, Any], path: str, message: str) -> None:
    with pytest.raises(SpaceError, match=message) as caught:
        write(Space.parse(raw))

    assert caught.value.path == path


def test_what_a_space_cannot_say_of_configspace_is_refused() -> None:
    beta = {"type": "beta_float", "name": "x", "lower": 0, "upper": 1, "alpha": 2, "beta": 2}

    with pytest.raises(SpaceError, match=r"configspace\.x\.type: got \"beta_float\", must be one of uniform_float"):
        from_configspace({"hyperparameters": [beta]})
