"""A service of our own to strike at: started by the real `rung up`, on SQLite or a PostgreSQL that is ours as well."""

from __future__ import annotations

import contextlib
import json
import shutil
import sqlite3
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

from service.store import Ledger
from tests.chaos.real.trainable import IMPORT_PATH
from tests.integration.test_store_postgresql import Server, find_programs, other_user
from tests.support.service import Service, processes_with

START_S = 240
"""Seconds that `rung up` may take on a busy machine."""

LEASE_S = 5.0
"""Seconds of a lease here; `Service.prepare` sets them."""


@dataclass(kw_only=True)
class Arena:
    """What faults strike at.

    Attributes:
        service: the running service.
        url: of its ledger.
        server: its PostgreSQL, None on SQLite.
        ledger: for reading, by judges.
        failpoints: the folder that arms them.
        log: the file in which trials note answered reports.
    """

    service: Service
    url: str
    server: Server | None
    ledger: Ledger
    failpoints: Path
    log: Path

    def arm(self, place: str, term: str) -> None:
        """Whoever passes `place` next carries the term out."""
        aside = self.failpoints / f"{place}.arming"
        aside.write_text(term)
        aside.rename(self.failpoints / place)

    def disarm(self, place: str) -> None:
        """Nobody does any more."""
        (self.failpoints / place).unlink(missing_ok=True)

    def struck(self, place: str) -> int | None:
        """The process that carried it out, None while nobody has; the proof is taken away."""
        for proof in self.failpoints.glob(f"{place}.struck-*"):
            proof.unlink()
            return int(proof.name.rpartition("-")[2])
        return None

    def processes(self, part: str) -> list[psutil.Process]:
        """Living processes of the cluster whose command line holds `part`."""
        found = []
        for process in self.service.processes():
            with contextlib.suppress(psutil.NoSuchProcess):
                if part in " ".join(process.cmdline()):
                    found.append(process)
        return found

    def kill_everything(self) -> None:
        """Every process of the cluster, at once."""
        for process in self.service.processes():
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()

    def hold_the_ledger(self, seconds: float) -> None:
        """The database does not answer: PostgreSQL is stopped at once and started again, SQLite stays locked."""
        if self.server is not None:
            self.server.process.kill()
            self.server.process.wait()
            time.sleep(seconds)
            (self.server.folder / "data" / "postmaster.pid").unlink(missing_ok=True)
            self.server.start()
            return
        connection = sqlite3.connect(self.service.home / "ledger.db", timeout=10, isolation_level=None)
        try:
            connection.execute("BEGIN IMMEDIATE")
            time.sleep(seconds)
        finally:
            connection.close()


@contextlib.contextmanager
def an_arena(db: str) -> Iterator[Arena]:
    """A running service.

    Args:
        db: `sqlite` or `postgresql`.

    Raises:
        AssertionError: one of its processes is left after `rung down` (I12).
    """
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="rung-chaos-")))
        failpoints = folder / "failpoints"
        failpoints.mkdir()
        server = stack.enter_context(a_postgresql()) if db == "postgresql" else None
        url = server.new_database() if server else f"sqlite:///{folder / 'home' / 'ledger.db'}"
        service = Service.prepare(
            folder / "home",
            RUNG_FAILPOINTS=f"@{failpoints}",
            RUNG_TRAINABLES=f"curve={IMPORT_PATH}",
            RUNG_LEDGER=url,
            RUNG_BACKOFF_S="0.2",
        )
        try:
            service.cli("up", timeout_s=START_S)
            marker = json.loads((service.home / "cluster.json").read_text())["marker"]
            ledger = stack.enter_context(contextlib.closing(Ledger.open(url)))
            log = folder / "answered"
            log.touch()
            yield Arena(service=service, url=url, server=server, ledger=ledger, failpoints=failpoints, log=log)
        except subprocess.TimeoutExpired:
            print((service.home / "deploy.log").read_text()[-3000:])
            raise
        finally:
            service.cli("down", check=False)
        left = [" ".join(process.cmdline())[:80] for process in processes_with(marker)]
        assert not left, f"I12: processes are left after `rung down`: {left}"


@contextlib.contextmanager
def a_postgresql() -> Iterator[Server]:
    """A PostgreSQL of our own, gone afterwards."""
    programs = find_programs()
    assert programs is not None, "no PostgreSQL is installed"
    folder = Path(tempfile.mkdtemp(prefix="rung-pg-"))  # its parents are open to the user that PostgreSQL runs as
    user = other_user()
    if user is not None:
        shutil.chown(folder, user)
    server = Server(bin=programs, folder=folder, user=user)
    try:
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)
