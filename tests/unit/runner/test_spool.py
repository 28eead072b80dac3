"""Reports that could not be committed are on disk, and the next runner commits them before anything else."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from service.runner.recovery import recover
from service.runner.spool import Spool
from service.states import SearchState, TrialState
from tests.support.judge import judge
from tests.support.runs import Searches
from tests.unit.runner.driver import Driver
from trainables import Failure


@pytest.fixture
def searches(tmp_path):
    searches = Searches(tmp_path)
    yield searches
    searches.ledger.close()


@pytest.fixture
def spool(tmp_path):
    return Spool(tmp_path / "spool" / "s.jsonl", 10)


def recovered(searches, search, spool):
    lease = searches.ledger.seize_lease(f"search/{search}", "next", 3600)
    row = searches.ledger.search(search)
    return recover(ledger=searches.ledger, lease=lease, search=row, store=searches.store, backoff_s=0.0, spool=spool)


def started(searches, algorithm="random", **budget):
    search = searches.submit(algorithm, **budget)
    driver = Driver(searches.run(search, slots=2))
    driver.fill()
    return driver, search


def test_what_was_added_is_there_as_it_was(searches, spool):
    driver, _ = started(searches, trials=2, epochs=5)
    result = driver.gangs[0].train()
    failure = Failure(kind="user", message="no", traceback="...", rank=0)
    spool.add(0, 1, result)
    spool.add(0, 1, replace(result, epoch=2, metrics={"loss": math.inf}, checkpoint=None, failure=failure))
    left = list(spool.left())
    assert left[0].result == result
    assert (left[1].result.failure, left[1].result.metrics) == (failure, {"loss": math.inf})


def test_a_line_that_a_crash_cut_off_counts_for_nothing(searches, spool, tmp_path):
    driver, _ = started(searches, trials=2, epochs=5)
    spool.add(0, 1, driver.gangs[0].train())
    with (tmp_path / "spool" / "s.jsonl").open("a") as file:
        file.write('{"trial": 0, "att')
    assert len(list(spool.left())) == 1


def test_it_is_bounded_and_empty_when_all_is_settled(searches, tmp_path):
    driver, _ = started(searches, trials=2, epochs=5)
    spool = Spool(tmp_path / "spool" / "s.jsonl", 2)
    for _ in range(2):
        assert not spool.is_full
        spool.add(0, 1, driver.gangs[0].train())
    assert spool.is_full
    spool.settled()
    assert not spool.is_full
    spool.settled()
    assert list(spool.left()) == []


@pytest.mark.parametrize("algorithm", ["random", "asha", "hyperband", "bohb", "tpe"])
def test_the_next_runner_tells_what_waited_and_decides_as_if_nothing_had_been(algorithm, searches, spool):
    undisturbed = searches.submit(algorithm, trials=4, epochs=9)
    search = searches.submit(algorithm, trials=4, epochs=9)
    drivers = [Driver(searches.run(which, slots=2)) for which in (undisturbed, search)]
    for driver in drivers:
        driver.fill()
    # Given a ledger that goes away: of one search reports are committed, of the other they wait
    for trial in (1, 0):
        drivers[0].train(trial)
        spool.add(trial, 1, drivers[1].gangs[trial].train())
    again = recovered(searches, search, spool)
    assert list(spool.left()) == []
    told = [[(r.trial, r.epoch, r.value) for r in searches.ledger.reports(s)] for s in (undisturbed, search)]
    assert told[0] == told[1]
    assert again.study.propose() == drivers[0].run.study.propose()
    again.slots = 2
    Driver(again).to_the_end()
    assert judge(searches.ledger, search).faults == []


def test_a_report_that_was_committed_after_all_is_not_told_twice(searches, spool):
    driver, search = started(searches, trials=2, epochs=5)
    result = driver.gangs[0].train()
    spool.add(0, 1, result)
    driver.run.reported(0, result, lambda: "none")
    recovered(searches, search, spool)
    assert len(searches.ledger.reports(search, 0)) == 1


def test_a_trial_that_ends_by_a_waiting_report_has_ended_and_what_came_after_counts_for_nothing(searches, spool):
    driver, search = started(searches, trials=2, epochs=5)
    driver.train(0)
    spool.add(0, 1, driver.gangs[0].train(metrics={"loss": math.nan}))
    spool.add(0, 1, driver.gangs[0].train())
    run = recovered(searches, search, spool)
    assert searches.ledger.trial(search, 0).state is not TrialState.RUNNING
    assert 0 not in run.memos
    assert [report.epoch for report in searches.ledger.reports(search, 0)] == [1, 2]


def test_a_search_that_ends_by_a_waiting_report_has_ended(searches, spool):
    driver, search = started(searches, trials=2, epochs=5, budget={"failures": 0})
    failure = Failure(kind="user", message="no", traceback="...", rank=0)
    spool.add(0, 1, driver.gangs[0].train(failure=failure, metrics={}, checkpoint=None))
    assert recovered(searches, search, spool).finished
    assert searches.ledger.search(search).state is SearchState.FAILED
