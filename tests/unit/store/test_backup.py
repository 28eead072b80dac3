"""A backup made while the service writes, as docs/operations.md says, is a ledger that a search goes on from."""

from __future__ import annotations

import sqlite3
from contextlib import closing

from tests.support.judge import judge
from tests.support.runs import Searches
from tests.unit.runner.driver import Driver


def test_a_search_goes_on_from_a_backup_that_was_made_while_it_ran(tmp_path):
    live = tmp_path / "live"
    live.mkdir()
    searches = Searches(live)
    search = searches.submit("random", trials=3, epochs=3)
    driver = Driver(searches.run(search))
    driver.fill()
    driver.train(0)
    with (
        closing(sqlite3.connect(live / "ledger.db")) as source,
        closing(sqlite3.connect(tmp_path / "backup.db")) as backup,
    ):
        source.backup(backup)
    driver.train(0)
    searches.ledger.close()
    # Given that the disk of the ledger is lost, and the checkpoints are not
    for file in live.glob("ledger.db*"):
        file.unlink()
    (tmp_path / "backup.db").rename(live / "ledger.db")
    restored = Searches(live)
    assert [report.epoch for report in restored.ledger.reports(search)] == [1]
    Driver(restored.run(search)).to_the_end()
    assert judge(restored.ledger, search).faults == []
    restored.ledger.close()
