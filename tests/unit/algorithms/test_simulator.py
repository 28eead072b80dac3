"""The simulator: a virtual clock that agrees with sums done by hand, and a Study obeyed to the letter."""

from __future__ import annotations

import pytest

from service.algorithms import Done, Origin, OriginKind, Reported, Start, Study
from service.algorithms.actions import Action, ActionKind
from service.algorithms.simulator import Observation, Step, simulate
from tests.unit.algorithms.simulator import decide_again, study, valley


class Valley:
    """A second an epoch; trials of width 8 take two."""

    def step(self, config, epoch):
        return Step(value=valley(config, epoch), seconds=2.0 if config["width"] == 8 else 1.0)


class Constant:
    def __init__(self, seconds, failure=""):
        self.seconds, self.failure = seconds, failure

    def step(self, config, epoch):
        return Step(value=1.0, seconds=self.seconds, failure=self.failure)


def journal(simulation):
    """The decisions as a ledger's entries."""
    return [
        (
            "event" if isinstance(fact, Reported) else "proposal",
            fact.to_dict(),
            [action.to_dict() for action in actions],
        )
        for _, fact, actions in simulation.decisions
    ]


def test_one_worker_takes_the_sum_of_all_epochs():
    simulation = simulate(study({"name": "random"}, max_trials=3, max_epochs=4), Constant(2.5), workers=1)
    assert (simulation.seconds, simulation.busy_seconds, simulation.done) == (30.0, 30.0, True)
    assert simulation.observations[4] == Observation(12.5, 1, 1, 1.0)


def test_workers_train_side_by_side():
    simulation = simulate(study({"name": "random"}, max_trials=4, max_epochs=4), Constant(1.0), workers=4)
    assert (simulation.seconds, simulation.busy_seconds) == (4.0, 16.0)
    assert [observation.trial for observation in simulation.observations[:4]] == [0, 1, 2, 3]


def test_a_time_limit_breaks_off_and_counts_what_was_under_way():
    simulation = simulate(study({"name": "random"}, max_trials=4, max_epochs=4), Constant(1.0), workers=2, seconds=2.5)
    assert (simulation.seconds, simulation.busy_seconds, simulation.done) == (2.5, 5.0, False)
    assert len(simulation.observations) == 4


@pytest.mark.parametrize("name", ["random", "asha", "hyperband", "bohb", "tpe"])
def test_a_study_decides_again_what_it_decided_in_the_simulation(name):
    simulation = simulate(study({"name": name}), Valley(), workers=3)
    assert simulation.done
    decide_again(study({"name": name}), journal(simulation))


def test_a_trial_that_is_lost_is_told_as_failed_and_frees_its_worker():
    asked = study({"name": "asha"}, max_trials=5)
    simulation = simulate(asked, Constant(1.0, failure="CUDA out of memory"), workers=1)
    assert simulation.done
    assert [record.phase for record in asked.trials] == ["failed"] * 5
    assert simulation.busy_seconds == 5.0


def test_a_trial_that_begins_at_an_epoch_reports_the_next_one():
    simulation = simulate(_Once(from_epoch=6, verdict=ActionKind.STOP), Constant(1.0), workers=1)
    assert [observation.epoch for observation in simulation.observations] == [7]


def test_a_decider_that_lets_a_trial_train_beyond_its_limit_is_at_fault():
    with pytest.raises(RuntimeError, match="told to stop"):
        simulate(_Once(from_epoch=8, verdict=ActionKind.CONTINUE), Constant(1.0), workers=1)


def test_a_search_ends_at_its_target_before_its_trials_are_used_up():
    asked: Study = study({"name": "hyperband"}, target=0.5, max_trials=30)
    simulation = simulate(asked, Valley(), workers=4)
    assert simulation.done
    assert asked.best()[2] <= 0.5
    assert isinstance(asked.next(), Done)


class _Once:
    """Starts one trial of 9 epochs and has one verdict on it."""

    def __init__(self, from_epoch, verdict):
        origin = Origin(kind=OriginKind.RANDOM, text="made up")
        self.proposals = [Start(trial=0, config={}, epochs=9, origin=origin, parent=0, from_epoch=from_epoch)]
        self.verdict = verdict

    def next(self):
        return self.proposals.pop() if self.proposals else Done(reason="one is enough")

    def tell(self, event):
        return [Action(trial=0, kind=self.verdict, reason="made up")]
