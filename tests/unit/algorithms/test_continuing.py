"""A search that had ended goes on: with more trials, more epochs, trials continued, or from what others found out."""

import numpy as np
import pytest
import scipy.stats  # noqa: F401 - libraries that draw random numbers while they are imported: not inside a strategy
import sklearn.gaussian_process  # noqa: F401 - the same
from hypothesis import given, settings
from hypothesis import strategies as st

from service.algorithms import (
    AlgorithmSpec,
    Continued,
    Done,
    Failed,
    Objective,
    Observed,
    OriginKind,
    Reopened,
    Resized,
    Start,
)
from service.algorithms.trials import LIVE, Phase
from tests.unit.algorithms.simulator import FINITE, SPACE, Simulation, decide_again, replay, report, study, valley
from tests.unit.algorithms.test_replay import PRESETS, is_grid

LATE = ["random", "asha", "median", "mobster", "tpe"]
"""Presets whose schedulers have a place for a trial that begins at another's epoch."""


def a_valley(config, epoch):
    return valley({"lr": 0.01, **config}, epoch)


def observed(num, epochs=(1, 3, 9), source="other"):
    """What `num` trials of another search came to."""
    configs = [SPACE.sample(1000 + number) for number in range(num)]
    return Observed(
        source=source,
        trials=[
            {"trial": number, "config": config, "points": [[epoch, valley(config, epoch)] for epoch in epochs]}
            for number, config in enumerate(configs)
        ],
    )


def reopened(simulation, *events):
    """Lets a simulation go on that has ended."""
    simulation.end()
    for event in (Reopened(reason="a person wants more"), *events):
        simulation.tell(event)
    return simulation.run()


@st.composite
def lives(draw):
    """A search that ended, was reopened and ended again; trials are continued, epochs raised where they can be."""
    algorithm = draw(st.sampled_from(PRESETS))
    max_trials = draw(st.integers(1, 12))
    sizes = {"max_trials": max_trials, "max_epochs": 4, "seed": draw(st.integers(0, 2**32))}
    known = observed(draw(st.sampled_from([0, 0, 12])), epochs=(1, 2, 4))

    def fresh():
        return study(algorithm, FINITE if is_grid(algorithm) else SPACE, **sizes)

    simulation = Simulation(
        fresh(),
        curve=a_valley,
        num_workers=draw(st.integers(1, 4)),
        seed=draw(st.integers(0, 1000)),
        failure_rate=draw(st.sampled_from([0.0, 0.3])),
        cancel_rate=draw(st.sampled_from([0.0, 0.1])),
        enqueue_rate=draw(st.sampled_from([0.0, 0.05])),
    )
    if known.trials and not is_grid(algorithm):
        simulation.tell(known)
    simulation.run(draw(st.sampled_from([None, 3, 10])))
    scheduler = AlgorithmSpec.parse(algorithm).build_scheduler(SPACE, Objective(metric="loss"), 0, 4)
    more_epochs = draw(st.sampled_from([None, 8, 36]))
    if more_epochs is not None and scheduler.refuses(more_epochs) is not None:
        more_epochs = None
    asked = draw(st.sets(st.sampled_from(range(len(simulation.starts))), max_size=4)) if simulation.starts else set()
    continued = [
        Continued(trial=trial, from_epoch=simulation.study.trials[trial].last_epoch, reason="a person asked")
        for trial in sorted(asked)
    ]
    more = Resized(max_trials=max_trials + draw(st.integers(0, 6)), max_epochs=more_epochs)
    return fresh, reopened(simulation, more, *continued)


@settings(max_examples=60, deadline=None)
@given(lives(), st.data())
def test_a_study_that_was_reopened_is_decided_the_same_again_from_any_prefix(life, data):
    fresh, simulation = life
    cut = data.draw(st.integers(0, len(simulation.journal)))
    np.random.seed(cut)
    recovered = fresh()
    replay(recovered, simulation.journal[:cut])
    decide_again(recovered, simulation.journal[cut:])
    assert recovered.best() == simulation.study.best()


@settings(max_examples=60, deadline=None)
@given(lives())
def test_a_reopened_search_ends_again_with_nobody_waiting(life):
    _, simulation = life
    assert isinstance(simulation.study.next(), Done)
    assert [record.trial for record in simulation.study.trials if record.phase in LIVE] == []
    assert [start.trial for start in simulation.starts] == list(range(len(simulation.starts)))


@pytest.mark.parametrize("algorithm", [{"name": "grid"}, {"name": "random"}, {"name": "asha"}], ids=str)
def test_a_search_of_7_trials_extended_to_14_is_one_of_14_where_one_slot_trains(algorithm):
    space = FINITE if is_grid(algorithm) else SPACE
    sizes = {"space": space, "seed": 5}
    short = Simulation(study(algorithm, max_trials=6, **sizes), curve=a_valley, num_workers=1).run()
    extended = reopened(short, Resized(max_trials=12))
    whole = Simulation(study(algorithm, max_trials=12, **sizes), curve=a_valley, num_workers=1).run()
    assert extended.starts == whole.starts
    assert extended.actions == whole.actions


def test_the_trials_that_lived_when_a_search_ended_stay_cancelled():
    simulation = Simulation(study({"name": "hyperband"}, max_trials=9)).run(8)
    live = [record.trial for record in simulation.study.trials if record.phase in LIVE]
    reopened(simulation, Resized(max_trials=9))
    assert live
    assert {simulation.study.trials[trial].phase for trial in live} == {Phase.CANCELLED}


@pytest.mark.parametrize("name", LATE)
def test_a_continued_trial_begins_where_the_other_had_its_checkpoint_and_says_so(name):
    begun = study({"name": name})
    first = begun.next()
    report(begun, 0, 1, 0.5)
    begun.tell(Failed(trial=0, reason="CUDA error"))
    begun.tell(Continued(trial=0, from_epoch=1, reason="it failed, and a person asked for it again"))
    again = begun.next()
    assert (again.config, again.parent, again.from_epoch) == (first.config, 0, 1)
    assert again.epochs > 1
    assert again.origin.text == "goes on with trial 0 at epoch 1: it failed, and a person asked for it again"
    assert begun.trials[again.trial].continues == 0


@pytest.mark.parametrize("name", ["hyperband", "bohb", "pbt"])
def test_where_brackets_and_meetings_have_no_place_for_it_a_continued_trial_begins_from_nothing(name):
    begun = study({"name": name})
    first = begun.next()
    begun.tell(Failed(trial=0, reason="CUDA error"))
    begun.tell(Continued(trial=0, from_epoch=1, reason="a person asked"))
    again = begun.next()
    assert (again.config, again.parent, again.from_epoch) == (first.config, None, 0)
    assert again.origin.kind is OriginKind.CONTINUED


def test_a_trial_that_continues_another_counts_towards_no_budget():
    begun = study({"name": "random"}, max_trials=1, max_epochs=1)
    begun.next()
    begun.tell(Failed(trial=0, reason="CUDA error"))
    begun.tell(Continued(trial=0, from_epoch=0, reason="a person asked"))
    assert begun.next().trial == 1
    report(begun, 1, 1, 0.5)
    assert begun.next() == Done(reason="its 1 trials are used up")


def test_the_root_of_a_chain_is_its_first_trial():
    begun = study({"name": "random"})
    for trial in range(3):
        begun.next()
        begun.tell(Failed(trial=trial, reason="CUDA error"))
        begun.tell(Continued(trial=trial, from_epoch=0, reason="a person asked"))
    assert [begun.trials[trial].continues for trial in range(3)] == [None, 0, 0]


def test_a_trial_is_continued_once_and_only_after_its_end():
    begun = study({"name": "random"})
    begun.next()
    with pytest.raises(ValueError, match="trial 0: got an event while it is running"):
        begun.tell(Continued(trial=0, from_epoch=0, reason="a person asked"))
    begun.tell(Failed(trial=0, reason="CUDA error"))
    begun.tell(Continued(trial=0, from_epoch=0, reason="a person asked"))
    with pytest.raises(ValueError, match="continued again"):
        begun.tell(Continued(trial=0, from_epoch=0, reason="a person asked"))


def test_a_continued_trial_of_asha_answers_no_rung_that_lies_behind_it():
    begun = study({"name": "asha"})
    for epoch in (1, 2, 3):
        if epoch == 1:
            begun.next()
        report(begun, 0, epoch, 0.5)
    begun.tell(Failed(trial=0, reason="CUDA error"))
    begun.tell(Continued(trial=0, from_epoch=2, reason="a person asked"))
    begun.next()
    (action,) = report(begun, 1, 3, 0.4)
    assert action.rung == 1
    assert begun.trials.rungs()[1].keys() == {0}


@pytest.mark.parametrize(
    ("algorithm", "epochs", "way_out"),
    [
        (
            {"name": "asha"},
            12,
            "must be 9 times a power of reduction_factor, e.g. 27 or 81, or rungs would move; or branch",
        ),
        ({"name": "mobster"}, 18, "must be 9 times a power of reduction_factor"),
        ({"name": "hyperband"}, 27, "must be 9, from which all rungs of HyperBand follow; branch the search"),
        ({"name": "bohb"}, 27, "must be 9"),
        ({"name": "pbt"}, 27, "must be 9, from which all rungs of Pbt follow; branch the search"),
        ({"name": "random"}, 5, "must be >= 9, to which trials have trained already; branch the search"),
        ({"name": "median"}, 5, "must be >= 9"),
        ({"name": "asha"}, 3, "must be >= 9"),
    ],
)
def test_epochs_for_which_the_scheduler_has_no_place_are_refused_with_the_way_out(algorithm, epochs, way_out):
    begun = study(algorithm)
    with pytest.raises(ValueError, match=f"resized.max_epochs: got {epochs}, {way_out}"):
        begun.tell(Resized(max_trials=12, max_epochs=epochs))


def test_completed_trials_train_on_where_there_are_more_epochs():
    simulation = Simulation(study({"name": "asha"}, max_trials=12)).run()
    completed = [action.trial for action in simulation.actions if action.kind == "complete"]
    asked = [Continued(trial=trial, from_epoch=9, reason="27 epochs instead of 9") for trial in completed]
    reopened(simulation, Resized(max_trials=12, max_epochs=27), *asked)
    begun = simulation.starts[12:]
    assert [(start.parent, start.from_epoch, start.epochs) for start in begun] == [(t, 9, 27) for t in completed]
    assert {simulation.study.trials[start.trial].last_epoch for start in begun} == {27}


def test_what_was_reached_before_a_search_was_reopened_does_not_end_it_again():
    simulation = Simulation(study({"name": "random"}, max_trials=3, patience=1, target=100.0), num_workers=1).run()
    assert len(simulation.starts) == 1
    reopened(simulation, Resized(max_trials=6))
    assert len(simulation.starts) > 1


@pytest.mark.parametrize(
    ("algorithm", "budget"),
    [({"name": "tpe"}, 9), ({"sampler": {"name": "kde", "random_fraction": 0.0}, "scheduler": {"name": "none"}}, 9)],
    ids=["tpe", "kde"],
)
def test_a_model_begins_with_what_another_search_found_out_and_says_so(algorithm, budget):
    warm = study(algorithm)
    assert warm.tell(observed(20)) == []
    start = warm.next()
    assert start.trial == 0
    assert start.origin.kind is OriginKind.MODEL
    assert f"20 results at epoch {budget}, 20 of them warm start:" in start.origin.text
    assert start.origin.data["warm_start_points"] == 20


def test_a_gaussian_process_begins_with_what_another_search_found_out_and_says_so():
    warm = study({"sampler": {"name": "gp", "random_fraction": 0.0}, "scheduler": {"name": "none"}})
    warm.tell(observed(20))
    start = warm.next()
    assert (
        start.origin.text
        == "the greatest expected improvement by a model of 60 results at rungs, 60 of them warm start"
    )
    assert start.config["optimizer"] == "adam"


def test_a_warm_start_takes_part_in_no_rung_and_is_no_trial_of_this_search():
    warm, cold = study({"name": "asha"}), study({"name": "asha"})
    warm.tell(observed(20))
    assert len(warm.trials) == 0
    assert list(warm.trials) == []
    assert warm.best() is None
    for trial in range(4):
        assert warm.next() == cold.next()
        assert report(warm, trial, 1, 10.0 + trial) == report(cold, trial, 1, 10.0 + trial)


def test_a_start_that_continues_is_read_back_equal():
    begun = study({"name": "random"})
    begun.next()
    begun.tell(Failed(trial=0, reason="CUDA error"))
    begun.tell(Continued(trial=0, from_epoch=0, reason="a person asked"))
    start = begun.next()
    assert Start.from_dict(start.to_dict()) == start
