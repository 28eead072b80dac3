"""The Study's own rules: what it refuses to be told, enqueued trials, the target, the best, the end."""

import copy
import math

import pytest

from search_spaces import Space, SpaceError
from service.algorithms import (
    ActionKind,
    Cancelled,
    Done,
    Enqueued,
    Failed,
    Objective,
    OriginKind,
    Resized,
    Start,
)
from service.algorithms.catalog import SCHEDULERS
from tests.unit.algorithms.simulator import FINITE, Simulation, report, study

RANDOM = {"name": "random"}


def test_an_epoch_that_was_already_seen_is_refused():
    searched = study(RANDOM)
    searched.next()
    report(searched, 0, 2, 0.5)
    with pytest.raises(ValueError, match=r"got 2 of trial 0, must be > 2, the last one seen"):
        report(searched, 0, 2, 0.1)
    assert searched.best() == (0, 2, 0.5)


def test_a_trial_that_was_never_proposed_is_refused():
    with pytest.raises(ValueError, match="got 3, must be one of the 0 trials proposed so far"):
        report(study(RANDOM), 3, 1, 0.5)


@pytest.mark.parametrize("end", [Failed(trial=0, reason="boom"), Cancelled(trial=0)])
def test_a_trial_that_has_ended_is_told_nothing_more(end):
    searched = study(RANDOM)
    searched.next()
    searched.tell(end)
    for event in (Failed(trial=0, reason="again"), Cancelled(trial=0)):
        with pytest.raises(
            ValueError, match=r"trial 0: got an event while it is (failed|cancelled), must be paused or"
        ):
            searched.tell(event)


def test_a_paused_trial_cannot_report():
    searched = study({"name": "hyperband"})
    for _ in range(2):
        searched.next()
    report(searched, 0, 1, 0.5)
    with pytest.raises(ValueError, match="while it is paused, must be running"):
        report(searched, 0, 2, 0.4)


def test_an_enqueued_configuration_is_proposed_next_and_completed():
    searched = study(RANDOM)
    asked = {"optimizer": "sgd", "lr": 0.01}
    before = copy.deepcopy(asked)
    searched.tell(Enqueued(config=asked))
    start = searched.next()
    assert start.origin.kind is OriginKind.ENQUEUED
    assert {name: start.config[name] for name in asked} == asked
    assert set(start.config) == {"lr", "width", "optimizer", "momentum", "version"}
    assert asked == before, "fault 12: entries were popped from the caller's list"
    assert searched.next().origin.kind is OriginKind.RANDOM


def test_enqueued_configurations_keep_their_order_and_count_towards_the_budget():
    searched = study(RANDOM, max_trials=2)
    for width in (3, 1, 2):
        searched.tell(Enqueued(config={"width": width}))
    assert [searched.next().config["width"] for _ in range(2)] == [3, 1]
    assert isinstance(searched.next(), Done)
    searched.tell(Resized(max_trials=3))
    assert searched.next().config["width"] == 2


def test_a_configuration_outside_the_space_is_refused_before_anything_changes():
    searched = study(RANDOM)
    with pytest.raises(SpaceError, match=r"enqueue\.width"):
        searched.tell(Enqueued(config={"width": 99}))
    assert searched.next().origin.kind is OriginKind.RANDOM


def test_an_enqueued_trial_takes_no_point_from_a_grid():
    searched = study({"name": "grid"}, FINITE, max_trials=100)
    first = searched.next().config
    searched.tell(Enqueued(config={"width": 4}))
    rest = [searched.next() for _ in range(12)]
    assert rest[0].origin.kind is OriginKind.ENQUEUED
    assert [first, *(start.config for start in rest[1:])] == list(FINITE.grid())
    assert isinstance(searched.next(), Done)
    searched.tell(Enqueued(config={"width": 3}))
    assert searched.next().origin.kind is OriginKind.ENQUEUED, "after the last point too"


@pytest.mark.parametrize(("mode", "target", "value"), [("min", 0.1, 0.1), ("max", 0.9, 0.95)])
def test_the_target_completes_its_trial_stops_the_others_and_ends_the_search(mode, target, value):
    searched = study({"name": "hyperband"}, objective=Objective(metric="m", mode=mode), target=target)
    for _ in range(3):
        searched.next()
    report(searched, 0, 1, 0.5)
    reached, waiting = report(searched, 1, 1, value)
    assert (reached.trial, reached.kind) == (1, ActionKind.COMPLETE)
    assert f"m {value:g} vs target {target:g}" in reached.reason
    assert (waiting.trial, waiting.kind) == (0, ActionKind.STOP)
    (running,) = report(searched, 2, 1, 0.5)
    assert running.kind is ActionKind.STOP
    assert searched.next() == Done(reason=f"trial 1 reached the target: m {value:g} vs target {target:g}")
    assert {waiting.reason, running.reason} == {searched.next().reason}


@pytest.mark.parametrize(
    ("scope", "mode", "expected"),
    [
        ("best", "min", (0, 1, 0.1)),
        ("last", "min", (1, 2, 0.3)),
        ("best", "max", (0, 2, 0.8)),
        ("last", "max", (0, 2, 0.8)),
    ],
)
def test_the_best_result_honours_scope_and_mode(scope, mode, expected):
    searched = study(RANDOM, objective=Objective(metric="m", mode=mode, scope=scope))
    assert searched.best() is None
    for trial, curve in enumerate([[0.1, 0.8], [0.4, 0.3]]):
        searched.next()
        for epoch, value in enumerate(curve, start=1):
            report(searched, trial, epoch, value)
    assert searched.best() == expected


def test_a_result_that_is_not_a_number_is_never_the_best():
    searched = study(RANDOM)
    searched.next()
    report(searched, 0, 1, float("nan"))
    assert searched.best() is None


def test_closing_twice_keeps_the_latest_reason_and_stops_nobody_twice():
    searched = study({"name": "hyperband"})
    searched.next()
    searched.next()
    report(searched, 0, 1, 0.5)
    assert len(searched.close("stopped by ada")) == 1
    assert searched.close("out of time") == []
    assert searched.next() == Done(reason="out of time")


def test_a_search_of_one_configuration_runs_it():
    run = Simulation(study(RANDOM, Space.parse({}), max_trials=1), curve=lambda _, epoch: 1 / epoch).run()
    assert [start.config for start in run.starts] == [{}]
    assert run.study.best() == (0, 9, 1 / 9)


def test_no_scheduler_trains_every_trial_to_its_last_epoch():
    run = Simulation(study(RANDOM, max_trials=5), curve=lambda _, epoch: epoch).run()
    assert run.epochs == 5 * 9
    assert all(isinstance(start, Start) and start.epochs == 9 for start in run.starts)


@pytest.mark.parametrize("scheduler", sorted(SCHEDULERS))
@pytest.mark.parametrize("value", [math.nan, math.inf, None])
def test_a_value_that_is_no_finite_number_ends_its_trial_at_once_and_teaches_the_sampler(scheduler, value):
    """EVIDENCE 3, fault 21: it trained on to the end, or to the next rung at least."""
    searched = study({"scheduler": {"name": scheduler}}, max_epochs=27)
    for _ in range(6):
        searched.next()
    assert report(searched, 0, 1, 0.5)[0].kind is not ActionKind.COMPLETE
    verdict = report(searched, 1, 1, value)[0]
    assert (verdict.trial, verdict.kind) == (1, ActionKind.STOP)
    assert [result.loss for result in searched.trials.rung_results if result.trial == 1] == [math.inf]


def test_patience_ends_the_search_once_so_many_trials_ended_without_a_better_best():
    searched = study({"name": "asha"}, max_trials=100, patience=3)
    for _ in range(6):
        searched.next()
    report(searched, 0, 1, 0.1)
    kinds = [report(searched, trial, 1, 0.5)[0].kind for trial in (1, 2)]
    assert kinds == [ActionKind.STOP] * 2
    assert isinstance(searched.next(), Start)
    searched.tell(Failed(trial=3, reason="boom"))
    assert searched.next() == Done(reason="no better best in 3 trials that ended, patience is 3")
    assert report(searched, 0, 9, 0.05)[0].kind is ActionKind.COMPLETE, "running trials finish"
    assert isinstance(searched.next(), Done), "and change nothing any more"


def test_a_better_best_of_any_trial_begins_patience_anew_and_a_cancelled_one_does_not_count():
    searched = study({"name": "asha"}, max_trials=100, patience=2)
    for _ in range(8):
        searched.next()
    report(searched, 0, 1, 0.1)
    report(searched, 1, 1, 0.5)
    report(searched, 0, 2, 0.05)
    report(searched, 2, 1, 0.5)
    searched.tell(Cancelled(trial=3))
    assert isinstance(searched.next(), Start)
    report(searched, 4, 1, 0.5)
    assert isinstance(searched.next(), Done)


def test_patience_that_is_spent_stops_those_who_wait_in_the_same_moment():
    searched = study({"name": "hyperband"}, max_trials=9, patience=6)
    for _ in range(9):
        searched.next()
    for trial in range(8):
        report(searched, trial, 1, trial / 10)
    actions = report(searched, 8, 1, 0.9)
    assert {action.kind for action in actions} == {ActionKind.STOP}
    assert sorted(action.trial for action in actions) == list(range(9))
    assert isinstance(searched.next(), Done)
