"""The migrations lead to exactly the tables of `service.store.tables`, and back."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text

from service.errors import ConfigurationError
from service.store import Ledger
from service.store.database import Database
from service.store.engine import connect
from service.store.migrate import alembic_config, migrate
from service.store.tables import metadata
from tests.contracts.story import submit


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database(connect(f"sqlite:///{tmp_path}/ledger.db"))
    yield database
    database.close()


def schema(path: Path) -> dict[str, str]:
    """Every table and index with its statement; how that is broken into lines says nothing."""
    connection = sqlite3.connect(path)
    rows = connection.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL").fetchall()
    connection.close()
    return {name: " ".join(sql.split()) for name, sql in rows if name != "alembic_version"}


def test_the_migrated_schema_is_the_one_that_the_tables_describe(database: Database, tmp_path: Path) -> None:
    migrate(database)
    described = Database(connect(f"sqlite:///{tmp_path}/described.db"))
    with described.writing() as connection:
        metadata.create_all(connection)
    described.close()

    assert schema(tmp_path / "ledger.db") == schema(tmp_path / "described.db")
    with database.reading() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []


def test_every_step_can_be_taken_back_and_again(database: Database, tmp_path: Path) -> None:
    migrate(database)
    up = schema(tmp_path / "ledger.db")
    with database.writing() as connection:
        command.downgrade(alembic_config(connection), "base")
    assert schema(tmp_path / "ledger.db") == {}
    migrate(database)
    assert schema(tmp_path / "ledger.db") == up


def test_a_process_killed_in_the_middle_of_the_steps_leaves_the_schema_as_it_was(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/ledger.db"
    program = f"from service.store import Ledger; Ledger.open({url!r})"
    env = {**os.environ, "RUNG_FAILPOINTS": "migration.after_step=2*off->1*kill"}
    killed = subprocess.run([sys.executable, "-c", program], env=env, check=False)
    assert killed.returncode == -signal.SIGKILL
    assert schema(tmp_path / "ledger.db") == {}
    ledger = Ledger.open(url)
    submit(ledger)
    ledger.close()


def test_there_is_one_newest_revision(database: Database) -> None:
    with database.reading() as connection:
        assert len(ScriptDirectory.from_config(alembic_config(connection)).get_heads()) == 1


def test_opening_again_keeps_what_is_there(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/ledger.db"
    first = Ledger.open(url)
    search = submit(first)
    first.close()
    again = Ledger.open(url)
    assert again.search(search.id) == search
    again.close()


def test_threads_may_open_a_new_database_at_once(tmp_path: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        ledgers = list(pool.map(Ledger.open, [f"sqlite:///{tmp_path}/ledger.db"] * 4))
    submit(ledgers[0])
    assert [len(ledger.searches().items) for ledger in ledgers] == [1] * 4
    for ledger in ledgers:
        ledger.close()


def test_a_database_of_a_newer_rung_is_refused_and_left_alone(database: Database, tmp_path: Path) -> None:
    migrate(database)
    with database.writing() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    before = schema(tmp_path / "ledger.db")
    with pytest.raises(ConfigurationError, match=r"newer Rung.*upgrade Rung"):
        migrate(database)
    assert schema(tmp_path / "ledger.db") == before


def test_verdicts_of_earlier_events_are_brought_along(database: Database, tmp_path: Path) -> None:
    # Given a ledger of before, with a verdict at a rung and one at none
    migrate(database)
    with database.writing() as connection:
        command.downgrade(alembic_config(connection), "0004")
    action = '{"trial": 3, "kind": "stop", "reason": "r", "rung": 1, "value": 0.9, "cutoff": 0.5, "rank": 2, "of": 7}'
    connection = sqlite3.connect(tmp_path / "ledger.db")
    connection.execute(
        "INSERT INTO events (search, seq, kind, trial, data, at) VALUES ('s', 5, 'report', 3, ?, '2026-01-01')",
        (f'{{"epoch": 3, "actions": [{{"kind": "continue", "rung": null}}, {action}]}}',),
    )
    connection.execute(
        "INSERT INTO events (search, seq, kind, data, at) VALUES ('s', 6, 'report', '{\"actions\": null}', '2026')"
    )
    connection.commit()
    # When it is migrated
    migrate(database)
    # Then the one has a row
    rows = connection.execute("SELECT seq, place, trial, epoch, rung, cutoff, among FROM verdicts").fetchall()
    connection.close()
    assert rows == [(5, 1, 3, 3, 1, 0.5, 7)]
