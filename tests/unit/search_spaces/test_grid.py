"""A grid has every distinct configuration once, and knows how many and which without listing them."""

from __future__ import annotations

import time
from itertools import islice, product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search_spaces import Space, SpaceError
from tests.unit.search_spaces.strategies import FINITE, PROPERTY, log_ints, spaces, step_floats

FINITE_SPACES = spaces(st.one_of(FINITE, step_floats()), most=4)


def every_configuration(space: Space) -> set[str]:
    """All configurations by brute force: each combination of values, less what its conditions leave out."""
    domains = [[p.domain.at(index) for index in range(p.domain.size or 0)] for p in space.parameters]
    found = set()
    for values in product(*domains):
        config: dict[str, Any] = {}
        for parameter, value in zip(space.parameters, values, strict=True):
            if parameter.when.holds(config):
                config[parameter.name] = value
        if not space.is_forbidden(config):
            found.add(repr(config))
    return found


@PROPERTY
@given(space=FINITE_SPACES)
def test_the_grid_is_complete_and_free_of_repetition(space: Space) -> None:
    points = [repr(config) for config in space.grid()]

    assert len(points) == len(set(points)) == space.grid_size()
    assert set(points) == every_configuration(space)


@PROPERTY
@given(space=FINITE_SPACES)
def test_a_point_by_number_is_the_one_listed_there(space: Space) -> None:
    assert [space.grid_point(number) for number in range(space.grid_size())] == list(space.grid())


@PROPERTY
@given(space=FINITE_SPACES)
def test_points_are_valid_configurations(space: Space) -> None:
    for config in islice(space.grid(), 50):
        assert space.check(config) == config


def test_without_conditions_the_grid_is_a_nested_loop_with_the_first_parameter_outermost() -> None:
    space = Space.parse(
        {
            "a": {"type": "ordinal", "choices": ["x", "y"]},
            "b": {"type": "float", "low": 0, "high": 0.2, "step": 0.1},
            "c": {"type": "int", "low": 1, "high": 2, "log": True},
        }
    )

    assert [tuple(config.values()) for config in space.grid()] == list(product("xy", [0.0, 0.1, 0.2], [1, 2]))


def test_with_conditions_the_values_of_a_parent_stay_in_order() -> None:
    space = Space.parse(
        {
            "layers": {"type": "int", "low": 1, "high": 4},
            "skip": {"type": "bool", "when": {"layers": [2, 4]}},
            "gain": {"type": "constant", "value": 0.5, "when": {"skip": True}},
        }
    )

    assert list(space.grid()) == [
        {"layers": 1},
        {"layers": 2, "skip": False},
        {"layers": 2, "skip": True, "gain": 0.5},
        {"layers": 3},
        {"layers": 4, "skip": False},
        {"layers": 4, "skip": True, "gain": 0.5},
    ]


def test_an_empty_space_has_one_configuration() -> None:
    assert list(Space.parse({}).grid()) == [{}]


def test_a_trillion_points_are_counted_and_addressed_at_once() -> None:
    thousand = {"type": "int", "low": 1, "high": 1000}
    raw: dict[str, Any] = dict.fromkeys("abcd", thousand)
    raw["wide"] = {"type": "float", "low": 0, "high": 1, "step": 1e-12, "when": {"a": 7}}
    space = Space.parse(raw)
    start_s = time.perf_counter()

    size = space.grid_size()
    last = space.grid_point(size - 1)
    of_seven = space.grid_point(10**9 * 6 + 10**9 * 3)

    assert size == 10**9 * (999 + 10**12 + 1)
    assert last == {"a": 1000, "b": 1000, "c": 1000, "d": 1000}
    assert of_seven["a"] == 7
    assert time.perf_counter() - start_s < 1


def test_counting_does_not_slow_down_with_many_conditional_pairs() -> None:
    switches = {f"use_{n}": {"type": "bool"} for n in range(40)}
    options = {f"option_{n}": {"type": "int", "low": 1, "high": 9, "when": {f"use_{n}": True}} for n in range(40)}
    space = Space.parse(switches | options)
    start_s = time.perf_counter()

    assert space.grid_size() == 10**40
    assert time.perf_counter() - start_s < 1


@PROPERTY
@given(space=spaces(st.one_of(FINITE, log_ints()), most=3), beyond=st.integers(0, 3))
def test_a_number_beyond_the_grid_is_refused(space: Space, beyond: int) -> None:
    for number in (-1 - beyond, space.grid_size() + beyond):
        with pytest.raises(IndexError, match="grid point"):
            space.grid_point(number)


def test_infinitely_many_values_are_named() -> None:
    space = Space.parse({"a": {"type": "bool"}, "lr": {"type": "float", "low": 0, "high": 1, "when": {"a": True}}})

    for ask in (space.grid_size, space.grid, lambda: space.grid_point(0)):
        with pytest.raises(SpaceError, match="give it a step") as caught:
            ask()
        assert caught.value.path == "space.lr"
