"""The peers under the simulator: the same run twice for a seed, inside the space, and never beyond the last epoch."""

from __future__ import annotations

import importlib.util

import pytest

from benchmarks.quality import run as running
from benchmarks.quality.contestants import PEERS, Problem, contestant
from benchmarks.quality.contestants.translation import active, configspace
from search_spaces import Space
from tests.unit.benchmarks.made_up import EPOCHS, REFERENCE, Bowl

pytestmark = pytest.mark.filterwarnings("ignore")  # other people's libraries warn on import and with every call

IMPORTED = {"hpbandster": "hpbandster", "optuna": "optuna", "syne": "syne_tune", "tune": "hyperopt"}
METHODS = [
    pytest.param(
        name,
        marks=pytest.mark.skipif(
            importlib.util.find_spec(IMPORTED[name.partition("-")[0]]) is None,
            reason="the extra 'quality' is not installed",
        ),
    )
    for name in PEERS
]


@pytest.fixture
def bowl(monkeypatch):
    """A run on the bowl in place of the judge's tasks."""
    task = Bowl()
    monkeypatch.setattr(running, "open_task", lambda _name: task)
    monkeypatch.setattr(running, "reference", lambda _name: REFERENCE)
    return task


@pytest.mark.parametrize("method", METHODS)
def test_a_seed_gives_the_same_run_twice_and_another_seed_another_one(method, bowl, monkeypatch):
    monkeypatch.setattr(running, "FULL_TRAININGS", 30)
    first = running.run(method, "bowl", 3, seed=1)
    asked = list(bowl.asked)
    again = running.run(method, "bowl", 3, seed=1)
    assert bowl.asked[len(asked) :] == asked
    assert (again.regrets, again.trials, again.epochs) == (first.regrets, first.trials, first.epochs)
    before = len(bowl.asked)
    running.run(method, "bowl", 3, seed=2)
    assert bowl.asked[before:] != asked


@pytest.mark.parametrize("method", [method for method in METHODS if method.values != ("syne-cqr",)])  # it is slow
def test_a_peer_stays_inside_the_space_and_uses_its_time(method, bowl):
    outcome = running.run(method, "bowl", 3, seed=0)
    space = Space.parse(bowl.space)
    for config in bowl.asked:
        assert space.check(config) == pytest.approx(config)
    assert {config["kind"] for config in bowl.asked} == {"plain", "momentum"}
    assert outcome.epochs >= 90  # 200 s of work at 1.1 to 1.8 s an epoch, some of it lost at barriers
    assert outcome.trials * EPOCHS >= outcome.epochs
    assert outcome.regrets[-1] < 1


def test_hpbandsters_budgets_are_whole_epochs_and_its_model_is_used(bowl):
    problem = Problem(space=bowl.space, mode="min", max_epochs=EPOCHS, workers=3, seed=0)
    peer = PEERS["hpbandster-bohb"].build(problem)
    assert peer._master.budgets.tolist() == [1.0, 3.0, 9.0]
    running.simulate(peer, bowl.session(), workers=3, seconds=250.0)
    picks = [entry.config_info for iteration in peer._master.iterations for entry in iteration.data.values()]
    assert sum(pick["model_based_pick"] for pick in picks) > len(picks) / 4


def test_a_translated_configspace_knows_conditions():
    for config in configspace(Bowl.space, 0).sample_configuration(30):
        assert ("m" in config) == (config["kind"] == "momentum")


def test_inactive_values_are_dropped_and_numpys_become_pythons():
    import numpy as np

    given = {"kind": np.str_("plain"), "x": np.float64(0.5), "n": np.int64(3), "m": 0.1}
    found = active(Bowl.space, given)
    assert found == {"kind": "plain", "x": 0.5, "n": 3}
    assert [type(value) for value in found.values()] == [str, float, int]


def test_ours_are_built_by_preset_or_by_parts(bowl):
    for method in ("rung-asha", "rung-kde+asha"):
        assert running.run(method, "bowl", 3, seed=0).regrets[-1] < 1


def test_an_unknown_method_is_refused_with_what_there_is():
    with pytest.raises(ValueError, match=r"must be rung-PRESET or one of hpbandster-bohb"):
        contestant("bohb")
