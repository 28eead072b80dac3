"""A real gang while the ledger does not answer: it trains on, and nothing that it reported is lost or told twice."""

from __future__ import annotations

import sqlite3
import threading
import time
from itertools import pairwise

import pytest

from service.runner.engine import Engine
from service.runner.spool import Spool
from service.states import Intent, SearchState
from tests.support.judge import judge
from tests.support.runs import Searches
from trainables.gang.processes import Limits

AWAY_S = 6.0
"""Less than a statement waits for a lock: it never fails, it stalls."""

STALL_S = 2.0
"""Until a stalled ledger counts as away."""


@pytest.fixture
def searches(tmp_path):
    searches = Searches(tmp_path)
    yield searches
    searches.ledger.close()


def hold(file, begun):
    connection = sqlite3.connect(file, isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    begun.set()
    time.sleep(AWAY_S)
    connection.execute("ROLLBACK")
    connection.close()


@pytest.mark.usefixtures("cluster")
def test_a_gang_trains_on_while_the_ledger_is_locked(searches, tmp_path):
    search = searches.submit("random", trials=1, epochs=60, checkpoints={"every_epochs": 10})
    run = searches.run(search, slots=1)
    spool = Spool(tmp_path / "spool.jsonl", 1000)
    engine = Engine(run, limits=Limits(group_s=60), spool=spool)
    locked = threading.Event()
    end = time.monotonic() + 120
    waited = False
    try:
        while not run.finished:
            assert time.monotonic() < end, "it hangs"
            if not locked.is_set() and len(searches.ledger.reports(search)) >= 3:
                threading.Thread(target=hold, args=(tmp_path / "ledger.db", locked)).start()
                locked.wait(10)
            waited = waited or next(spool.left(), None) is not None
            engine.ask(lambda: run.obey(Intent.RUN, 1))
            engine.step()
    finally:
        engine.close()
    assert searches.ledger.search(search).state is SearchState.COMPLETED
    assert waited, "no report ever waited"
    assert next(spool.left(), None) is None
    assert judge(searches.ledger, search).faults == []
    reports = searches.ledger.reports(search)
    assert [report.epoch for report in reports] == list(range(1, 61))
    pauses = [(after.started_at - before.ended_at).total_seconds() for before, after in pairwise(reports)]
    assert max(pauses) < STALL_S + 2
