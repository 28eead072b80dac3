"""Searches that went on after their end, over lost runners and faults: all of it is decided the same again."""

from __future__ import annotations

import random

import pytest

from service.algorithms import Observed
from service.api.going_on import extension, retrial
from service.runner import audit_search
from service.schemas import Extend, Retry
from service.states import SearchState, TrialState
from service.store import Going
from tests.support.judge import judge
from tests.support.runs import Searches
from tests.unit.runner.driver import Driver, loss_of

KNOWN = [{"lr": 0.001 * (1 + n), "hidden": 16 + n, "optimizer": "adam"} for n in range(9)]


@pytest.fixture
def searches(tmp_path):
    searches = Searches(tmp_path)
    yield searches
    searches.ledger.close()


def admitted(searches, search):
    with searches.ledger.write(searches._coordinator) as writer:
        writer.move_search(search, SearchState.RUNNING, "admitted")


def abandoned_until_it_ends(searches, search, chance, *, fails=0.0):
    """Runs a search under lease after lease, each abandoned wherever chance leaves it; some trials fail."""
    for _ in range(300):
        driver = Driver(searches.run(search), seed=chance.randrange(10**6))
        for _ in range(chance.randint(4, 12)):
            driver.step()
            if driver.run.finished:
                return
            if driver.gangs and chance.random() < fails:
                driver.fail(chance.choice(sorted(driver.gangs)))
    raise AssertionError("it never ends")


@pytest.mark.parametrize("algorithm", ["random", "asha", "hyperband", "bohb", "tpe"])
def test_a_search_that_was_warm_started_extended_and_retried_is_decided_the_same_again(algorithm, searches):
    chance, ledger = random.Random(5), searches.ledger
    spec = {"trials": 7, "epochs": 9, "retries": {"attempts": 99}, "budget": {"failures": 99}}
    search = searches.submit(algorithm, **spec)
    points = [{"trial": n, "config": c, "points": [[e, loss_of(c, e)] for e in (1, 3, 9)]} for n, c in enumerate(KNOWN)]
    known = Observed(source="another", trials=points)
    ledger.go_on(search, lambda now: Going(changes=now.changes, facts=[known.to_dict()], reason="known"))
    abandoned_until_it_ends(searches, search, chance, fails=0.1)
    failed = [trial for trial in ledger.trials(search) if trial.state is TrialState.FAILED]
    assert failed

    ledger.go_on(search, lambda now: retrial(ledger, now, Retry()))
    admitted(searches, search)
    abandoned_until_it_ends(searches, search, chance)
    again = ledger.trials(search)[7:]
    assert [trial.origin["data"]["trial"] for trial in again] == [trial.number for trial in failed]

    ledger.go_on(search, lambda now: extension(ledger, now, Extend(trials=10)))
    admitted(searches, search)
    abandoned_until_it_ends(searches, search, chance)
    assert len(ledger.trials(search)) == 10 + len(failed)
    assert ledger.search(search).state is SearchState.COMPLETED
    assert judge(ledger, search).faults == []
    assert audit_search(ledger, search).difference is None


def test_a_wish_that_cannot_be_granted_any_more_is_told_to_the_log_and_stops_nothing(searches):
    search = searches.submit("random", trials=2)
    driver = Driver(searches.run(search))
    fact = {"fact": "continued", "trial": 0, "from_epoch": 0, "reason": "a person asked"}
    searches.ledger.go_on(search, lambda now: Going(changes=now.changes, facts=[fact], reason="x"))
    driver.step()
    driver.run.heed(searches.ledger.search(search))
    assert searches.ledger.untold(search) == []
    warnings = [e.data["message"] for e in searches.ledger.events(search) if e.kind == "warning"]
    (warning,) = warnings
    assert warning.startswith("a wish cannot be granted any more: trial 0: got an event while it is running, must be")
    driver.to_the_end()


def test_a_search_does_not_end_over_a_wish_that_its_runner_has_not_seen(searches):
    search = searches.submit("random", trials=1, epochs=1)
    driver = Driver(searches.run(search, slots=1))
    driver.step()
    searches.ledger.go_on(search, lambda now: extension(searches.ledger, now, Extend(trials=2)))
    for _ in range(3):
        driver.step()
    assert searches.ledger.search(search).state is SearchState.RUNNING
    driver.run.heed(searches.ledger.search(search))
    driver.to_the_end()
    assert len(searches.ledger.trials(search)) == 2
