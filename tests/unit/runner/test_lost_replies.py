"""The reply to a commit is lost, as on PostgreSQL when the connection breaks there: what was written counts once."""

from __future__ import annotations

import itertools

import pytest

from service.runner.audit import audit_search
from service.states import SearchState
from service.store import ledger as ledger_module
from tests.support.judge import judge
from tests.support.runs import Searches
from tests.unit.runner.driver import Driver


@pytest.fixture
def searches(tmp_path):
    searches = Searches(tmp_path)
    yield searches
    searches.ledger.close()


@pytest.mark.parametrize("algorithm", ["random", "asha", "hyperband"])
def test_whatever_reply_is_lost_the_search_goes_on_without_a_repeat(algorithm, searches, monkeypatch):
    # Given that the reply to every second commit of the runner is lost
    search = searches.submit(algorithm, trials=9, epochs=9, checkpoints={"every_epochs": 3})
    driver = Driver(searches.run(search))
    commits = itertools.count()

    def lose(place, error=OSError):
        if place == "write.after_commit" and next(commits) % 2:
            raise error("the reply is lost")

    monkeypatch.setattr(ledger_module, "failpoint", lose)
    monkeypatch.setattr("service.runner.patience._PAUSE_S", 0.0)
    driver.to_the_end()
    monkeypatch.undo()
    # Then it completes under one runner, and its record is what a Study decides
    assert next(commits) > 50
    assert searches.ledger.search(search).state is SearchState.COMPLETED
    assert judge(searches.ledger, search).faults == []
    assert audit_search(searches.ledger, search).difference is None
