"""What PBT explores: near the parent, inside the space, by the space's own steps and conditions."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from search_spaces import Space
from service.algorithms.schedulers.explore import Explorer
from tests.unit.algorithms.simulator import SPACE


def explorer(space=SPACE, *, resample=0.0, keep=()):
    return Explorer(space, resample_probability=resample, keep=frozenset(keep))


def explored(space, config, **options):
    """Return what 40 seeds make of a configuration."""
    return [explorer(space, **options).explore(config, seed)[0] for seed in range(40)]


def one(name, **entry):
    return Space.parse({name: entry})


@pytest.mark.parametrize(
    ("entry", "value", "neighbours"),
    [
        ({"type": "float", "low": 1e-4, "high": 1.0, "log": True}, 0.01, {0.008, 0.012}),
        ({"type": "float", "low": 1e-4, "high": 1.0, "log": True}, 0.9, {0.72, 1.0}),
        ({"type": "float", "low": 0.1, "high": 0.99}, 0.11, {0.1, 0.132}),
        ({"type": "float", "low": 0.0, "high": 1.0}, 0.0, {0.2}),
        ({"type": "float", "low": -1.0, "high": 1.0}, 0.0, {-0.4, 0.4}),
        ({"type": "float", "low": 0.0, "high": 0.9, "step": 0.1}, 0.3, {0.1, 0.5}),
        ({"type": "int", "low": 16, "high": 256, "log": True}, 100, {80, 120}),
        ({"type": "int", "low": 1, "high": 8}, 2, {1, 3}),
        ({"type": "int", "low": 8, "high": 64, "step": 8}, 32, {24, 40}),
        ({"type": "int", "low": 1, "high": 1000, "log": True}, 1000, {800}),
        ({"type": "ordinal", "choices": ["s", "m", "l"]}, "m", {"s", "l"}),
        ({"type": "ordinal", "choices": ["s", "m", "l"]}, "l", {"m"}),
    ],
)
def test_a_value_moves_to_a_neighbour_and_never_beyond_its_bounds(entry, value, neighbours):
    """Fault 29: after four explores 16 % of a uniform(.1, .99) were outside."""
    assert {config["x"] for config in explored(one("x", **entry), {"x": value})} == neighbours


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 2**31), st.sampled_from([0.0, 0.25, 1.0]))
def test_generations_of_explores_stay_in_the_space(seed, resample):
    """Fault 29: clones of clones left their domains, and conditional parameters were not known."""
    config = SPACE.sample(seed)
    explore = explorer(resample=resample)
    for generation in range(8):
        config, changes = explore.explore(config, seed + generation)
        assert SPACE.check(config) == config
        assert all(changes)


def test_a_choice_without_order_changes_only_when_it_is_drawn_anew():
    space = one("x", type="categorical", choices=["a", "b", "c"])
    assert explorer(space).explore({"x": "a"}, 0) == ({"x": "a"}, [])
    assert {config["x"] for config in explored(space, {"x": "a"}, resample=1.0)} == {"b", "c"}


def test_a_parameter_that_becomes_active_is_drawn_and_one_that_ceases_to_be_is_dropped():
    config = {"lr": 0.01, "width": 4, "optimizer": "adam", "version": 7}
    found = explored(SPACE, config, resample=0.5)
    assert {"momentum" in other for other in found} == {True, False}
    assert len({other.get("momentum") for other in found}) > 3
    back = explored(SPACE, {**config, "optimizer": "sgd", "momentum": 0.3}, resample=0.5)
    assert {"momentum" in other for other in back} == {True, False}


def test_what_is_to_be_kept_is_kept():
    config = {"lr": 0.01, "width": 4, "optimizer": "adam", "version": 7}
    assert {other["width"] for other in explored(SPACE, config, resample=0.5, keep=["width"])} == {4}


def test_one_seed_explores_one_configuration():
    """Fault 29: explores came from the global random module."""
    config = SPACE.sample(1)
    assert explorer(resample=0.5).explore(config, 5) == explorer(resample=0.5).explore(config, 5)


def test_the_changes_say_from_what_to_what():
    space = one("lr", type="float", low=1e-4, high=1.0, log=True)
    changes = {explorer(space).explore({"lr": 0.01}, seed)[1][0] for seed in range(20)}
    assert changes == {"lr 0.01 -> 0.008", "lr 0.01 -> 0.012"}
