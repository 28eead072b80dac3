"""A run abandoned at any moment goes on under the next lease, from the ledger alone."""

from __future__ import annotations

import random

import pytest

from service.errors import Fenced
from service.runner import recovery
from service.states import SearchState
from tests.support.judge import judge
from tests.support.runs import Searches
from tests.unit.runner.driver import Driver

EVERY = {"every_epochs": 2}


@pytest.fixture
def searches(tmp_path):
    searches = Searches(tmp_path)
    yield searches
    searches.ledger.close()


def abandoned_again_and_again(searches, search, seed):
    """Runs a search under lease after lease, each abandoned wherever chance leaves it; returns how many there were.

    Meanwhile gangs break now and then, and the allowance rises and falls, so that trials are displaced.
    """
    chance = random.Random(seed)
    for leases in range(1, 500):
        driver = Driver(searches.run(search), seed=chance.randrange(10**6))
        for _ in range(chance.randint(2, 15)):
            driver.step()
            if driver.run.finished:
                return leases
            if chance.random() < 0.2:
                driver.run.slots = chance.randrange(4)
            crash_now = driver.gangs and chance.random() < 0.05
            if crash_now:
                driver.crash(chance.choice(sorted(driver.gangs)))
        # Abandoned perhaps between the proposal and the first report, or between a report and the gang's release
        if chance.random() < 0.5:
            assignment = driver.run.next_assignment()
            if assignment is not None and chance.random() < 0.5:
                driver.run.begun(assignment.trial)
        elif driver.gangs:
            trial = chance.choice(sorted(driver.gangs))
            driver.report(trial)
    raise AssertionError("it never ends")


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("algorithm", ["grid", "random", "asha", "hyperband", "bohb", "tpe", "pbt"])
def test_a_search_abandoned_at_any_moment_completes_and_loses_nothing(algorithm, seed, searches):
    # A fault of a gang now and then must not use up a trial's attempts here
    spec = {
        "trials": 13,
        "epochs": 9,
        "checkpoints": EVERY,
        "objective": {"scope": "last"},
        "retries": {"attempts": 99},
    }
    search = searches.submit(algorithm, **spec)
    leases = abandoned_again_and_again(searches, search, seed)
    verdict = judge(searches.ledger, search)
    assert leases > 2
    assert searches.ledger.search(search).state is SearchState.COMPLETED
    assert verdict.faults == []
    num_clones = 8 * 3 if algorithm == "pbt" else 0  # a quarter of 13, at each of eight meetings
    assert verdict.trials == 13 + num_clones
    assert verdict.most_repeated <= 2


@pytest.mark.parametrize("algorithm", ["grid", "random", "asha"])
def test_recovery_changes_no_configuration(algorithm, searches):
    spec = {"trials": 10, "epochs": 4, "checkpoints": EVERY, "retries": {"attempts": 99}}
    broken, whole = searches.submit(algorithm, **spec), searches.submit(algorithm, **spec)
    abandoned_again_and_again(searches, broken, seed=7)
    Driver(searches.run(whole)).to_the_end()
    configs = [[trial.config for trial in searches.ledger.trials(search)] for search in (broken, whole)]
    assert configs[0] == configs[1]


def test_only_checkpoints_that_the_ledger_lists_are_left_on_disk(searches):
    search = searches.submit("asha", trials=6, epochs=9, checkpoints=EVERY)
    driver = Driver(searches.run(search))
    for _ in range(12):
        driver.step()
    half_written = searches.store / search / "trial-0000" / "attempt-9-9" / "epoch-0003.tmp-1"
    half_written.mkdir(parents=True)
    Driver(searches.run(search)).to_the_end()
    listed = {searches.store / checkpoint.path for checkpoint in searches.ledger.checkpoints(search)}
    found = set((searches.store / search).glob("trial-*/attempt-*/*"))
    assert found == listed
    assert not half_written.exists()


def test_a_runner_that_stands_still_while_it_recovers_deletes_nothing_of_its_successors(searches, monkeypatch):
    # Given a runner that is about to delete the files that no row names, and stands still there
    search = searches.submit("random", trials=2, epochs=3)
    Driver(searches.run(search)).step()

    def stand_still(place):
        if place == "recovery.before_sweep":
            # When its successor takes over meanwhile, and commits checkpoints of its own
            monkeypatch.setattr(recovery, "failpoint", lambda _: None)
            Driver(searches.run(search)).to_the_end()

    monkeypatch.setattr(recovery, "failpoint", stand_still)
    # Then it finds itself fenced when it goes on, and every file that the ledger lists is there
    with pytest.raises(Fenced):
        searches.run(search)
    listed = [searches.store / checkpoint.path for checkpoint in searches.ledger.checkpoints(search)]
    assert listed
    assert all(folder.exists() for folder in listed)


def test_of_each_trial_the_best_and_the_newest_checkpoint_are_kept(searches):
    search = searches.submit("random", trials=2, epochs=6, objective={"mode": "max"})  # so that epoch 1 is the best
    Driver(searches.run(search)).to_the_end()
    kept = [(checkpoint.trial, checkpoint.epoch) for checkpoint in searches.ledger.checkpoints(search)]
    assert sorted(kept) == [(0, 1), (0, 6), (1, 1), (1, 6)]


def test_all_checkpoints_are_kept_where_the_spec_says_so(searches):
    search = searches.submit("random", trials=1, epochs=4, checkpoints={"keep": "all"})
    Driver(searches.run(search)).to_the_end()
    assert [checkpoint.epoch for checkpoint in searches.ledger.checkpoints(search)] == [1, 2, 3, 4]
