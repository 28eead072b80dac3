"""A table of curves: its own points get their own curves, all others that of the nearest."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from search_spaces import Space
from service.algorithms.curves import Table
from service.algorithms.simulator import Step
from tests.unit.algorithms.simulator import FINITE, SPACE


def curve(*values):
    return [Step(value=value, seconds=1.0) for value in values]


@given(seeds=st.lists(st.integers(0, 10_000), min_size=1, max_size=12), epoch=st.integers(1, 3))
def test_a_configuration_of_the_table_gets_its_own_curve(seeds, epoch):
    configs = {str(config): config for config in map(SPACE.sample, seeds)}
    table = Table(SPACE, [(config, curve(i, i + 0.1, i + 0.2)) for i, config in enumerate(configs.values())])
    for number, config in enumerate(configs.values()):
        assert table.step(config, epoch).value == number + (epoch - 1) / 10


def test_near_is_measured_on_the_scale_that_the_space_declares():
    space = Space.parse({"lr": {"type": "float", "low": 1e-4, "high": 1.0, "log": True}})
    table = Table(space, [({"lr": 1e-4}, curve(1.0)), ({"lr": 1.0}, curve(2.0))])
    assert [table.step({"lr": lr}, 1).value for lr in (0.009, 0.011)] == [1.0, 2.0]


def test_another_choice_is_as_far_as_the_whole_range_of_a_number():
    space = Space.parse(
        {
            "optimizer": {"type": "categorical", "choices": ["sgd", "adam", "lion"]},
            "x": {"type": "float", "low": 0, "high": 1},
        }
    )
    table = Table(space, [({"optimizer": "sgd", "x": 0.1}, curve(1.0)), ({"optimizer": "lion", "x": 0.9}, curve(2.0))])
    assert table.step({"optimizer": "sgd", "x": 1.0}, 1).value == 1.0
    assert table.step({"optimizer": "adam", "x": 0.6}, 1).value == 2.0
    table = Table(space, [({"optimizer": "sgd", "x": 0.5}, curve(1.0)), ({"optimizer": "adam", "x": 0.0}, curve(2.0))])
    assert table.step({"optimizer": "lion", "x": 0.4}, 1).value == 1.0


def test_an_inactive_parameter_is_left_out_and_the_condition_counts():
    number = {"type": "float", "low": 0.0, "high": 1.0}
    optimizer = {"type": "categorical", "choices": ["sgd", "adam"]}
    nesterov = {"type": "bool", "when": {"optimizer": "sgd"}}
    space = Space.parse({"optimizer": optimizer, "nesterov": nesterov, "x": number, "y": number})
    here = {"optimizer": "adam", "x": 0.0, "y": 0.0}
    away = {"optimizer": "sgd", "nesterov": True, "x": 1.0, "y": 0.8}
    table = Table(space, [(here, curve(1.0)), (away, curve(2.0))])
    assert table.step({"optimizer": "sgd", "nesterov": True, "x": 0.0, "y": 0.0}, 1).value == 1.0
    assert table.step({"optimizer": "sgd", "nesterov": True, "x": 0.5, "y": 0.5}, 1).value == 2.0


def test_beyond_its_last_epoch_a_curve_repeats_it():
    table = Table(FINITE, [({"width": 1, "optimizer": "adam"}, curve(3.0, None))])
    assert [table.step({"width": 2, "optimizer": "adam"}, epoch).value for epoch in (1, 2, 9)] == [3.0, None, None]
    assert table.known({"width": 2, "optimizer": "adam"}) == 2
