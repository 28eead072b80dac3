"""What a search would cost: exact where nothing is left to chance, within its bounds everywhere, and quick."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search_spaces import Space
from service.algorithms import AlgorithmSpec, Objective, Study
from service.algorithms.catalog import PRESETS, SCHEDULERS
from service.algorithms.forecast import MAX_STEPS, forecast
from service.algorithms.simulator import Step, simulate
from service.algorithms.tally import RungCost, Stretch, epochs_by_rung

UNIT = Space.parse({"x": {"type": "float", "low": 0.0, "high": 1.0}})


def cost(algorithm, trials=64, epochs=27, slots=4, seed=0):
    return forecast(AlgorithmSpec.parse(algorithm), trials=trials, epochs=epochs, slots=slots, seed=seed)


class SettledEarly:
    def step(self, config, epoch):
        return Step(value=config["x"] + 1 / epoch, seconds=1.0)


def epoch_by_epoch(algorithm, trials, epochs, slots):
    """The same forecast the long way: every report of every trial."""
    parsed = AlgorithmSpec.parse({"sampler": {"name": "random"}, "scheduler": algorithm})
    study = Study(
        space=UNIT,
        algorithm=parsed,
        objective=Objective(metric="x"),
        max_trials=trials,
        max_epochs=epochs,
        seed=0,
    )
    return simulate(study, SettledEarly(), workers=slots)


@pytest.mark.parametrize("name", ["grid", "random", "tpe"])
def test_without_early_stopping_it_is_trials_times_epochs(name):
    told = cost({"name": name}, trials=12, epochs=9, slots=4)
    assert (told.epochs, told.least_epochs, told.most_epochs) == (108, 108, 108)
    assert told.wall_epochs == 27.0
    assert told.rungs == (RungCost(9, 12, 108),)
    assert told.exact


@pytest.mark.parametrize("name", ["asha", "mobster", "hyperband", "bohb", "median"])
def test_early_stopping_saves_epochs_and_time(name):
    told = cost({"name": name})
    assert told.least_epochs < told.epochs < 0.7 * told.most_epochs
    assert told.wall_epochs < 0.75 * told.most_epochs / 4
    assert sum(rung.epochs for rung in told.rungs) == told.epochs


@pytest.mark.parametrize("scheduler", ["asha", "asha_promotion", "hyperband", "median", "pbt"])
def test_leaving_out_the_epochs_between_decisions_changes_nothing_on_one_slot(scheduler):
    told = cost({"scheduler": {"name": scheduler}}, trials=20, epochs=27, slots=1)
    whole = epoch_by_epoch({"name": scheduler}, trials=20, epochs=27, slots=1)
    assert (told.epochs, told.wall_epochs) == (len(whole.observations), whole.seconds)
    assert told.exact


@given(
    scheduler=st.sampled_from(sorted(SCHEDULERS)),
    trials=st.integers(1, 60),
    epochs=st.integers(2, 150),
    slots=st.integers(1, 20),
    seed=st.integers(0, 100),
)
def test_its_own_bounds_hold(scheduler, trials, epochs, slots, seed):
    told = cost({"scheduler": {"name": scheduler}}, trials, epochs, slots, seed)
    assert trials <= told.least_epochs <= told.epochs <= told.most_epochs == trials * epochs
    assert told.epochs / slots <= told.wall_epochs <= told.epochs


@pytest.mark.parametrize("name", PRESETS)
def test_the_largest_search_that_a_spec_can_ask_for_is_inferred_within_a_second_and_says_so(name):
    began = time.process_time()
    told = cost({"name": name}, trials=100_000, epochs=1_000_000, slots=10_000)
    assert time.process_time() - began < 3.0  # 0.8 s alone on a core
    assert not told.exact
    assert 100_000 <= told.epochs <= told.most_epochs


def test_what_is_inferred_for_many_trials_is_near_what_they_cost():
    trials = MAX_STEPS // 2
    whole = epoch_by_epoch({"name": "asha"}, trials=4 * trials, epochs=27, slots=16)
    told = cost({"name": "asha"}, trials=4 * trials, epochs=27, slots=16)
    assert not told.exact
    assert told.epochs == pytest.approx(len(whole.observations), rel=0.1)
    assert told.wall_epochs == pytest.approx(whole.seconds, rel=0.2)


def test_epochs_count_for_the_rung_that_they_lead_to():
    stretches = [Stretch(0, 1, 1), Stretch(0, 3, 2), Stretch(1, 1, 1), Stretch(0, 4, 1)]
    assert epochs_by_rung(stretches, (1, 3, 9)) == (RungCost(1, 2, 2), RungCost(3, 1, 2), RungCost(9, 1, 1))
