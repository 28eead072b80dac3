"""Median stopping: whose best is compared with what, from which epoch on, and what the reasons say."""

import math

import pytest

from service.algorithms import ActionKind, Failed, Objective
from tests.unit.algorithms.simulator import Simulation, report, study


def started(num_trials, *, grace_epochs=1, min_trials=3, **changes):
    algorithm = {"name": "median", "grace_epochs": grace_epochs, "min_trials": min_trials}
    median = study(algorithm, **{"max_trials": num_trials, **changes})
    for _ in range(num_trials):
        assert median.next().epochs == 9
    return median


def test_a_best_that_is_worse_than_the_median_of_the_others_means_stops():
    median = started(4)
    for trial, curve in enumerate([(0.9, 0.1), (0.8, 0.4), (0.7, 0.7)]):
        for epoch, value in enumerate(curve, start=1):
            report(median, trial, epoch, value)
    assert report(median, 3, 1, 0.65)[0].kind is ActionKind.CONTINUE
    (action,) = report(median, 3, 2, 0.66)  # the means at epoch 2 are 0.5, 0.6 and 0.7
    assert action.kind is ActionKind.STOP
    assert action.reason == ("epoch 2: best loss 0.65 vs cutoff 0.6, the median of 3 others' means so far, rank 3 of 4")
    assert (action.value, action.cutoff, action.rank, action.of) == (0.65, pytest.approx(0.6), 3, 4)


def test_its_best_counts_and_not_its_last():
    median = started(4)
    for trial in range(3):
        for epoch in (1, 2):
            report(median, trial, epoch, 0.5)
    report(median, 3, 1, 0.4)
    assert report(median, 3, 2, 0.9)[0].kind is ActionKind.CONTINUE


def test_a_trial_is_no_part_of_the_median_it_is_compared_with():
    median = started(3, min_trials=2)
    report(median, 0, 1, 0.1)
    report(median, 1, 1, 0.3)
    assert report(median, 2, 1, 0.9)[0].cutoff == pytest.approx(0.2)
    better = started(3, min_trials=2)
    report(better, 0, 1, 0.3)
    report(better, 1, 1, 0.5)
    assert report(better, 2, 1, 0.1)[0].cutoff == pytest.approx(0.4)


def test_others_that_have_ended_still_count():
    median = started(4)
    for trial in range(3):
        report(median, trial, 1, 0.5)
        median.tell(Failed(trial=trial, reason="boom"))
    assert report(median, 3, 1, 0.6)[0].kind is ActionKind.STOP


def test_nobody_stops_in_the_grace_epochs_or_among_too_few():
    median = started(5, grace_epochs=2)
    assert {report(median, trial, 1, trial)[0].kind for trial in range(5)} == {ActionKind.CONTINUE}
    assert {report(median, trial, 2, 9 - trial)[0].kind for trial in range(3)} == {ActionKind.CONTINUE}
    assert report(median, 3, 2, 100)[0].kind is ActionKind.CONTINUE, "its best is 3, of epoch 1"
    assert report(median, 4, 2, 100)[0].kind is ActionKind.CONTINUE


@pytest.mark.parametrize("value", [math.nan, math.inf, None])
def test_a_trial_that_is_not_a_number_stops_even_alone(value):
    """Fault 21: NaN compared false with the cutoff and trained to the end."""
    median = started(1, grace_epochs=2)
    assert report(median, 0, 1, 0.5)[0].kind is ActionKind.CONTINUE
    (action,) = report(median, 0, 2, value)
    assert (action.kind, action.reason) == (ActionKind.STOP, "epoch 2: loss not a finite number, so it ends here")


def test_numbers_are_told_in_the_metrics_own_direction():
    median = started(4, objective=Objective(metric="accuracy", mode="max"))
    for trial in range(3):
        report(median, trial, 1, 0.8)
    action = report(median, 3, 1, 0.7)[0]
    assert (action.kind, action.value, action.cutoff) == (ActionKind.STOP, 0.7, 0.8)


def test_samplers_get_results_at_few_epochs_though_every_epoch_is_compared():
    run = Simulation(study({"name": "median", "grace_epochs": 1}, max_trials=30, max_epochs=27)).run()
    assert set(run.study.trials.rungs()) == {1, 3, 9, 27}
    stops = [action for action in run.actions if action.kind is ActionKind.STOP]
    assert stops
    assert all("vs cutoff" in action.reason for action in stops)
    assert run.epochs < 30 * 27 * 0.7
