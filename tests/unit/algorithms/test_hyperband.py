"""HyperBand's barriers: whom a bracket waits for, whom it promotes, and that nothing can hold it up."""

import math

import pytest

from service.algorithms import ActionKind, Cancelled, Closed, Done, Failed, Resized, Resume, Start, Wait
from tests.unit.algorithms.simulator import Simulation, report, study

HYPERBAND = {"name": "hyperband", "reduction_factor": 3}


def started(num_trials, **changes):
    hyperband = study(HYPERBAND, **{"max_trials": num_trials, **changes})
    for _ in range(num_trials):
        assert isinstance(hyperband.next(), Start)
    return hyperband


def kinds(actions):
    return [(action.trial, action.kind.value) for action in actions]


def test_the_most_aggressive_bracket_comes_first():
    """Fault 15: Tune opened the bracket without early stopping first. Sizes for R = 9: 9, 5, 3."""
    hyperband = study(HYPERBAND, max_trials=26)
    epochs = [hyperband.next().epochs for _ in range(26)]
    assert epochs == [1] * 9 + [3] * 5 + [9] * 3 + [1] * 9


def test_trials_pause_until_the_last_one_answers_then_a_third_is_promoted_and_the_rest_stopped():
    hyperband = started(9)
    for trial in range(8):
        assert kinds(report(hyperband, trial, 1, trial / 10)) == [(trial, "pause")]
    assert isinstance(hyperband.next(), Wait)
    actions = report(hyperband, 8, 1, 0.05)
    promoted = [(0, "promote"), (8, "promote"), (1, "promote")]
    assert kinds(actions) == [(8, "pause"), *promoted, *((trial, "stop") for trial in range(2, 8))]
    assert actions[-1].reason == "rung 0 (epoch 1) of bracket 0: loss 0.7 vs cutoff 0.1, rank 9 of 9, kept 3"
    resumes = [hyperband.next() for _ in range(3)]
    assert [(resume.trial, resume.epochs) for resume in resumes] == [(0, 3), (8, 3), (1, 3)]
    assert all(resume.reason for resume in resumes)


def test_a_reporter_that_is_out_by_its_own_report_is_stopped_first_and_never_paused():
    hyperband = started(9)
    for trial in range(8):
        report(hyperband, trial, 1, trial / 10)
    actions = report(hyperband, 8, 1, 0.9)
    assert kinds(actions)[0] == (8, "stop")
    assert (actions[0].rank, actions[0].of, actions[0].cutoff) == (9, 9, 0.2)
    assert [action.trial for action in actions].count(8) == 1


def test_a_waiting_bracket_leaves_free_slots_to_the_next_one():
    hyperband = study(HYPERBAND, max_trials=26)
    for _ in range(9):
        hyperband.next()
    assert hyperband.next().epochs == 3


@pytest.mark.parametrize("num_trials", [2, 5, 9])
def test_a_crashed_trial_never_freezes_its_bracket(num_trials):
    """Fault 4: after one error the bracket's head-count never matched and it paused for ever."""
    hyperband = started(num_trials)
    for trial in range(num_trials - 1):
        report(hyperband, trial, 1, trial / 10)
    actions = hyperband.tell(Failed(trial=num_trials - 1, reason="boom"))
    assert (0, "promote") in kinds(actions)
    assert actions[0].of == num_trials, "the lost trial counts as the worst"
    assert isinstance(hyperband.next(), Resume)


def test_a_trial_that_fails_after_its_promotion_does_not_hold_up_the_next_rung():
    hyperband = started(9)
    for trial in range(9):
        report(hyperband, trial, 1, trial / 10)
    for trial in (0, 1):
        assert hyperband.next().trial == trial
    hyperband.tell(Failed(trial=2, reason="its checkpoint is gone"))
    report(hyperband, 0, 3, 0.5)
    assert kinds(report(hyperband, 1, 3, 0.4)) == [(1, "pause"), (1, "promote"), (0, "stop")]


def test_a_cancelled_trial_leaves_the_bracket_whether_it_ran_or_waited():
    hyperband = started(9)
    for trial in range(8):
        report(hyperband, trial, 1, trial / 10)
    assert hyperband.tell(Cancelled(trial=0)) == []
    actions = hyperband.tell(Cancelled(trial=8))
    assert kinds(actions)[:2] == [(1, "promote"), (2, "promote")]
    assert {action.of for action in actions} == {7}


def test_a_promoted_trial_that_is_cancelled_before_it_resumes_is_not_resumed():
    hyperband = started(9)
    for trial in range(9):
        report(hyperband, trial, 1, trial / 10)
    hyperband.tell(Cancelled(trial=0))
    assert hyperband.next().trial == 1


@pytest.mark.parametrize(("num_trials", "num_promoted"), [(10, 3), (20, 6), (2, 1), (27, 9)])
def test_a_partial_bracket_promotes_its_own_share(num_trials, num_promoted):
    """Fault 16: a bracket of 27 with 10 trials kept 9."""
    hyperband = started(num_trials, max_epochs=27)
    promoted = [
        action
        for trial in range(num_trials)
        for action in report(hyperband, trial, 1, trial / 100)
        if action.kind is ActionKind.PROMOTE
    ]
    assert [action.trial for action in promoted] == list(range(num_promoted))


def test_nan_is_stopped_at_once_and_never_displaces_a_number():
    """Fault 17: a NaN survived into the top third in 61 % of brackets."""
    hyperband = started(9)
    for trial in range(6):
        (action,) = report(hyperband, trial, 1, math.nan)
        assert (action.kind, action.rung) == (ActionKind.STOP, 0)
        assert "not a finite number" in action.reason
    report(hyperband, 6, 1, 0.7)
    report(hyperband, 7, 1, 0.8)
    assert kinds(report(hyperband, 8, 1, 0.9)) == [(8, "pause"), (6, "promote"), (7, "promote"), (8, "promote")]


def test_a_bracket_of_nothing_but_nan_ends():
    hyperband = started(9)
    assert all(kinds(report(hyperband, trial, 1, None)) == [(trial, "stop")] for trial in range(9))
    assert isinstance(hyperband.next(), Done)


def test_brackets_share_their_rungs():
    """Fault 13: brackets with rungs of their own left a model per bracket."""
    run = Simulation(study({"name": "bohb"}, max_trials=40, max_epochs=50)).run()
    assert set(run.study.trials.rungs()) == {2, 6, 17, 50}


def test_closing_stops_those_who_wait_and_lets_the_running_ones_finish_their_rung():
    hyperband = started(9)
    report(hyperband, 0, 1, 0.1)
    assert kinds(hyperband.close("stopped by ada")) == [(0, "stop")]
    (action,) = report(hyperband, 1, 1, 0.2)
    assert (action.kind, action.reason) == (ActionKind.STOP, "stopped by ada")
    assert hyperband.next() == Done(reason="stopped by ada")


def test_closing_also_stops_promoted_trials_that_did_not_resume_yet():
    hyperband = started(9)
    for trial in range(9):
        report(hyperband, trial, 1, trial / 10)
    assert kinds(hyperband.tell(Closed(reason="out of time"))) == [(0, "stop"), (1, "stop"), (2, "stop")]


def test_a_smaller_budget_lets_the_barrier_of_a_partial_bracket_fall():
    hyperband = study(HYPERBAND, max_trials=9)
    for trial in range(3):
        hyperband.next()
        report(hyperband, trial, 1, trial / 10)
    assert kinds(hyperband.tell(Resized(max_trials=3))) == [(0, "promote"), (1, "stop"), (2, "stop")]


def test_a_larger_budget_opens_a_new_bracket_when_the_partial_one_was_decided():
    hyperband = started(3)
    for trial in range(3):
        report(hyperband, trial, 1, trial / 10)
    hyperband.tell(Resized(max_trials=6))
    assert hyperband.next() == Resume(
        trial=0,
        epochs=3,
        reason="rung 0 (epoch 1) of bracket 0: loss 0 vs cutoff 0, rank 1 of 3, kept 1",
    )
    assert hyperband.next().trial == 3
    actions = report(hyperband, 0, 3, 0.5)
    assert kinds(actions) == [(0, "pause"), (0, "promote")], "the new trial is in another race"
