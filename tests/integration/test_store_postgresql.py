"""The ledger's contract on a real PostgreSQL, which this file starts and stops; and what only that can go through.

Skipped, with the reason, where no PostgreSQL or no driver is installed.
"""

from __future__ import annotations

import glob
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import text

from service.errors import ConfigurationError, LedgerUnavailable
from service.store import EventKind, Ledger, database
from service.store import engine as engine_module
from service.store.clocks import DatabaseClock
from service.store.tables import metadata
from tests.contracts.store import StoreContract
from tests.contracts.story import begun

pytest.importorskip("psycopg", reason="psycopg is not installed: pip install 'rung[postgresql]'")
import psycopg


@dataclass(kw_only=True)
class Server:
    """A PostgreSQL of our own, on a socket in its own folder; durability off, since nothing here outlives the test."""

    bin: Path
    folder: Path
    user: str | None

    def __post_init__(self) -> None:
        self._names = count(1)
        self._run("initdb", "-D", str(self.folder / "data"), "-U", "rung", "-A", "trust", "-E", "UTF8", "--no-sync")
        self.start()

    def start(self) -> None:
        settings = ["listen_addresses=", f"unix_socket_directories={self.folder}", "fsync=off", "timezone=Asia/Tokyo"]
        options = [part for setting in settings for part in ("-c", setting)]
        command = [str(self.bin / "postgres"), "-D", str(self.folder / "data"), *options]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(command, user=self.user, cwd=self.folder, stdout=log, stderr=log)
        self._wait()

    def stop(self) -> None:
        self.process.send_signal(signal.SIGINT)
        self.process.wait(timeout=30)

    def new_database(self) -> str:
        """URL of an empty database."""
        name = f"rung_{next(self._names)}"
        with self._connect() as connection:
            connection.execute(f"CREATE DATABASE {name}")
        return f"postgresql+psycopg://rung@/{name}?host={self.folder}"

    def _wait(self) -> None:
        for _ in range(300):
            try:
                self._connect().close()
                return
            except psycopg.OperationalError:
                assert self.process.poll() is None, (self.folder / "log").read_text()
                time.sleep(0.1)
        raise AssertionError((self.folder / "log").read_text())

    def _connect(self) -> psycopg.Connection[tuple[object, ...]]:
        return psycopg.connect(host=str(self.folder), user="rung", dbname="postgres", autocommit=True)

    def _run(self, program: str, *args: str) -> None:
        done = subprocess.run(
            [str(self.bin / program), *args],
            user=self.user,
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr


def find_programs() -> Path | None:
    """The folder that holds both initdb and postgres, wherever this system keeps it."""
    on_path = shutil.which("initdb")
    debian = sorted(glob.glob("/usr/lib/postgresql/*/bin/initdb"), reverse=True)
    for initdb in [*debian, *([on_path] if on_path else [])]:
        if (Path(initdb).parent / "postgres").exists():
            return Path(initdb).parent
    return None


def other_user() -> str | None:
    """PostgreSQL refuses to run as root: whose it is then. None for whoever we are."""
    if os.geteuid() != 0:
        return None
    known = {entry.pw_name for entry in pwd.getpwall()}
    return next(name for name in ("postgres", "nobody") if name in known)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    programs = find_programs()
    if programs is None:
        pytest.skip("no initdb and postgres on PATH or below /usr/lib/postgresql: install the postgresql package")
    # Not tmp_path: its parents are closed to other users, and a socket's path may have 107 characters at most.
    folder = Path(tempfile.mkdtemp(prefix="rung-pg-"))
    user = other_user()
    if user is not None:
        shutil.chown(folder, user)
    started = Server(bin=programs, folder=folder, user=user)
    yield started
    started.stop()
    shutil.rmtree(folder)


@pytest.fixture
def url(server: Server) -> str:
    return server.new_database()


class TestPostgresql(StoreContract):
    """Everything in the contract."""


def test_the_migrated_schema_is_the_one_that_the_tables_describe(url: str) -> None:
    ledger = Ledger.open(url)
    with ledger._database.reading() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    ledger.close()


def test_a_lease_goes_by_the_clock_of_the_server(url: str) -> None:
    ledger = Ledger.open(url)
    assert isinstance(ledger._database.clock, DatabaseClock)
    with ledger._database.reading() as connection:
        assert abs(DatabaseClock().now_s(connection) - time.time()) < 60
    ledger.close()


def test_a_reader_sees_one_moment_and_can_write_nothing(url: str) -> None:
    ledger = Ledger.open(url)
    story = begun(ledger)
    with ledger._database.reading() as connection:
        query = text("SELECT last_seq FROM searches")
        before = connection.scalar(query)
        story.propose()
        assert connection.scalar(query) == before
    with pytest.raises(Exception, match="read-only"), ledger._database.reading() as connection:
        connection.execute(text("DELETE FROM events"))
    ledger.close()


def test_a_wait_for_a_lock_is_bounded_and_ends_as_unavailable(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    holder = Ledger.open(url)
    monkeypatch.setattr(engine_module, "WAIT_S", 1)
    waiter = Ledger.open(url)
    story = begun(holder)
    with story.writing(), pytest.raises(LedgerUnavailable) as caught:
        waiter.seize_lease(story.lease.name, "runner-2", 60)
    assert caught.value.retry_after_s == 2
    holder.close()
    waiter.close()


def test_a_writer_that_stalls_in_its_transaction_is_cut_off_while_its_successor_waits(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_module, "WAIT_S", 2)
    ledger = Ledger.open(url)
    story = begun(ledger)

    def stall() -> None:
        with story.writing() as writer:
            writer.event(story.search, EventKind.WARNING, {"message": "never"})
            ledger.seize_lease(story.lease.name, "runner-2", 60)
            writer.event(story.search, EventKind.WARNING, {"message": "never"})

    with pytest.raises(LedgerUnavailable, match="idle-in-transaction"):
        stall()
    status = ledger.lease(story.lease.name)
    assert status is not None
    assert status.lease.owner == "runner-2"
    assert all(event.data != {"message": "never"} for event in ledger.events(story.search))
    ledger.close()


def test_a_search_may_be_written_under_two_leases_at_once(url: str) -> None:
    ledger = Ledger.open(url)
    story = begun(ledger)
    coordinator = ledger.seize_lease("coordinator", "c", 60)

    def grant() -> None:
        for slots in range(1, 41):
            with ledger.write(coordinator) as writer:
                writer.set_allowance(story.search, slots)

    thread = threading.Thread(target=grant)
    thread.start()
    number = story.running()
    for epoch in range(1, 41):
        story.report(number, epoch, 1 / epoch)
    thread.join()
    events = ledger.events(story.search)
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    assert story.read().allowance == 40
    assert story.trial(number).epoch == 40
    ledger.close()


def test_a_server_that_restarts_is_unavailable_meanwhile_and_then_found_again(server: Server, url: str) -> None:
    ledger = Ledger.open(url)
    story = begun(ledger)
    server.stop()
    try:
        with pytest.raises(LedgerUnavailable, match="try again") as caught:
            ledger.ping()
        assert caught.value.status == 503
        with pytest.raises(LedgerUnavailable):
            story.propose()
        with pytest.raises(LedgerUnavailable):
            Ledger.open(url)
    finally:
        server.start()
    ledger.ping()
    story.report(story.running(), 1, 0.5)
    ledger.close()


def test_a_plain_postgresql_url_gets_our_driver(url: str) -> None:
    Ledger.open(url.replace("postgresql+psycopg", "postgresql")).close()


def test_a_database_of_a_newer_rung_is_refused(url: str) -> None:
    ledger = Ledger.open(url)
    with ledger._database.writing() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    ledger.close()
    with pytest.raises(ConfigurationError, match="newer Rung"):
        Ledger.open(url)


def test_without_the_driver_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*_: object, **__: object) -> None:
        raise ModuleNotFoundError("psycopg")

    monkeypatch.setattr(engine_module, "create_engine", missing)
    with pytest.raises(ConfigurationError, match="pip install"):
        database.Database(engine_module.connect("postgresql+psycopg://rung@/x"))
