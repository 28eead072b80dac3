"""A search replayed from its ledger decides as the uninterrupted one would have: any preset, any history, any cut."""

import random

import numpy as np
import pytest
import scipy.stats  # noqa: F401 - libraries that draw random numbers while they are imported: not inside a strategy
import sklearn.gaussian_process  # noqa: F401 - the same
from hypothesis import given, settings
from hypothesis import strategies as st

from service.algorithms import ActionKind, Done, Study
from service.algorithms.trials import LIVE
from tests.unit.algorithms.simulator import FINITE, SPACE, Simulation, decide_again, replay, study, valley

PRESETS = [
    {"name": "grid"},
    {"name": "random"},
    {"name": "asha"},
    {"name": "asha", "reduction_factor": 2, "min_epochs": 2},
    {"name": "hyperband"},
    {"name": "hyperband", "reduction_factor": 2},
    {"name": "bohb", "candidates": 2, "reduction_factor": 2},
    {"name": "tpe", "startup_trials": 3, "candidates": 4},
    {"sampler": {"name": "tpe", "startup_trials": 3, "candidates": 4}, "scheduler": {"name": "hyperband"}},
    {"sampler": {"name": "grid"}, "scheduler": {"name": "hyperband"}},
    {"name": "mobster", "startup_trials": 4},
    {"sampler": {"name": "quasi_random"}, "scheduler": {"name": "asha"}},
    {"scheduler": {"name": "asha_promotion"}},
    {"sampler": {"name": "kde", "candidates": 2}, "scheduler": {"name": "asha_promotion", "reduction_factor": 2}},
    {"sampler": {"name": "grid"}, "scheduler": {"name": "asha_promotion", "reduction_factor": 2}},
    {"name": "median", "min_trials": 1},
    {"sampler": {"name": "tpe", "startup_trials": 3, "candidates": 4}, "scheduler": {"name": "median"}},
    {"name": "pbt"},
    {"name": "pbt", "population": 3, "interval": 2, "quantile": 0.5, "keep": ["width"]},
]


def is_grid(algorithm):
    return "grid" in (algorithm.get("name"), algorithm.get("sampler", {}).get("name"))


@st.composite
def histories(draw):
    """Return how to make a fresh Study, and a finished simulation of one."""
    algorithm = draw(st.sampled_from(PRESETS))
    noise = draw(st.integers(0, 3))
    sizes = {
        "max_trials": draw(st.integers(1, 24)),
        "max_epochs": draw(st.sampled_from([2, 4, 9])),
        "seed": draw(st.integers(0, 2**32)),
        "target": draw(st.sampled_from([None, None, 0.4])),
        "patience": draw(st.sampled_from([None, None, 3])),
    }

    def fresh() -> Study:
        return study(algorithm, FINITE if is_grid(algorithm) else SPACE, **sizes)

    def curve(config, epoch):
        rng = random.Random(f"{sorted(config.items())} {epoch}")
        if rng.random() < 0.1 * noise:
            return rng.choice([float("nan"), float("inf"), None])
        return valley({"lr": 0.01, **config}, epoch) + 0.3 * rng.random()

    simulation = Simulation(
        fresh(),
        curve=curve,
        num_workers=draw(st.integers(1, 8)),
        seed=draw(st.integers(0, 1000)),
        failure_rate=draw(st.sampled_from([0.0, 0.05, 0.5])),
        cancel_rate=draw(st.sampled_from([0.0, 0.05, 0.3])),
        enqueue_rate=draw(st.sampled_from([0.0, 0.05])),
    )
    return fresh, simulation.run()


def forbid(monkeypatch):
    def decided(*args, **kwargs):
        raise AssertionError("a replay decided something")

    for module, name, method in [
        ("samplers.base", "Sampler", "propose"),
        ("samplers.grid", "GridSampler", "propose"),
        ("schedulers.asha", "Asha", "verdict"),
        ("schedulers.median", "MedianStopping", "verdict"),
        ("schedulers.pbt", "Pbt", "clone"),
        *(
            (f"schedulers.{module}", name, method)
            for module, name in [("hyperband", "HyperBand"), ("promotion", "AshaPromotion"), ("pbt", "Pbt")]
            for method in ("verdict", "settle", "resume")
        ),
    ]:
        monkeypatch.setattr(f"service.algorithms.{module}.{name}.{method}", decided)


@settings(max_examples=150, deadline=None)
@given(histories(), st.data())
def test_a_study_replayed_from_any_prefix_decides_the_rest_the_same(history, data):
    """Faults 1, 2, 3 and 5: rungs emptied, KeyErrors, finished trials rejoining, brackets changed."""
    fresh, simulation = history
    cut = data.draw(st.integers(0, len(simulation.journal)))
    np.random.seed(cut)
    recovered = fresh()
    replay(recovered, simulation.journal[:cut])
    decide_again(recovered, simulation.journal[cut:])
    assert recovered.best() == simulation.study.best()


@settings(max_examples=150, deadline=None)
@given(histories())
def test_every_search_ends_with_nobody_waiting_and_every_end_explained(history):
    _, simulation = history
    assert isinstance(simulation.study.next(), Done)
    assert simulation.paused == []
    assert [record.trial for record in simulation.study.trials if record.phase in LIVE] == []
    ends = [a.trial for a in simulation.actions if a.kind in (ActionKind.STOP, ActionKind.COMPLETE)]
    assert len(ends) == len(set(ends)), "a trial ends once"
    assert all(action.reason for action in simulation.actions)
    assert [start.trial for start in simulation.starts] == list(range(len(simulation.starts)))
    assert all(start.origin.text for start in simulation.starts)


@pytest.mark.parametrize("algorithm", PRESETS, ids=str)
def test_a_replay_decides_nothing(algorithm, monkeypatch):
    """Facts are fed as facts: a newer version of an algorithm must not rewrite what has happened."""
    space = FINITE if is_grid(algorithm) else SPACE
    curve = (lambda config, epoch: config["width"] / epoch) if is_grid(algorithm) else valley
    simulation = Simulation(study(algorithm, space), curve=curve, failure_rate=0.02, enqueue_rate=0.02).run()
    recovered = study(algorithm, space)
    forbid(monkeypatch)
    replay(recovered, simulation.journal)
    assert recovered.best() == simulation.study.best()
    assert [record.phase for record in recovered.trials] == [record.phase for record in simulation.study.trials]


@pytest.mark.parametrize(
    "algorithm",
    [{"name": "asha"}, {"name": "hyperband"}, {"name": "median"}, {"scheduler": {"name": "asha_promotion"}}],
)
def test_a_finished_search_is_extended_by_replaying_it_into_a_larger_one(algorithm):
    finished = Simulation(study(algorithm, max_trials=10)).run()
    larger = study(algorithm, max_trials=30)
    replay(larger, finished.journal)
    extended = Simulation(larger, starts=list(finished.starts)).run()
    assert len(extended.starts) == 30
    assert isinstance(larger.next(), Done)
    assert [record.trial for record in larger.trials if record.phase in LIVE] == []
    whole = Simulation(study(algorithm, max_trials=30)).run()
    assert [start.config for start in extended.starts] == [start.config for start in whole.starts]


def test_proposals_replayed_out_of_order_are_refused():
    simulation = Simulation(study({"name": "random"})).run()
    starts = [entry for entry in simulation.journal if entry[1]["fact"] == "start"]
    with pytest.raises(ValueError, match=r"start.trial: got 1, must be 0; replay proposals in order"):
        replay(study({"name": "random"}), starts[1:])
