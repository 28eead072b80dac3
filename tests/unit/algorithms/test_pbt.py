"""Population based training: who is replaced by a clone of whom, when, and that nothing holds a population up."""

import math
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.algorithms import (
    ActionKind,
    Cancelled,
    Done,
    Enqueued,
    Failed,
    OriginKind,
    Resized,
    Resume,
    Start,
    Wait,
    proposal_from_dict,
)
from tests.unit.algorithms.simulator import SPACE, Simulation, report, study

PBT = {"name": "pbt", "interval": 3}


def started(num_members, algorithm=PBT, **changes):
    pbt = study(algorithm, **{"max_trials": num_members, **changes})
    for _ in range(num_members):
        assert pbt.next().epochs == 3
    return pbt


def meet(pbt, values, epoch=3):
    return [action for trial, value in values.items() for action in report(pbt, trial, epoch, value)]


def kinds(actions):
    return [(action.trial, action.kind.value) for action in actions]


def test_the_worst_quarter_ends_and_clones_of_the_best_quarter_take_its_place():
    pbt = started(8)
    actions = meet(pbt, {trial: trial / 10 for trial in range(8)})
    assert kinds(actions[:7]) == [(trial, "pause") for trial in range(7)]
    assert kinds(actions[7:]) == [(7, "stop"), *((trial, "promote") for trial in range(6)), (6, "stop")]
    assert actions[-1].reason == (
        "rung 0 (epoch 3) of population 0: loss 0.6 vs cutoff 0.5, rank 7 of 8, kept 6; "
        "a clone of a better trial takes its place"
    )
    clones = [pbt.next() for _ in range(2)]
    assert [(clone.trial, clone.from_epoch, clone.epochs) for clone in clones] == [(8, 3, 6), (9, 3, 6)]
    assert {clone.parent for clone in clones} <= {0, 1}
    assert [clone.origin.data["replaces"] for clone in clones] == [6, 7]
    assert [pbt.next().trial for _ in range(6)] == [0, 1, 2, 3, 4, 5], "the donors go on after their clones are made"
    assert isinstance(pbt.next(), Wait)


def test_a_clone_says_whom_it_copies_when_and_what_is_different():
    pbt = started(4)
    meet(pbt, {trial: trial / 10 for trial in range(4)})
    clone = pbt.next()
    assert clone.origin.kind is OriginKind.CLONE
    assert clone.origin.text.startswith("clone of trial 0 at epoch 3, ")
    assert clone.origin.text.endswith("; in the place of trial 3")
    assert clone.origin.data["changes"]
    assert clone.config != pbt.trials[0].config
    assert clone.config == SPACE.check(clone.config)
    assert proposal_from_dict(clone.to_dict()) == clone


def test_a_record_of_a_start_that_knew_no_parents_is_still_read():
    start = study({"name": "random"}).next().to_dict()
    del start["parent"], start["from_epoch"]
    assert proposal_from_dict(start).parent is None


def test_a_clones_reports_begin_after_the_epoch_it_was_copied_at_and_only_they_count_for_it():
    pbt = started(4)
    meet(pbt, {trial: trial / 10 for trial in range(4)})
    clone = pbt.next().trial
    with pytest.raises(ValueError, match="got 3 of trial 4, must be > 3"):
        report(pbt, clone, 3, 0.0)
    report(pbt, clone, 4, 0.05)
    assert (pbt.trials[clone].best_epoch, pbt.trials[clone].best_loss) == (4, 0.05)
    assert pbt.best() == (0, 3, 0.0)


def test_clones_are_members_like_others_and_may_be_copied_and_replaced_themselves():
    pbt = started(4)
    meet(pbt, {trial: trial / 10 for trial in range(4)})
    assert [pbt.next().trial for _ in range(4)] == [4, 0, 1, 2]
    actions = meet(pbt, {0: 0.5, 1: 0.6, 2: 0.7, 4: 0.1}, epoch=6)
    assert kinds(actions)[-4:] == [(4, "promote"), (0, "promote"), (1, "promote"), (2, "stop")]
    clone = pbt.next()
    assert (clone.trial, clone.parent, clone.from_epoch, clone.epochs) == (5, 4, 6, 9)


def test_clones_take_nothing_from_the_budget_of_trials():
    run = Simulation(study({"name": "pbt", "interval": 2}, max_trials=6, max_epochs=9)).run()
    origins = Counter(start.origin.kind for start in run.starts)
    assert origins == {OriginKind.RANDOM: 6, OriginKind.CLONE: 4}
    assert run.epochs == 6 * 9, "a clone begins where its parent was"
    assert isinstance(run.study.next(), Done)


@pytest.mark.parametrize("lost", [math.nan, None, "failed"])
def test_a_member_that_diverged_or_failed_is_replaced_whatever_the_quantile(lost):
    """Fault 29: NaN members were in neither quantile, so a diverged member was never replaced."""
    pbt = started(4)
    for trial in (0, 1, 2):
        if lost == "failed":
            pbt.tell(Failed(trial=trial, reason="boom"))
        else:
            assert kinds(report(pbt, trial, 3, lost)) == [(trial, "stop")]
    actions = report(pbt, 3, 3, 0.5)
    assert kinds(actions) == [(3, "pause"), (3, "promote")]
    clones = [pbt.next() for _ in range(3)]
    assert [clone.parent for clone in clones] == [3, 3, 3]
    assert len({str(clone.config) for clone in clones}) == 3


def test_a_population_of_which_nothing_is_left_ends():
    pbt = started(3)
    meet(pbt, {0: None, 1: None})
    pbt.tell(Failed(trial=2, reason="boom"))
    assert isinstance(pbt.next(), Done)


def test_a_cancelled_member_is_waited_for_by_nobody_and_not_replaced():
    pbt = started(4)
    meet(pbt, {0: 0.1, 1: 0.2})
    pbt.tell(Cancelled(trial=1))
    pbt.tell(Cancelled(trial=3))
    actions = report(pbt, 2, 3, 0.3)
    assert kinds(actions) == [(2, "stop"), (0, "promote")]
    assert pbt.next().parent == 0
    assert isinstance(pbt.next(), Resume)
    assert isinstance(pbt.next(), Wait)


def test_a_member_that_is_lost_after_it_was_sent_on_is_replaced_at_the_next_meeting():
    pbt = started(4)
    meet(pbt, {trial: trial / 10 for trial in range(4)})
    pbt.tell(Failed(trial=1, reason="its checkpoint is gone"))
    assert [pbt.next().trial for _ in range(3)] == [4, 0, 2]
    meet(pbt, {0: 0.1, 2: 0.2, 4: 0.3}, epoch=6)
    assert pbt.next().origin.data["replaces"] == 1


def test_a_lone_member_trains_to_the_end():
    run = Simulation(study(PBT, max_trials=1)).run()
    assert (len(run.starts), run.epochs) == (1, 9)


def test_enqueued_configurations_are_the_first_members():
    pbt = study(PBT, max_trials=3)
    pbt.tell(Enqueued(config={"width": 5}))
    assert [pbt.next().origin.kind.value for _ in range(3)] == ["enqueued", "random", "random"]


def test_populations_follow_one_another_and_a_free_slot_does_not_wait_for_a_meeting():
    pbt = started(4, {**PBT, "population": 2})
    actions = meet(pbt, {0: 0.1, 1: 0.2})
    assert kinds(actions) == [(0, "pause"), (1, "stop"), (0, "promote")]
    actions = meet(pbt, {2: 0.9, 3: 0.8})
    assert kinds(actions) == [(2, "pause"), (3, "pause"), (3, "promote"), (2, "stop")]
    assert [pbt.next().parent for _ in range(2)] == [0, 3], "a clone copies a member of its own population"


def test_a_larger_budget_begins_another_population_once_the_first_has_met():
    pbt = started(2)
    meet(pbt, {0: 0.1, 1: 0.2})
    pbt.tell(Resized(max_trials=4))
    assert [pbt.next().trial for _ in range(4)] == [2, 0, 3, 4]
    actions = meet(pbt, {0: 0.1, 2: 0.2}, epoch=6)
    assert (0, "promote") in kinds(actions), "the newcomers are in another race"


def test_closing_stops_those_who_wait_and_fills_no_vacancy():
    pbt = started(4)
    meet(pbt, {trial: trial / 10 for trial in range(4)})
    assert kinds(pbt.close("stopped by ada")) == [(0, "stop"), (1, "stop"), (2, "stop")]
    assert pbt.next() == Done(reason="stopped by ada")


def test_the_number_of_workers_changes_nothing_in_a_population():
    runs = [Simulation(study(PBT, max_trials=8), num_workers=workers, seed=workers).run() for workers in (1, 3, 8)]
    assert len({str([start.to_dict() for start in run.starts]) for run in runs}) == 1


def test_another_seed_explores_elsewhere():
    first, second = (Simulation(study(PBT, max_trials=8, seed=seed)).run() for seed in (1, 2))
    assert [s.config for s in first.starts if s.parent is not None] != [
        s.config for s in second.starts if s.parent is not None
    ]


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 12),
    st.sampled_from([None, 2, 5]),
    st.sampled_from([0.01, 0.25, 0.5]),
    st.integers(1, 8),
    st.sampled_from([0.0, 0.1, 0.5]),
    st.integers(0, 1000),
)
def test_every_vacancy_is_filled_and_every_population_comes_to_its_end(
    members, population, quantile, workers, failures, seed
):
    algorithm = {"name": "pbt", "interval": 2, "population": population, "quantile": quantile}
    run = Simulation(study(algorithm, max_trials=members), num_workers=workers, failure_rate=failures, seed=seed).run()
    assert run.paused == []
    clones = [start for start in run.starts if start.parent is not None]
    out = [action.trial for action in run.actions if action.kind is ActionKind.STOP]
    assert set(out) <= {clone.origin.data["replaces"] for clone in clones}
    assert len(run.starts) == members + len(clones)
    assert isinstance(run.study.next(), Done)
    assert all(isinstance(start, Start) and SPACE.check(start.config) == start.config for start in run.starts)
