"""A run whose search people change: pauses, budgets, deadlines, configurations; and that it replays and audits."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from service.runner import audit_search
from service.schemas import changed, with_enqueued
from service.states import Intent, SearchState, TrialState
from tests.support.judge import judge
from tests.support.runs import Searches
from tests.unit.runner.driver import Driver


@pytest.fixture
def searches(tmp_path):
    searches = Searches(tmp_path)
    yield searches
    searches.ledger.close()


class People:
    """A search with a driver, and what people ask of it."""

    def __init__(self, searches, algorithm="random", slots=2, **spec):
        self.searches, self.ledger, self.slots = searches, searches.ledger, slots
        self.search = searches.submit(algorithm, **spec)
        self.driver = Driver(searches.run(self.search, slots=slots))

    def look(self):
        """What the runner's process does between two steps."""
        row = self.ledger.search(self.search)
        self.driver.run.heed(row)
        self.driver.run.obey(row.intent, self.slots, on_hold=row.on_hold)

    def change(self, **raw):
        self.ledger.amend(self.search, lambda now: changed(now, raw))

    def enqueue(self, **config):
        self.ledger.amend(self.search, lambda now: with_enqueued(now, config))

    def empty(self):
        """Every gang reports once."""
        for trial in list(self.driver.gangs):
            self.driver.train(trial)

    def another_runner(self):
        """The runner is lost, and the next one begins."""
        self.driver = Driver(self.searches.run(self.search, slots=self.slots))

    def to_the_end(self):
        for _ in range(500):
            self.look()
            if self.driver.run.finished:
                break
            self.driver.fill()
            if self.driver.gangs:
                self.driver.train(min(self.driver.gangs))
        assert self.ledger.search(self.search).state is SearchState.COMPLETED
        assert judge(self.ledger, self.search).faults == []
        assert audit_search(self.ledger, self.search).difference is None


@pytest.mark.parametrize("algorithm", ["random", "hyperband", "mobster"])
def test_a_paused_search_gives_back_every_gang_and_goes_on_where_it_was(algorithm, searches):
    people = People(searches, algorithm, trials=5, epochs=9)
    people.driver.fill()
    people.empty()
    people.driver.fill()
    people.ledger.pause(people.search)
    people.look()
    assert people.ledger.search(people.search).state is SearchState.RUNNING
    people.empty()
    people.look()
    assert people.driver.run.finished
    assert people.ledger.search(people.search).state is SearchState.PAUSED
    assert not people.ledger.trials(people.search, state=TrialState.RUNNING)
    # When it is resumed, then each trial goes on from the epoch that it had
    people.ledger.resume(people.search)
    searches.admit(people.search)
    people.another_runner()
    people.look()
    people.driver.fill()
    assert people.driver.gangs
    for trial, gang in people.driver.gangs.items():
        assert gang.epoch == people.ledger.trial(people.search, trial).epoch
    people.to_the_end()


def test_a_runner_that_is_lost_while_it_pauses_is_followed_by_one_that_pauses(searches):
    people = People(searches, trials=3, epochs=9)
    people.driver.fill()
    people.ledger.pause(people.search)
    people.another_runner()
    people.look()
    assert people.ledger.search(people.search).state is SearchState.PAUSED


def test_a_trial_that_still_waits_for_a_gang_does_not_hold_a_pause_up_and_bears_no_fault_for_it(searches):
    people = People(searches, trials=3, epochs=2)
    waiting = people.driver.run.next_assignment()
    people.ledger.pause(people.search)
    people.look()
    people.driver.run.released(waiting.trial)
    assert people.ledger.search(people.search).state is SearchState.PAUSED
    assert not [e for e in people.ledger.events(people.search) if e.kind == "warning"]
    people.ledger.resume(people.search)
    searches.admit(people.search)
    people.another_runner()
    people.to_the_end()
    assert len(people.ledger.trials(people.search, state=TrialState.COMPLETED)) == 3


@pytest.mark.parametrize("algorithm", ["random", "asha", "hyperband", "mobster", "tpe"])
def test_more_trials_and_a_configuration_are_taken_in_and_the_search_audits(algorithm, searches):
    people = People(searches, algorithm, trials=3, epochs=3)
    people.driver.fill()
    people.change(budget={"trials": 6})
    people.enqueue(lr=0.05)
    people.look()
    people.another_runner()
    people.to_the_end()
    trials = people.ledger.trials(people.search)
    assert len(trials) == 6
    asked = [trial for trial in trials if trial.origin["kind"] == "enqueued"]
    assert [trial.config["lr"] for trial in asked] == [0.05]


def test_what_was_changed_before_a_runner_was_there_is_taken_in_by_the_first(searches):
    people = People(searches, trials=3, epochs=2)
    people.change(budget={"trials": 1})
    people.another_runner()
    people.to_the_end()
    assert len(people.ledger.trials(people.search)) == 1


def test_a_search_does_not_end_over_a_change_that_its_runner_has_not_seen(searches):
    people = People(searches, trials=1, epochs=1)
    people.driver.fill()
    people.change(budget={"trials": 2})
    people.driver.train(0)
    people.driver.run.obey(Intent.RUN, 2)
    assert not people.driver.run.finished
    people.to_the_end()
    assert len(people.ledger.trials(people.search)) == 2


def test_at_the_deadline_running_trials_are_cancelled_and_the_search_completes(searches):
    people = People(searches, trials=4, epochs=9)
    people.driver.fill()
    people.change(deadline=(datetime.now(UTC) - timedelta(seconds=1)).isoformat())
    people.look()
    people.empty()
    people.to_the_end()
    assert "deadline" in people.ledger.search(people.search).state_reason
    assert {trial.state for trial in people.ledger.trials(people.search)} == {TrialState.CANCELLED}


def test_at_a_barrier_the_coordinator_is_told_how_many_gangs_can_be_used(searches):
    people = People(searches, "hyperband", slots=9, trials=9, epochs=9, parallelism=9)
    now = [0.0]
    people.driver.run.clock = lambda: now[0]
    people.look()
    assert people.ledger.search(people.search).demand == 9
    people.driver.fill()
    for trial in list(people.driver.gangs)[:-2]:
        people.driver.train(trial)
    people.look()
    assert people.ledger.search(people.search).demand == 9  # it has not lasted yet
    now[0] += 2.0
    people.look()
    assert people.ledger.search(people.search).demand == 2
    # When the barrier falls, then more is wanted at once
    for trial in list(people.driver.gangs):
        people.driver.train(trial)
    people.look()
    assert people.ledger.search(people.search).demand > 2


GPUS = {"resources": {"gpus_per_worker": 1.0}}


def test_at_the_cap_of_gpu_hours_all_ends(searches):
    people = People(searches, trials=4, epochs=9, budget={"gpu_hours": 1.0}, **GPUS)
    now = [0.0]
    people.driver.run.spending.clock = lambda: now[0]
    people.driver.fill()
    now[0] = 1900.0  # two gangs
    people.look()
    people.empty()
    people.to_the_end()
    assert "1 GPU-hours are used up" in people.ledger.search(people.search).state_reason


def test_no_trial_begins_whose_forecast_does_not_fit_the_cap(searches):
    # An epoch takes 100 s of one GPU, a trial 300 s; what is left suffices for three
    people = People(searches, slots=1, trials=9, epochs=3, budget={"gpu_hours": 1000 / 3600}, **GPUS)
    now = [0.0]
    people.driver.run.spending.clock = lambda: now[0]
    for _ in range(50):
        people.look()
        if people.driver.run.finished:
            break
        people.driver.fill()
        for trial in list(people.driver.gangs):
            now[0] += 100.0
            people.driver.train(trial, started_at=0.0, ended_at=100.0)
    row = people.ledger.search(people.search)
    assert people.ledger.counts(people.search)[TrialState.COMPLETED] == 3
    assert "do not suffice" in row.state_reason
    assert people.driver.run.spending.used_hours <= 1000 / 3600
    assert audit_search(people.ledger, people.search).difference is None
