"""A ledger that does not answer is asked again, and what was written once stays written once."""

from __future__ import annotations

from collections import Counter

import pytest

from service.errors import LedgerUnavailable
from service.runner import patience
from service.runner.patience import Patience
from tests.support.judge import judge
from tests.support.runs import Searches
from tests.unit.runner.driver import Driver
from trainables.failpoints import arm


@pytest.fixture
def searches(tmp_path, monkeypatch):
    monkeypatch.setattr(patience, "_PAUSE_S", 0.0)
    searches = Searches(tmp_path)
    yield searches
    arm("")
    searches.ledger.close()


@pytest.mark.parametrize(
    "lost",
    [
        pytest.param("write.after_commit", id="the answer to the commit"),
        pytest.param("write.before_commit", id="the connection before the commit"),
    ],
)
def test_a_search_ends_as_it_would_have_although_every_other_write_loses(lost, searches):
    undisturbed = searches.submit("asha", trials=6, epochs=9)
    Driver(searches.run(undisturbed)).to_the_end()
    search = searches.submit("asha", trials=6, epochs=9)
    driver = Driver(searches.run(search))
    arm(f"{lost}={'->'.join(['1*off->1*error'] * 200)}")
    driver.to_the_end()
    arm("")
    assert judge(searches.ledger, search).faults == []
    told = [[(r.trial, r.epoch, r.value) for r in searches.ledger.reports(s)] for s in (undisturbed, search)]
    assert told[0] == told[1]
    kinds = [Counter(e.kind for e in searches.ledger.events(s, limit=1000)) for s in (undisturbed, search)]
    assert kinds[0] == kinds[1]


def test_while_a_call_fails_the_ledger_is_away(searches, monkeypatch):
    seen = []
    waits = Patience(searches.ledger, searches._coordinator)
    monkeypatch.setattr(patience.time, "sleep", lambda _: seen.append(waits.is_away))
    answers = iter([LedgerUnavailable("no"), LedgerUnavailable("no"), 7])

    def call():
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    assert not waits.is_away
    assert waits.read(call) == 7
    assert seen == [True, True]
    assert not waits.is_away


def test_a_call_that_takes_too_long_is_as_good_as_failed(searches, monkeypatch):
    monkeypatch.setattr(patience, "_STALL_S", 0.0)
    waits = Patience(searches.ledger, searches._coordinator)
    assert waits.read(lambda: waits.is_away)
