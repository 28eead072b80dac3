"""ASHA's stopping rule: decides at once, records at the level crossed, and says its numbers."""

import math
import random

import pytest

from service.algorithms import ActionKind, Failed, Objective, Start
from tests.unit.algorithms.simulator import report, study

ASHA = {"name": "asha", "reduction_factor": 3}


def started(num_trials, **changes):
    asha = study(ASHA, **{"max_trials": num_trials, **changes})
    starts = [asha.next() for _ in range(num_trials)]
    assert all(isinstance(start, Start) and start.epochs == 9 for start in starts)
    return asha


def first_rung(asha, values):
    return [report(asha, trial, 1, value)[0].kind for trial, value in enumerate(values)]


def test_a_trial_in_the_top_third_survives_and_the_rest_stops():
    kinds = first_rung(started(6), [0.6, 0.5, 0.7, 0.4, 0.8, 0.45])
    assert [kind is ActionKind.CONTINUE for kind in kinds] == [True, True, False, True, False, True]


def test_a_stop_says_rung_epoch_value_cutoff_and_rank():
    asha = started(4)
    first_rung(asha, [0.2, 0.3, 0.4])
    (action,) = report(asha, 3, 1, 0.412)
    assert action.reason == "rung 0 (epoch 1): loss 0.412 vs cutoff 0.2, rank 4 of 4, kept 1"
    assert (action.rung, action.value, action.cutoff, action.rank, action.of) == (0, 0.412, 0.2, 4, 4)


def test_numbers_are_told_in_the_metrics_own_direction():
    asha = started(2, objective=Objective(metric="accuracy", mode="max"))
    report(asha, 0, 1, 0.9)
    (action,) = report(asha, 1, 1, 0.7)
    assert action.kind is ActionKind.STOP
    assert "accuracy 0.7 vs cutoff 0.9" in action.reason
    assert (action.value, action.cutoff) == (0.7, 0.9)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, None])
def test_a_trial_that_is_not_a_number_stops_at_its_rung_even_alone(value):
    """Fault 21: NaN compared false with the cutoff and trained to the end."""
    assert first_rung(started(1), [value]) == [ActionKind.STOP]


def test_nan_takes_part_in_the_ranking_as_the_worst():
    """Fault 21: recorded NaNs were ignored by the percentile."""
    kinds = first_rung(started(6), [math.nan, math.nan, math.nan, math.nan, 0.5, 0.6])
    assert kinds[4:] == [ActionKind.CONTINUE, ActionKind.CONTINUE]  # 2 of 6 are kept


def test_a_result_counts_only_at_the_level_it_crosses():
    """Fault 22: reports at epochs 5 and 6 were written into rungs 3 and then 1."""
    asha = started(3)
    assert report(asha, 0, 5, 0.9)[0].rung == 1
    assert report(asha, 0, 6, 0.1)[0].rung is None
    action = report(asha, 1, 1, 0.95)[0]
    assert (action.rung, action.rank, action.of) == (0, 1, 1)
    action = report(asha, 1, 3, 0.95)[0]
    assert (action.rung, action.cutoff, action.of) == (1, 0.9, 2)


def test_results_that_tie_with_the_cutoff_pass():
    assert set(first_rung(started(5), [0.5] * 5)) == {ActionKind.CONTINUE}


def test_about_a_third_of_random_results_passes_a_rung():
    """Fault 20: the stopping variant lets a few more pass than the paper's third; ours is near it."""
    passed = 0
    for seed in range(40):
        rng = random.Random(seed)
        kinds = first_rung(started(30), [rng.random() for _ in range(30)])
        passed += kinds.count(ActionKind.CONTINUE)
    assert 0.28 < passed / (40 * 30) < 0.40


def test_a_failed_trial_ranks_last_at_the_rung_it_was_on_its_way_to():
    asha = started(3)
    for trial in (0, 1):
        asha.tell(Failed(trial=trial, reason="boom"))
    (action,) = report(asha, 2, 1, 0.5)
    assert (action.kind, action.rank, action.of) == (ActionKind.CONTINUE, 1, 3)


def test_a_survivor_completes_at_its_last_epoch():
    asha = started(1)
    kinds = [report(asha, 0, epoch, 0.5)[0].kind for epoch in range(1, 10)]
    assert kinds == [ActionKind.CONTINUE] * 8 + [ActionKind.COMPLETE]
