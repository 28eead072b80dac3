"""A real ledger on SQLite whose transactions pass a fuse, and which remembers who committed under which epoch."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

from sqlalchemy import Connection, event, select

from service.models import Lease
from service.store import Ledger, Writer
from service.store.database import Database
from service.store.engine import connect
from service.store.migrate import migrate
from service.store.tables import leases, metadata, projects
from tests.chaos.pure.fuse import Fuse


class FakeClock:
    """Seconds that pass only when the harness says so."""

    name = "fake"

    def __init__(self) -> None:
        self.seconds = 0.0

    def now_s(self, connection: Connection) -> float:
        return self.seconds


class FusedDatabase(Database):
    """A database whose every boundary burns the fuse."""

    def __init__(self, url: str, clock: FakeClock, fuse: Fuse) -> None:
        super().__init__(connect(url), clock)
        self.fuse = fuse
        event.listen(self.engine, "before_cursor_execute", lambda *_: self.fuse.states())

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        with self._passing(), super().reading() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        with self._passing():
            with super().writing() as connection:
                yield connection
            self.fuse.committed()

    @contextmanager
    def _passing(self) -> Iterator[None]:
        self.fuse.begins()
        try:
            yield
        finally:
            self.fuse.ends()


class WatchedLedger(Ledger):
    """The ledger as the world's processes see it.

    Attributes:
        violations: commits under a lease that was somebody else's by then.
    """

    def __init__(self, database: FusedDatabase) -> None:
        super().__init__(database)
        self.violations: list[str] = []

    @classmethod
    def make(cls, url: str, clock: FakeClock, fuse: Fuse) -> WatchedLedger:
        """A ledger with the newest schema."""
        database = FusedDatabase(url, clock, fuse)
        migrate(database)
        return cls(database)

    def write(self, lease: Lease, token: str | None = None) -> AbstractContextManager[Writer]:
        return self._watched(lease, token)

    @contextmanager
    def _watched(self, lease: Lease, token: str | None) -> Iterator[Writer]:
        with super().write(lease, token) as writer:
            held = writer._connection.scalar(select(leases.c.epoch).where(leases.c.name == lease.name))
            yield writer
            if held != lease.epoch:
                self.violations.append(f"I5: epoch {lease.epoch} of {lease.name} wrote, and {held} holds it")

    def wipe(self) -> None:
        """Empties every table: the next schedule begins with a new world, at a fraction of a new file's price."""
        with self._database.writing() as connection:
            connection.exec_driver_sql("PRAGMA defer_foreign_keys=ON")
            for table in reversed(metadata.sorted_tables):
                if table is not projects:  # the migrations made its one row
                    connection.execute(table.delete())
        self.violations = []
