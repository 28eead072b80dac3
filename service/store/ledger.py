"""The ledger, the only truth, as others see it. The verbs and reads are in the classes that it is made of."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from service.errors import LedgerUnavailable
from service.models import Lease
from service.store.amendments import Amendments
from service.store.audit_log import AuditLog
from service.store.columns import Columns
from service.store.database import Database
from service.store.engine import connect
from service.store.keys import Keys
from service.store.leases import Leases, check_lease
from service.store.migrate import migrate
from service.store.projects import Projects
from service.store.sessions import Sessions
from service.store.submissions import Submissions
from service.store.wishes import Wishes
from service.store.writer import Writer
from trainables.failpoints import failpoint


class Ledger(Columns, Submissions, Amendments, Wishes, Leases, Projects, Keys, Sessions, AuditLog):
    """Every fact about searches, in SQLite or PostgreSQL.

    **Thread safety.** One object serves all threads of a process, and any number of processes may open the same URL.
    Every call is one transaction: all or nothing, durable when it returns. Calls block (on disk, on locks, up to
    `engine.WAIT_S`): never make one on an event loop.

    **Ownership.** State is written by whoever holds the lease, through `write`. Without a lease people write: `submit`,
    `request`, `amend`, `pause`, `resume`, `go_on`; projects, keys, sessions and the audit log need none. Events and
    reports are append-only; a trial's terminal state never changes, and a search's only by `go_on`.

    **By value.** What is passed in is copied, what comes out is frozen and fresh: it does not change under its reader.

    **Silence.** Every call may raise `LedgerUnavailable`. A read can then be repeated. On PostgreSQL a connection lost
    during the commit leaves open whether that took place: `write` resolves it by its token, `submit` by its idempotency
    key, and the verbs on leases and intents may simply be repeated.
    """

    def __init__(self, database: Database) -> None:
        """Takes over a database whose schema is the newest; most callers want `open`."""
        super().__init__(database)

    @classmethod
    def open(cls, url: str, wait_s: float | None = None) -> Ledger:
        """Connects and brings the schema up to date; several processes may do so at once, and be killed doing so.

        Args:
            url: `sqlite:////path/ledger.db` or `postgresql+psycopg://user:password@host/name`.
            wait_s: seconds that a call may wait for a lock, an answer or a connection; None: `engine.WAIT_S`.

        Raises:
            ConfigurationError: the URL cannot be used, or the database belongs to a newer Rung.
            LedgerUnavailable: the database does not answer.
        """
        database = Database(connect(url, wait_s))
        try:
            migrate(database)
        except BaseException:
            database.close()
            raise
        return cls(database)

    def close(self) -> None:
        """Closes its connections."""
        self._database.close()

    @contextmanager
    def write(self, lease: Lease, token: str | None = None) -> Iterator[Writer]:
        """One fenced transaction: whoever wants to take the lease over meanwhile waits for its end, so keep it short.

        Args:
            lease: the writer's.
            token: at most 32 characters that name what is written, the same in every try of it: a try that finds an
                earlier one committed has a writer that is `repeated`, and must use none of its verbs. The tries of one
                token come one after another, with no other token's between them. None for what is tried once.

        Raises:
            Fenced: the lease was taken over or released; nothing was written.
        """
        with self._database.writing() as connection:
            repeated = check_lease(connection, lease, token)
            yield Writer(connection, lease, repeated=repeated)
            failpoint("write.before_commit", LedgerUnavailable)
        failpoint("write.after_commit", LedgerUnavailable)
