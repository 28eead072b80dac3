"""Samplers: every draw from (seed, trial), every observation seen, nothing outside the space, nothing left behind."""

import math
from collections import Counter

import numpy as np
import pytest

from search_spaces import Space
from service.algorithms import ActionKind, Failed, OriginKind, Start
from service.algorithms.samplers import TpeSampler
from tests.unit.algorithms.simulator import FINITE, SPACE, Simulation, report, study

QUICK_BOHB = {"name": "bohb", "candidates": 8}
QUICK_TPE = {"name": "tpe", "startup_trials": 4}
ALL = [{"name": "random"}, {"name": "asha"}, {"name": "hyperband"}, QUICK_BOHB, QUICK_TPE]


def configs(run):
    return [start.config for start in run.starts]


@pytest.mark.parametrize("algorithm", [{"name": "grid"}, {"name": "random"}, {"name": "asha"}, {"name": "hyperband"}])
def test_the_number_of_workers_changes_no_configuration(algorithm):
    space = FINITE if algorithm["name"] == "grid" else SPACE
    runs = [
        Simulation(study(algorithm, space, seed=5), curve=lambda config, epoch: config["width"] / epoch, num_workers=n)
        for n in (1, 3, 12)
    ]
    alone, *others = [configs(run.run()) for run in runs]
    assert len(alone) == 12
    assert all(other == alone for other in others)


@pytest.mark.parametrize("algorithm", ALL)
def test_another_seed_gives_other_configurations(algorithm):
    assert configs(Simulation(study(algorithm, seed=1)).run()) != configs(Simulation(study(algorithm, seed=2)).run())


@pytest.mark.parametrize("algorithm", [QUICK_BOHB, QUICK_TPE])
def test_one_order_of_events_gives_one_search_whatever_numpys_global_state(algorithm):
    """EVIDENCE 3, fault 10: the same seed gave 7 of 40 equal suggestions, because of global draws."""
    found = []
    for state in (1, 2):
        np.random.seed(state)
        found.append(configs(Simulation(study(algorithm, max_trials=40), failure_rate=0.02).run()))
    assert found[0] == found[1]


@pytest.mark.parametrize("algorithm", [QUICK_BOHB, QUICK_TPE])
def test_a_model_leaves_numpys_global_state_alone(algorithm):
    np.random.seed(7)
    expected = np.random.random(3)
    np.random.seed(7)
    run = Simulation(study(algorithm, max_trials=30)).run()
    assert any(start.origin.kind is OriginKind.MODEL for start in run.starts)
    assert (np.random.random(3) == expected).all()


@pytest.mark.parametrize("algorithm", ALL)
def test_every_configuration_fits_its_conditional_space(algorithm):
    """EVIDENCE 3, faults 7, 8 and 26: domain objects as values, steps ignored, values out of bounds."""
    run = Simulation(study(algorithm, max_trials=40)).run()
    optimizers = {config["optimizer"] for config in configs(run)}
    assert optimizers == {"sgd", "adam"}
    for config in configs(run):
        assert SPACE.check(config) == config
        assert config["version"] == 7
        assert ("momentum" in config) == (config["optimizer"] == "sgd")


@pytest.mark.parametrize("algorithm", [{"name": "random"}, {"name": "tpe", "startup_trials": 1000}])
def test_both_ends_of_an_integer_have_their_full_weight(algorithm):
    """EVIDENCE 3, fault 25: the ends of randint(0, 4) had half the weight of the middle."""
    space = Space.parse(
        {"n": {"type": "int", "low": 1, "high": 4}, "noise": {"type": "float", "low": 0.0, "high": 1.0}}
    )
    searched = study(algorithm, space, max_trials=2000)
    counts = Counter(searched.next().config["n"] for _ in range(2000))
    assert all(abs(count - 500) < 100 for count in counts.values())  # 5 standard deviations
    assert len(counts) == 4


def test_tpe_draws_both_ends_of_an_integer_from_its_model():
    """EVIDENCE 3, fault 25, past the start-up: where nothing is to be learnt, the model stays near the prior."""
    space = Space.parse(
        {"n": {"type": "int", "low": 1, "high": 4}, "noise": {"type": "float", "low": 0.0, "high": 1.0}}
    )
    run = Simulation(study(QUICK_TPE, space, max_trials=120, max_epochs=1), curve=lambda config, _: config["noise"])
    counts = Counter(config["n"] for config in configs(run.run()))
    assert set(counts) == {1, 2, 3, 4}


def test_random_search_repeats_nothing_while_something_new_is_easy_to_find():
    searched = study({"name": "random"}, FINITE, max_trials=8)
    found = [tuple(sorted(searched.next().config.items())) for _ in range(8)]
    assert len(set(found)) == 8


def test_a_repetition_that_cannot_be_avoided_is_told():
    """EVIDENCE 3, hpbandster #53: nothing removed duplicates, and nothing told them."""
    searched = study({"name": "random"}, FINITE, max_trials=13)
    starts = [searched.next() for _ in range(13)]
    repeated = [start for start in starts if "same_as" in start.origin.data]
    assert repeated
    for start in repeated:
        assert starts[start.origin.data["same_as"]].config == start.config
        assert f"the same as trial {start.origin.data['same_as']}" in start.origin.text


def test_a_grid_visits_every_point_once_and_ends():
    searched = study({"name": "grid"}, FINITE, max_trials=100)
    run = Simulation(searched, curve=lambda config, epoch: config["width"] / epoch).run()
    assert [dict(config) for config in configs(run)] == list(FINITE.grid())


def test_bohb_sees_every_rung_result_of_stopped_and_paused_trials():
    """EVIDENCE 3, fault 6: results with decision STOP, 4 of 9 at the top budget, never reached the model."""
    run = Simulation(study(QUICK_BOHB, max_trials=17)).run()  # one whole band: brackets of 9, 5 and 3
    assert {level: len(losses) for level, losses in run.study.trials.rungs().items()} == {1: 9, 3: 3 + 5, 9: 1 + 1 + 3}


def test_bohb_models_the_highest_rung_with_enough_results():
    bohb = study({**QUICK_BOHB, "random_fraction": 0.0}, max_trials=60)
    run = Simulation(bohb).run()
    budgets = [start.origin.data["budget"] for start in run.starts if start.origin.kind is OriginKind.MODEL]
    assert budgets == sorted(budgets), "a model of a higher rung is never left for a lower one"
    assert set(budgets) == {1, 3, 9}


def test_bohb_learns_from_results_below_its_current_model():
    """EVIDENCE 3: hpbandster drops them before storing (config_generators/bohb.py:301); the table keeps them."""
    run = Simulation(study(QUICK_BOHB, max_trials=60)).run()
    starts_at_one = sum(start.epochs == 1 for start in run.starts)
    assert len(run.study.trials.rungs()[1]) == starts_at_one


def test_crashes_are_observations():
    """EVIDENCE 3, fault 9: 40 crashed trials were 0 observations."""
    bohb = study(QUICK_BOHB, max_trials=12)
    for trial in range(12):
        bohb.next()
        bohb.tell(Failed(trial=trial, reason="boom"))
    losses = {**bohb.trials.rungs()[1], **bohb.trials.rungs()[3]}
    assert losses == dict.fromkeys(range(12), math.inf)


def test_bohb_avoids_where_trials_crash():
    """EVIDENCE 3, fault 9."""
    space = Space.parse({"x": {"type": "float", "low": 0.0, "high": 1.0}})
    bohb = study({**QUICK_BOHB, "random_fraction": 0.0}, space, max_trials=60, max_epochs=1)
    picks = []
    for trial in range(60):
        start = bohb.next()
        picks.append(start)
        if start.config["x"] > 0.5:
            bohb.tell(Failed(trial=trial, reason="boom"))
        else:
            report(bohb, trial, 1, 0.5)
    modelled = [start.config["x"] for start in picks if start.origin.kind is OriginKind.MODEL]
    assert len(modelled) > 40
    assert sum(x > 0.5 for x in modelled) / len(modelled) < 0.15


@pytest.mark.parametrize("scheduler", ["none", "asha", "hyperband"])
def test_the_kde_sampler_models_under_any_scheduler(scheduler):
    """EVIDENCE 3, fault 11: with ASHA or FIFO it was random search under the name of BOHB."""
    parts = {"sampler": {"name": "kde", "candidates": 8}, "scheduler": {"name": scheduler}}
    run = Simulation(study(parts, max_trials=50)).run()
    assert sum(start.origin.kind is OriginKind.MODEL for start in run.starts) > 10


def test_a_random_pick_by_design_says_so():
    run = Simulation(study(QUICK_BOHB, max_trials=40)).run()
    texts = [start.origin.text for start in run.starts if start.origin.kind is OriginKind.RANDOM]
    assert "drawn at random: a model needs 10 results at one rung, there are 0" in texts
    assert "drawn at random, as are 33% of the configurations by design" in texts


def test_tpe_counts_finished_trials_towards_its_start_up_not_proposed_ones():
    """EVIDENCE 3, fault 28: parallel suggestions used the start-up up before any result was in."""
    tpe = study(QUICK_TPE, max_trials=40)
    starts = [tpe.next() for _ in range(30)]
    assert {start.origin.kind for start in starts} == {OriginKind.RANDOM}
    for trial in range(4):
        report(tpe, trial, 9, 0.1 * trial)
    assert tpe.next().origin.kind is OriginKind.MODEL


def seen_by_tpe(searched, monkeypatch):
    """Return what the next draw's model is given: trial -> loss."""
    seen = {}
    split = TpeSampler._split

    def spy(self, losses, trials):
        seen.update(losses)
        return split(self, losses, trials)

    monkeypatch.setattr(TpeSampler, "_split", spy)
    assert isinstance(searched.next(), Start)
    return seen


def test_tpe_sees_trials_that_hyperband_stopped_while_they_waited_and_those_that_go_on(monkeypatch):
    """EVIDENCE 3, fault 18: eliminated trials ended without a result, 40 of 40 observations were lost."""
    parts = {"sampler": {"name": "tpe", "startup_trials": 4}, "scheduler": {"name": "hyperband"}}
    searched = study(parts, max_trials=20)
    for _ in range(9):
        searched.next()
    actions = [action for trial in range(9) for action in report(searched, trial, 1, trial / 10)]
    assert sum(action.kind is ActionKind.STOP for action in actions) == 6
    for _ in range(3):
        searched.next()  # the promoted ones run again
    assert seen_by_tpe(searched, monkeypatch) == {trial: trial / 10 for trial in range(9)}


def test_tpe_sees_what_trials_came_to_that_wait_at_a_barrier(monkeypatch):
    """EVIDENCE 3, fault 18: until a bracket was through, its results were unknown to the sampler."""
    parts = {"sampler": {"name": "tpe", "startup_trials": 4}, "scheduler": {"name": "hyperband"}}
    searched = study(parts)
    for trial in range(4):
        searched.next()
        report(searched, trial, 1, trial / 10)
    assert seen_by_tpe(searched, monkeypatch) == {trial: trial / 10 for trial in range(4)}


def test_tpe_judges_a_trial_by_the_best_of_its_curve(monkeypatch):
    """EVIDENCE 3, fault 27: only the final value counted."""
    tpe = study({"name": "tpe", "startup_trials": 1}, max_epochs=3)
    tpe.next()
    for epoch, value in enumerate([0.5, 0.2, 0.9], start=1):
        report(tpe, 0, epoch, value)
    tpe.next()
    tpe.tell(Failed(trial=1, reason="boom"))
    assert seen_by_tpe(tpe, monkeypatch) == {0: 0.2, 1: math.inf}
