"""ASHA's promotion variant: who is promoted when, that nobody blocks, and that the search comes to an end."""

import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.algorithms import ActionKind, Cancelled, Done, Failed, Objective, Resume, Start, Wait
from tests.unit.algorithms.simulator import Simulation, report, study

PROMOTION = {"scheduler": {"name": "asha_promotion", "reduction_factor": 3}}


def started(num_trials, **changes):
    asha = study(PROMOTION, **{"max_trials": num_trials, **changes})
    starts = [asha.next() for _ in range(num_trials)]
    assert all(isinstance(start, Start) and start.epochs == 1 for start in starts)
    return asha


def kinds(actions):
    return [(action.trial, action.kind.value) for action in actions]


def test_a_trial_in_the_top_third_is_promoted_as_soon_as_a_slot_is_free():
    asha = started(3, max_trials=100)
    assert kinds(report(asha, 0, 1, 0.5)) == [(0, "pause")]
    assert kinds(report(asha, 1, 1, 0.4)) == [(1, "pause")]
    assert isinstance(asha.next(), Start), "two results have no top third, and nobody waits for the third one"
    report(asha, 2, 1, 0.6)
    resume = asha.next()
    assert (resume.trial, resume.epochs) == (1, 3)
    assert resume.reason == "rung 0 (epoch 1): loss 0.4 vs cutoff 0.4, rank 1 of 3, kept 1"
    assert isinstance(asha.next(), Start), "one of three is promoted once"


def test_a_trial_that_was_passed_over_goes_on_when_others_turn_out_worse():
    """Fault 20: stop-only ASHA never revisits a trial; the paper's algorithm does."""
    asha = started(6, max_trials=100)
    for trial, value in enumerate([0.1, 0.2, 0.3]):
        report(asha, trial, 1, value)
    assert asha.next().trial == 0
    assert isinstance(asha.next(), Start)
    for trial, value in enumerate([0.7, 0.8, 0.9], start=3):
        report(asha, trial, 1, value)
    resume = asha.next()
    assert (resume.trial, isinstance(resume, Resume)) == (1, True)


def test_the_highest_rung_is_served_first():
    asha = started(12, max_trials=100)
    for trial in range(9):
        report(asha, trial, 1, trial / 10)
    for trial in (0, 1, 2):
        assert asha.next().trial == trial
        report(asha, trial, 3, trial / 10)
    for trial in (9, 10, 11):
        report(asha, trial, 1, 0.05)
    assert (asha.next().epochs, asha.next().epochs) == (9, 3)


@pytest.mark.parametrize("value", [math.nan, math.inf, None])
def test_a_trial_that_is_not_a_number_ranks_last_and_is_never_promoted(value):
    """Faults 17 and 21: NaN survived a sort, and never compared as worse."""
    asha = started(6)
    for trial in range(5):
        assert kinds(report(asha, trial, 1, value)) == [(trial, "stop")]
    assert kinds(report(asha, 5, 1, 0.9)) == [(5, "pause"), (5, "promote")]
    assert asha.next().trial == 5


def test_a_failed_trial_counts_for_the_share_of_its_rung_and_blocks_nobody():
    asha = started(3, max_trials=100)
    report(asha, 0, 1, 0.5)
    report(asha, 1, 1, 0.6)
    asha.tell(Failed(trial=2, reason="boom"))
    assert asha.next().trial == 0


def test_a_trial_that_waits_and_is_cancelled_or_lost_is_never_promoted():
    for event in (Cancelled(trial=0), Failed(trial=0, reason="its checkpoint is gone")):
        asha = started(7, max_trials=100)
        for trial in range(6):
            report(asha, trial, 1, trial / 10)
        asha.tell(event)
        assert asha.next().trial == 1


def test_once_nobody_can_come_any_more_the_share_goes_on_and_the_rest_is_stopped():
    asha = started(6)
    for trial in range(5):
        assert kinds(report(asha, trial, 1, trial / 10)) == [(trial, "pause")]
    actions = report(asha, 5, 1, 0.9)
    assert kinds(actions) == [(5, "stop"), (0, "promote"), (1, "promote"), (2, "stop"), (3, "stop"), (4, "stop")]
    assert actions[-1].reason == ("rung 0 (epoch 1): loss 0.4 vs cutoff 0.1, rank 5 of 6, kept 2; the ranking is final")
    assert [asha.next().trial for _ in range(2)] == [0, 1]
    assert asha.next() == Wait(reason="2 trials may yet bring a promotion")
    assert kinds(report(asha, 0, 3, 0.5)) == [(0, "pause")]
    assert kinds(report(asha, 1, 3, 0.4)) == [(1, "pause"), (1, "promote"), (0, "stop")]
    assert asha.next().epochs == 9
    assert isinstance(asha.next(), Done)


def test_a_rung_is_final_only_when_those_just_promoted_have_answered_it():
    asha = started(6)
    for trial in range(3):
        report(asha, trial, 1, 0.5 + trial / 10)
    assert asha.next().trial == 0
    report(asha, 0, 3, 0.9)
    for trial in (3, 4):
        report(asha, trial, 1, 0.8)
    actions = report(asha, 5, 1, 0.1)
    assert [action.trial for action in actions if action.kind is ActionKind.PROMOTE] == [5], (
        "and not 0, alone at rung 1"
    )
    assert (asha.next().trial, isinstance(asha.next(), Wait)) == (5, True)
    assert kinds(report(asha, 5, 3, 0.2)) == [(5, "pause"), (5, "promote"), (0, "stop")]


def test_a_search_of_nothing_but_nan_ends():
    asha = started(2)
    assert kinds(report(asha, 0, 1, None)) == [(0, "stop")]
    assert kinds(report(asha, 1, 1, None)) == [(1, "stop")]
    assert isinstance(asha.next(), Done)


def test_numbers_are_told_in_the_metrics_own_direction():
    asha = started(6, objective=Objective(metric="accuracy", mode="max"))
    for trial in range(5):
        report(asha, trial, 1, trial / 10)
    actions = report(asha, 5, 1, 0.45)
    assert [action.trial for action in actions if action.kind is ActionKind.PROMOTE] == [5, 4]
    assert "accuracy 0.1 vs cutoff 0.4" in next(action.reason for action in actions if action.trial == 1)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 60), st.integers(1, 9), st.integers(0, 100), st.sampled_from([0.0, 0.1]), st.integers(2, 4))
def test_somebody_is_trained_to_the_end_and_nobody_is_left_waiting(trials, workers, seed, failures, eta):
    rng = random.Random(seed)
    run = Simulation(
        study({"scheduler": {"name": "asha_promotion", "reduction_factor": eta}}, max_trials=trials),
        curve=lambda *_: rng.random(),
        num_workers=workers,
        seed=seed,
        failure_rate=failures,
    ).run()
    assert run.paused == []
    assert run.study.trials.in_phase("paused", "running") == []
    completed = [action for action in run.actions if action.kind is ActionKind.COMPLETE]
    assert completed or failures
