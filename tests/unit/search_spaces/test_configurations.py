"""What a person asks for, whole or in part, is checked and completed."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search_spaces import Forbidden, Space, SpaceError
from tests.unit.search_spaces.strategies import PROPERTY, spaces

SPACE = Space.parse(
    {
        "lr": {"type": "float", "low": 1e-4, "high": 1e-1, "log": True},
        "hidden": {"type": "int", "low": 16, "high": 256},
        "dropout": {"type": "float", "low": 0.0, "high": 0.5, "step": 0.1},
        "optimizer": {"type": "categorical", "choices": ["sgd", "adam"]},
        "variant": {"type": "categorical", "choices": ["heavy"], "when": {"optimizer": "sgd"}},
        "momentum": {"type": "float", "low": 0.0, "high": 0.99, "when": {"variant": "heavy"}},
        "seed_data": {"type": "constant", "value": 7},
    }
)
WHOLE = {"lr": 0.01, "hidden": 64, "dropout": 0.3, "optimizer": "sgd", "momentum": 0.9}


def test_a_whole_configuration_gets_its_constants_in_declared_order() -> None:
    checked = SPACE.check(dict(reversed(WHOLE.items())))

    assert checked == WHOLE | {"variant": "heavy", "seed_data": 7}
    assert list(checked) == [parameter.name for parameter in SPACE.parameters]


def test_values_take_their_canonical_form() -> None:
    checked = SPACE.check(WHOLE | {"hidden": 64.0, "dropout": 0.1 + 0.2, "momentum": 0})

    assert [repr(checked[name]) for name in ("hidden", "dropout", "momentum")] == ["64", "0.3", "0.0"]


@pytest.mark.parametrize(
    ("changed", "path", "message"),
    [
        ({"lrr": 0.1}, "config.lrr", 'got an unknown parameter, must be in the space; did you mean "lr"?'),
        ({"lr": 1}, "config.lr", "got 1, must be a number from 0.0001 to 0.1"),
        ({"lr": float("nan")}, "config.lr", "got NaN, must be a number"),
        ({"lr": 10**400}, "config.lr", "must be a number from"),
        ({"lr": True}, "config.lr", "got true, must be a number"),
        ({"hidden": 64.5}, "config.hidden", "got 64.5, must be an integer from 16 to 256"),
        ({"hidden": 300}, "config.hidden", "got 300, must be an integer from 16 to 256"),
        ({"dropout": 0.25}, "config.dropout", "must be one of 0.0, 0.1, ..., 0.5; the nearest is 0.2"),
        ({"dropout": 0.6}, "config.dropout", "the nearest is 0.5"),
        ({"optimizer": "adam"}, "config.momentum", "got 0.9 while variant is inactive, must be left out unless"),
        ({"optimizer": ["sgd"]}, "config.optimizer", 'got ["sgd"], must be one of'),
        ({"seed_data": 8}, "config.seed_data", "got 8, must be one of [7]"),
    ],
)
def test_a_wrong_value_is_refused_at_its_path(changed: dict[str, Any], path: str, message: str) -> None:
    for check in (SPACE.check, lambda config: SPACE.complete(config, 0)):
        with pytest.raises(SpaceError) as caught:
            check(WHOLE | changed)
        assert caught.value.path == path
        assert message in caught.value.message


@pytest.mark.parametrize("name", WHOLE)
def test_a_missing_value_is_refused(name: str) -> None:
    without = {key: value for key, value in WHOLE.items() if key != name}

    with pytest.raises(SpaceError) as caught:
        SPACE.check(without, path="enqueue[0]")

    assert caught.value.path == f"enqueue[0].{name}"


def test_an_inactive_value_is_refused_with_the_values_that_would_make_it_active() -> None:
    space = Space.parse(
        {"n": {"type": "int", "low": 1, "high": 3}, "x": {"type": "bool", "when": {"n": [2, 3]}}},
    )

    with pytest.raises(SpaceError) as caught:
        space.check({"n": 1, "x": True})

    assert str(caught.value) == "config.x: got true while n is 1, must be left out unless it is 2 or 3; remove it"


def test_the_rest_of_a_partial_configuration_is_sampled_as_without_it() -> None:
    for seed in range(20):
        completed = SPACE.complete({"optimizer": "sgd", "momentum": 0.5}, seed)

        assert completed["momentum"] == 0.5
        assert {name: completed[name] for name in ("lr", "hidden", "dropout")} == {
            name: SPACE.sample(seed)[name] for name in ("lr", "hidden", "dropout")
        }


@pytest.mark.parametrize("seed", range(6))
def test_a_conditional_value_must_come_with_its_parent_whatever_the_seed(seed: int) -> None:
    # Its direct parent has a single value; the parent that decides is one further up.
    with pytest.raises(SpaceError) as caught:
        SPACE.complete({"momentum": 0.9}, seed, path="enqueue[1]")

    assert caught.value.path == "enqueue[1].momentum"
    assert caught.value.message == 'got it without optimizer, must come with optimizer; add optimizer: "sgd"'


@PROPERTY
@given(space=spaces(), seed=st.integers(0, 2**64), other=st.integers(0, 2**64), data=st.data())
def test_any_part_of_a_valid_configuration_that_has_its_parents_completes(
    space: Space, seed: int, other: int, data: st.DataObject
) -> None:
    whole = space.sample(seed)
    kept: dict[str, Any] = {}
    for parameter in space.parameters:
        has_parents = parameter.name in whole and all(parent in kept for parent in parameter.when.parents)
        if has_parents and not space.forbidden and data.draw(st.booleans()):
            kept[parameter.name] = whole[parameter.name]

    completed = space.complete(kept, other)

    assert completed == completed | kept
    assert space.check(completed) == completed == space.complete(kept, other)


@PROPERTY
@given(space=spaces(), seed=st.integers(0, 2**64))
def test_completing_nothing_samples(space: Space, seed: int) -> None:
    assert space.complete({}, seed) == space.sample(seed)


FORBIDDING = Space.parse(
    {
        "optimizer": {"type": "categorical", "choices": ["sgd", "adam"]},
        "batch": {"type": "int", "low": 1, "high": 100},
        "lr": {"type": "float", "low": 0, "high": 1},
        "heads": {"type": "int", "low": 1, "high": 4, "when": {"any": [{"batch": {"less": 9}}, {"optimizer": "adam"}]}},
        "__forbidden__": [{"optimizer": "sgd", "batch": {"greater": 50}}, {"batch": 7, "lr": {"greater": 0.001}}],
    }
)


def test_a_forbidden_configuration_is_refused_with_its_clause_however_it_comes() -> None:
    config = {"optimizer": "sgd", "batch": 60, "lr": 0.5}
    vector = FORBIDDING.to_vector(config)

    for refuse in (
        lambda: FORBIDDING.check(config),
        lambda: FORBIDDING.complete({"optimizer": "sgd", "batch": 60}, 0),
        lambda: FORBIDDING.from_vector(vector),
        lambda: FORBIDDING.decode(FORBIDDING.encode(config)),
    ):
        with pytest.raises(
            Forbidden, match=r'__forbidden__\[0\] forbids \(optimizer is "sgd" and batch is greater than 50'
        ):
            refuse()
    assert FORBIDDING.is_forbidden(config)
    assert not FORBIDDING.is_forbidden(config | {"batch": 50})


def test_the_rest_of_a_partial_configuration_is_never_forbidden() -> None:
    completed = [FORBIDDING.complete({"optimizer": "sgd"}, seed) for seed in range(100)]

    assert max(config["batch"] for config in completed) == 50


def test_a_part_beside_which_nearly_everything_is_forbidden_is_refused() -> None:
    with pytest.raises(Forbidden, match=r"beside which 0.001 of all draws are not forbidden"):
        FORBIDDING.complete({"optimizer": "adam", "batch": 7}, 0)


def test_one_alternative_of_a_condition_is_enough_to_complete() -> None:
    assert FORBIDDING.complete({"optimizer": "adam", "heads": 2}, 0)["heads"] == 2
    with pytest.raises(SpaceError, match="got it without batch, must come with batch; add batch: less than 9"):
        FORBIDDING.complete({"heads": 2, "optimizer": "sgd"}, 0)
    with pytest.raises(SpaceError, match='while batch is 9 and optimizer is "sgd", must be left out unless batch is'):
        FORBIDDING.complete({"heads": 2, "optimizer": "sgd", "batch": 9}, 0)
