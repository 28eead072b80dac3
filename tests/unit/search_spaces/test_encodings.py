"""Whatever form a configuration takes, it comes back the same; ConfigSpace agrees on every form."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from ConfigSpace import Configuration
from hypothesis import example, given
from hypothesis import strategies as st

from search_spaces import Forbidden, Space, SpaceError
from tests.unit.search_spaces.strategies import PROPERTY, spaces

SEEDS = st.integers(0, 2**70)

LOG_PARENT = Space.parse(
    {
        "layers": {"type": "int", "low": 1, "high": 60, "log": True},
        "width": {"type": "int", "low": 1, "high": 3, "when": {"layers": list(range(2, 61))}},
    }
)

PARENTS_AT_TWO_DEPTHS = Space.parse(
    {
        "a": {"type": "bool"},
        "b": {"type": "bool", "when": {"a": False}},
        "c": {"type": "bool", "when": {"b": False}},
        "d": {"type": "bool", "when": {"c": False, "a": False}},
    }
)


def near(space: Space, one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether two are the same, but for the last digits of a normal float, whose coordinate has fewer."""
    normal = {parameter.name for parameter in space.parameters if getattr(parameter, "prior", None)}
    floats = {name for name in normal & set(other) if isinstance(other[name], float)}
    return one == {**other, **{name: pytest.approx(other[name], rel=1e-9) for name in floats}}


@PROPERTY
@given(space=spaces(), seed=SEEDS)
def test_decoding_undoes_encoding(space: Space, seed: int) -> None:
    config = space.sample(seed)

    assert near(space, space.decode(space.encode(config)), config)


@PROPERTY
@given(space=spaces(), seed=SEEDS)
def test_a_vector_leads_back_to_its_configuration(space: Space, seed: int) -> None:
    config = space.sample(seed)

    assert near(space, space.from_vector(space.to_vector(config)), config)


@PROPERTY
@given(space=spaces(), seed=SEEDS)
def test_a_vector_is_the_one_configspace_makes_of_the_encoded_configuration(space: Space, seed: int) -> None:
    config = space.sample(seed)

    theirs = Configuration(space.configspace(), values=space.encode(config)).get_array()

    np.testing.assert_allclose(space.to_vector(config), theirs, atol=1e-12)


@PROPERTY
@given(space=spaces(), seed=st.integers(0, 2**32 - 1))
@example(space=LOG_PARENT, seed=1)
@example(space=PARENTS_AT_TWO_DEPTHS, seed=0)
def test_configspace_and_we_agree_on_what_is_active(space: Space, seed: int) -> None:
    drawing = space.configspace()
    drawing.seed(seed)

    for theirs in drawing.sample_configuration(50):
        try:
            config = space.decode(dict(theirs))
        except Forbidden:
            continue
        assert set(space.encode(config)) == set(theirs)
        assert space.check(config) == config


@pytest.mark.parametrize("high", range(3, 80))
def test_a_child_of_a_logarithmic_integer_is_active_whenever_its_value_says_so(high: int) -> None:
    # ConfigSpace's own conditions fail this for a few bounds, in the last bit of a coordinate.
    space = Space.parse(
        {
            "layers": {"type": "int", "low": 2, "high": high, "log": True},
            "width": {"type": "bool", "when": {"layers": list(range(2, high + 1))}},
        }
    )
    drawing = space.configspace()
    drawing.seed(0)

    assert all("width" in config for config in drawing.sample_configuration(300))


@PROPERTY
@given(space=spaces(), data=st.data())
def test_any_vector_becomes_a_valid_configuration(space: Space, data: st.DataObject) -> None:
    vector = [data.draw(st.floats(-2, 5)) for _ in space.vector_names]

    try:
        config = space.from_vector(vector)
    except Forbidden:
        return

    assert space.check(config) == config


@PROPERTY
@given(space=spaces())
def test_cardinalities_count_the_choices_without_order(space: Space) -> None:
    choices = {p.name: len(p.domain.values) for p in space.parameters if p.type in ("categorical", "bool")}  # type: ignore[attr-defined]  # these have them

    for name, cardinality in zip(space.vector_names, space.cardinalities, strict=True):
        assert cardinality == choices.get(name, 0)


@PROPERTY
@given(space=spaces())
def test_what_has_one_value_is_not_in_configspace(space: Space) -> None:
    varying = {parameter.name for parameter in space.parameters if parameter.domain.size != 1}

    assert set(space.configspace()) == set(space.vector_names) == varying


def test_encoded_values_are_what_the_design_says() -> None:
    space = Space.parse(
        {
            "lr": {"type": "float", "low": 1e-4, "high": 1.0, "log": True},
            "units": {"type": "int", "low": 16, "high": 256},
            "dropout": {"type": "float", "low": 0.0, "high": 0.5, "step": 0.1},
            "heads": {"type": "int", "low": 2, "high": 9, "step": 3},
            "size": {"type": "ordinal", "choices": ["s", "m", "l"]},
            "act": {"type": "categorical", "choices": ["relu", 1, True]},
            "bias": {"type": "bool"},
            "k": {"type": "constant", "value": None},
        }
    )
    config = {
        "lr": 0.01, "units": 64, "dropout": 0.3, "heads": 8, "size": "m", "act": True, "bias": True, "k": None
    }  # fmt: skip

    encoded = space.encode(config)

    assert encoded == {"lr": 0.5, "units": 64, "dropout": 3, "heads": 2, "size": 1, "act": 2, "bias": 1}
    assert space.decode(encoded) == config
    assert space.decode(encoded)["act"] is True


def test_a_child_of_a_parameter_with_one_value_depends_on_that_parameters_parents() -> None:
    space = Space.parse(
        {
            "optimizer": {"type": "categorical", "choices": ["sgd", "adam"]},
            "variant": {"type": "categorical", "choices": ["nesterov"], "when": {"optimizer": "sgd"}},
            "momentum": {"type": "float", "low": 0, "high": 1, "when": {"variant": "nesterov"}},
        }
    )

    parents = space.configspace().parents_of["momentum"]

    assert [parent.name for parent in parents] == ["optimizer"]


def test_a_default_is_configspaces_default() -> None:
    space = Space.parse(
        {
            "lr": {"type": "float", "low": 1e-4, "high": 1.0, "log": True, "default": 0.01},
            "act": {"type": "categorical", "choices": ["relu", None], "default": None},
            "size": {"type": "ordinal", "choices": ["s", "m", "l"], "default": "l"},
        }
    )

    assert space.decode(dict(space.configspace().get_default_configuration())) == {
        "lr": 0.01, "act": None, "size": "l"
    }  # fmt: skip


def test_each_configspace_is_the_callers_own() -> None:
    assert LOG_PARENT.configspace() is not LOG_PARENT.configspace()


@pytest.mark.parametrize(
    ("vector", "path"), [([np.nan, 0.0], "vector.layers"), ([0.0], "vector"), ([1.0, np.nan], "vector.width")]
)
def test_a_vector_that_lacks_an_active_parameter_is_refused(vector: list[float], path: str) -> None:
    with pytest.raises(SpaceError) as caught:
        LOG_PARENT.from_vector(vector)

    assert caught.value.path == path


def test_an_encoded_configuration_that_lacks_an_active_parameter_is_refused() -> None:
    with pytest.raises(SpaceError, match=r"encoded\.width"):
        LOG_PARENT.decode({"layers": 2})


@pytest.mark.parametrize(
    ("spec", "text"),
    [
        ({"type": "float", "low": 0.0, "high": 0.7, "step": 0.1}, "0.0 0.1 0.2 0.3 0.4 0.5 0.6 0.7"),
        ({"type": "float", "low": 0.05, "high": 0.3, "step": 0.1}, "0.05 0.15 0.25"),
        ({"type": "float", "low": -0.1, "high": 0.1, "step": 0.1}, "-0.1 0.0 0.1"),
        ({"type": "float", "low": 1e-5, "high": 3e-5, "step": 1e-5}, "1e-05 2e-05 3e-05"),
        ({"type": "float", "low": 0, "high": 1, "step": 1 / 3}, "0.0 0.3333333333333333 0.6666666666666666 1.0"),
        ({"type": "float", "low": 0.01, "high": 0.01001, "step": 1e-5}, "0.01 0.01001"),
        ({"type": "int", "low": 1, "high": 100, "step": 33}, "1 34 67 100"),
        ({"type": "int", "low": 1, "high": 99, "step": 33}, "1 34 67"),
    ],
)
def test_steps_give_clean_numbers_within_the_bounds(spec: dict[str, Any], text: str) -> None:
    assert " ".join(str(config["x"]) for config in Space.parse({"x": spec}).grid()) == text


def test_large_logarithmic_integers_keep_every_digit_in_a_vector() -> None:
    low, high = 10**9, 10**12
    space = Space.parse({"x": {"type": "int", "low": low, "high": high, "log": True}})

    for value in (low, low + 1, low + 2, 123_456_789_012, high - 1, high):
        assert space.from_vector(space.to_vector({"x": value})) == {"x": value}
