"""How a database is connected to: who may read its files, what a commit survives, which URLs are refused."""

from __future__ import annotations

import json
import math
import sqlite3
import stat
import threading
import time
from pathlib import Path

import pytest
from sqlalchemy import text

from service.errors import ConfigurationError, LedgerFull, LedgerUnavailable
from service.store import Ledger, engine
from service.store.database import Database
from service.store.engine import connect, to_json
from tests.contracts.story import begun, submit


def test_only_the_owner_may_read_the_folder_and_the_file(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "home"
    ledger = Ledger.open(f"sqlite:///{folder}/ledger.db")
    submit(ledger)

    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()}
    assert modes == {"ledger.db": 0o600, "ledger.db-wal": 0o600, "ledger.db-shm": 0o600}
    ledger.close()


@pytest.mark.parametrize(
    ("pragma", "value"), [("journal_mode", "wal"), ("synchronous", 2), ("foreign_keys", 1), ("busy_timeout", 10_000)]
)
def test_every_connection_is_durable_and_patient(tmp_path: Path, pragma: str, value: object) -> None:
    database = Database(connect(f"sqlite:///{tmp_path}/ledger.db"))
    with database.reading() as connection:
        assert connection.scalar(text(f"PRAGMA {pragma}")) == value
    database.close()


def test_a_writer_holds_the_write_lock_from_the_start_and_a_reader_never(tmp_path: Path) -> None:
    database = Database(connect(f"sqlite:///{tmp_path}/ledger.db"))
    other = sqlite3.connect(tmp_path / "ledger.db", timeout=0, isolation_level=None)
    with database.reading():
        other.execute("BEGIN IMMEDIATE")
        other.execute("ROLLBACK")
    with database.writing(), pytest.raises(sqlite3.OperationalError, match="locked"):
        other.execute("BEGIN IMMEDIATE")
    other.close()
    database.close()


def test_a_database_that_stays_locked_is_unavailable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "WAIT_S", 0.1)
    ledger = Ledger.open(f"sqlite:///{tmp_path}/ledger.db")
    other = sqlite3.connect(tmp_path / "ledger.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(LedgerUnavailable, match="database is locked") as caught:
        submit(ledger)
    assert (caught.value.status, caught.value.retry_after_s) == (503, 2)
    assert ledger.searches().items == ()
    other.execute("ROLLBACK")
    submit(ledger)
    other.close()
    ledger.close()


def test_threads_that_find_no_free_connection_are_told_it_is_unavailable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "WAIT_S", 0.1)
    database = Database(connect(f"sqlite:///{tmp_path}/ledger.db"))
    held = [database.reading() for _ in range(25)]
    for transaction in held:
        transaction.__enter__()
    with pytest.raises(LedgerUnavailable, match="connections are busy"), database.reading():
        pass
    for transaction in held:
        transaction.__exit__(None, None, None)
    database.close()


def test_many_threads_share_one_ledger(tmp_path: Path) -> None:
    ledger = Ledger.open(f"sqlite:///{tmp_path}/ledger.db")
    story = begun(ledger)
    found: list[int] = []
    readers = [threading.Thread(target=lambda: found.append(len(ledger.events(story.search)))) for _ in range(20)]
    for reader in readers:
        reader.start()
    story.report(story.running(), 1, 0.5)
    for reader in readers:
        reader.join()
    assert len(found) == 20
    ledger.close()


@pytest.mark.parametrize(
    "url",
    [
        "sqlite://",
        "sqlite:///:memory:",
        "sqlite:///file:x?mode=memory&uri=true",
        "mysql://u:secret@h/d",
        "ledger.db",
        "",
    ],
)
def test_a_url_that_cannot_hold_a_ledger_is_refused_with_the_way_out(url: str) -> None:
    with pytest.raises(ConfigurationError, match=r"must be sqlite:////.*correct RUNG_LEDGER") as caught:
        connect(url)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_json_has_null_for_what_is_not_finite_however_deep(value: float) -> None:
    assert json.loads(to_json({"a": [1.5, (value, {"b": value})], "c": "NaN"})) == {
        "a": [1.5, [None, {"b": None}]],
        "c": "NaN",
    }


def test_a_full_disk_is_told_as_such_and_all_is_well_when_there_is_room_again(tmp_path: Path) -> None:
    ledger = Ledger.open(f"sqlite:///{tmp_path}/ledger.db")
    before = submit(ledger)
    # Given a database that may not grow: what SQLite then says is what it says of a full disk
    with ledger._database.writing() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
        connection.exec_driver_sql(f"PRAGMA max_page_count={pages}")
    with pytest.raises(LedgerFull, match="must have room; free some") as caught:
        list(map(submit, [ledger] * 200))
    assert (caught.value.status, caught.value.retry_after_s) == (507, 10)
    ledger.close()  # its connections go, and with them the bound
    assert ledger.search(before.id) == before
    submit(ledger)
    ledger.close()


def test_who_opens_a_ledger_says_how_long_it_may_wait(tmp_path: Path) -> None:
    ledger = Ledger.open(f"sqlite:///{tmp_path}/ledger.db", 0.1)
    other = sqlite3.connect(tmp_path / "ledger.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    began = time.monotonic()
    with pytest.raises(LedgerUnavailable):
        submit(ledger)
    assert time.monotonic() - began < 5
    other.close()
    ledger.close()
