"""What is drawn follows the declared distribution, at the edges too, and only the seed decides."""

from __future__ import annotations

import random
from collections import Counter
from math import e, log
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare, kstest, lognorm, norm, truncnorm

from search_spaces import Space
from tests.unit.search_spaces.strategies import PROPERTY, spaces

DRAWS = 3000
SUSPICIOUS = 1e-4
"""Probability below which counts are held not to come from a distribution; the seeds are fixed, so no test is flaky."""


@PROPERTY
@given(space=spaces(), seed=st.integers(0, 2**70))
def test_a_sample_is_valid_and_the_seed_decides_it(space: Space, seed: int) -> None:
    config = space.sample(seed)

    assert space.check(config) == config == space.sample(seed)
    assert list(config) == [parameter.name for parameter in space.parameters if parameter.name in config]


def test_sampling_neither_reads_nor_moves_the_global_generators() -> None:
    space = Space.parse({"x": {"type": "float", "low": 0, "high": 1}})
    np.random.seed(1)
    random.seed(1)
    before = (np.random.get_state()[2], random.getstate())  # type: ignore[index]  # legacy state is a tuple

    first = space.sample(5)
    np.random.seed(2)

    assert (np.random.get_state()[2], random.getstate()) == before  # type: ignore[index]  # as above
    assert space.sample(5) == first


def test_adding_a_parameter_at_the_end_changes_no_draw() -> None:
    spec: dict[str, Any] = {"x": {"type": "float", "low": 0, "high": 1}}

    assert Space.parse(spec | {"y": {"type": "bool"}}).sample(3)["x"] == Space.parse(spec).sample(3)["x"]


DISCRETE: dict[str, tuple[dict[str, Any], list[float]]] = {
    "integers have equal shares": ({"type": "int", "low": 1, "high": 3}, [1, 1, 1]),
    "two integers have equal shares": ({"type": "int", "low": -1, "high": 0}, [1, 1]),
    "logarithmic integers": (
        {"type": "int", "low": 1, "high": 5, "log": True},
        [log(1.5 / 0.5), log(2.5 / 1.5), log(3.5 / 2.5), log(4.5 / 3.5), log(5.5 / 4.5)],
    ),
    "normal integers": (
        {"type": "int", "low": 0, "high": 4, "prior": {"normal": {"mean": 1, "std": 1.5}}},
        [float(norm.cdf((k + 0.5 - 1) / 1.5) - norm.cdf((k - 0.5 - 1) / 1.5)) for k in range(5)],
    ),
    "log-normal integers": (
        {"type": "int", "low": 1, "high": 4, "log": True, "prior": {"normal": {"mean": 1, "std": 0.5}}},
        [float(lognorm.cdf(k + 0.5, 0.5, scale=e) - lognorm.cdf(k - 0.5, 0.5, scale=e)) for k in range(1, 5)],
    ),
    "weighted choices": ({"type": "categorical", "choices": ["a", "b", "c"], "weights": [1, 2, 5]}, [1, 2, 5]),
    "float steps have equal shares": ({"type": "float", "low": 0, "high": 0.3, "step": 0.1}, [1, 1, 1, 1]),
    "an unreachable high takes no share": ({"type": "float", "low": 0, "high": 0.29, "step": 0.1}, [1, 1, 1]),
    "integer steps have equal shares": ({"type": "int", "low": 1, "high": 100, "step": 33}, [1, 1, 1, 1]),
    "choices have equal shares": ({"type": "categorical", "choices": ["a", None, 3]}, [1, 1, 1]),
    "ordered choices have equal shares": ({"type": "ordinal", "choices": ["a", "b", "c"]}, [1, 1, 1]),
    "false and true have equal shares": ({"type": "bool"}, [1, 1]),
}


def shares_differ(space: Space, values: list[Any], shares: list[float]) -> bool:
    counts = Counter(values)
    observed = [counts[config["x"]] for config in space.grid()]
    assert sum(observed) == len(values)
    expected = np.array(shares) / sum(shares) * len(values)
    return bool(chisquare(observed, expected).pvalue < SUSPICIOUS)


@pytest.mark.parametrize(("spec", "shares"), DISCRETE.values(), ids=DISCRETE)
def test_draws_follow_the_declared_shares(spec: dict[str, Any], shares: list[float]) -> None:
    space = Space.parse({"x": spec})

    assert not shares_differ(space, [space.sample(seed)["x"] for seed in range(DRAWS)], shares)


@pytest.mark.parametrize(("spec", "shares"), DISCRETE.values(), ids=DISCRETE)
def test_configspace_draws_the_same_shares(spec: dict[str, Any], shares: list[float]) -> None:
    space = Space.parse({"x": spec})
    drawing = space.configspace()
    drawing.seed(3)

    drawn = [space.decode(dict(config))["x"] for config in drawing.sample_configuration(DRAWS)]

    assert not shares_differ(space, drawn, shares)


@pytest.mark.parametrize("name", [name for name in DISCRETE if "choices" not in name and "true" not in name])
def test_uniform_coordinates_give_the_same_shares(name: str) -> None:
    spec, shares = DISCRETE[name]
    space = Space.parse({"x": spec})
    coordinates = np.random.default_rng(4).random(DRAWS)

    assert not shares_differ(space, [space.from_vector([unit])["x"] for unit in coordinates], shares)


def test_the_check_of_shares_can_fail() -> None:
    halved_edges = [1] * 750 + [2] * 1500 + [3] * 750

    assert shares_differ(Space.parse({"x": {"type": "int", "low": 1, "high": 3}}), halved_edges, [1, 1, 1])


@pytest.mark.parametrize("is_log", [False, True])
def test_floats_are_uniform_on_their_scale(is_log: bool) -> None:
    space = Space.parse({"x": {"type": "float", "low": 1e-4, "high": 1e-1, "log": is_log}})
    drawn = np.array([space.sample(seed)["x"] for seed in range(DRAWS)])

    scaled = np.log(drawn / 1e-4) / np.log(1e3) if is_log else (drawn - 1e-4) / (1e-1 - 1e-4)

    assert kstest(scaled, "uniform").pvalue > SUSPICIOUS


@pytest.mark.parametrize(("low", "high"), [(1 / 3, 2 / 3), (1e-15, 1e-14), (1e-300, 1e300), (1e9, 1e9 + 1001)])
@pytest.mark.parametrize("is_log", [False, True])
def test_floats_stay_within_bounds_of_any_size(low: float, high: float, is_log: bool) -> None:
    space = Space.parse({"x": {"type": "float", "low": low, "high": high, "log": is_log}})

    drawn = {space.sample(seed)["x"] for seed in range(100)}

    assert len(drawn) > 3
    assert all(low <= value <= high for value in drawn)
    assert space.from_vector([0.0])["x"] == low
    assert space.from_vector([1.0])["x"] == high


@pytest.mark.parametrize(("low", "high"), [(-3, 3), (0, 1), (1.5, 9), (-40, -1), (12, 13), (-29, -28)])
def test_normal_floats_follow_the_normal_that_their_bounds_cut(low: float, high: float) -> None:
    space = Space.parse({"x": {"type": "float", "low": low, "high": high, "prior": {"normal": {"mean": 0, "std": 1}}}})

    drawn = [space.sample(seed)["x"] for seed in range(DRAWS)]

    assert kstest(drawn, truncnorm(low, high).cdf).pvalue > SUSPICIOUS
    assert all(abs(space.to_vector({"x": x})[0] - truncnorm.cdf(x, low, high)) < 1e-9 for x in drawn[:50])


@pytest.mark.parametrize("mean", [-2, 4, 30])
def test_log_normal_floats_are_normal_in_their_logarithm(mean: float) -> None:
    prior = {"normal": {"mean": mean, "std": 2}}
    space = Space.parse({"x": {"type": "float", "low": 0.01, "high": 100, "log": True, "prior": prior}})
    low, high = (log(0.01) - mean) / 2, (log(100) - mean) / 2

    drawn = [(log(space.sample(seed)["x"]) - mean) / 2 for seed in range(DRAWS)]

    assert kstest(drawn, truncnorm(low, high).cdf).pvalue > SUSPICIOUS


def test_what_is_not_forbidden_keeps_its_shares() -> None:
    size = {"type": "categorical", "choices": ["s", "m", "l"], "weights": [1, 2, 3]}
    space = Space.parse(
        {"size": size, "n": {"type": "int", "low": 1, "high": 3}, "__forbidden__": [{"size": "l", "n": {"greater": 1}}]}
    )
    expected = {"s1": 1, "s2": 1, "s3": 1, "m1": 2, "m2": 2, "m3": 2, "l1": 3}

    counts = Counter("{size}{n}".format(**space.sample(seed)) for seed in range(DRAWS))

    assert set(counts) == set(expected)
    shares = np.array([expected[key] for key in counts]) / 12 * DRAWS
    assert chisquare(list(counts.values()), shares).pvalue > SUSPICIOUS


def test_units_give_weighted_choices_their_shares() -> None:
    space = Space.parse({"x": {"type": "categorical", "choices": ["a", "b"], "weights": [1, 3]}})

    assert [space.from_units([unit])["x"] for unit in (0.0, 0.249, 0.251, 1.0)] == ["a", "a", "b", "b"]
