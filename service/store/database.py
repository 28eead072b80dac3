"""Transactions on the ledger's database, and the one place where its silence becomes `LedgerUnavailable`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from service.errors import LedgerFull, LedgerUnavailable
from service.store.clocks import BootClock, Clock, DatabaseClock
from service.store.engine import for_reading, for_writing

_CLOCKS: Mapping[str, Callable[[], Clock]] = {"sqlite": BootClock, "postgresql": DatabaseClock}

_FULL = ("database or disk is full", "No space left on device")
"""What SQLite and PostgreSQL say when no more can be written."""


class Database:
    """An engine with its two kinds of transaction and the clock of its leases. Thread-safe."""

    def __init__(self, engine: Engine, clock: Clock | None = None) -> None:
        """Takes over the engine.

        Args:
            engine: from `engine.connect`.
            clock: instead of the one that fits the engine, in tests.
        """
        self.engine = engine
        self.clock = clock or _CLOCKS[engine.dialect.name]()
        self._readers = for_reading(engine)
        self._writers = for_writing(engine)

    def reading(self) -> AbstractContextManager[Connection]:
        """A transaction that sees one moment and changes nothing.

        Raises:
            LedgerUnavailable: the database does not answer, or not in time.
        """
        return _transaction(self._readers)

    def writing(self) -> AbstractContextManager[Connection]:
        """A transaction that commits as a whole when its block ends, or not at all when the block raises.

        Raises:
            LedgerUnavailable: as for `reading`. Raised by the commit itself, it leaves open whether that took place.
        """
        return _transaction(self._writers)

    def close(self) -> None:
        """Closes the pooled connections."""
        self.engine.dispose()


@contextmanager
def _transaction(engine: Engine) -> Iterator[Connection]:
    try:
        with engine.begin() as connection:
            yield connection
    except PoolTimeout as error:
        raise _unavailable("all its connections are busy") from error
    except DBAPIError as error:
        if not (isinstance(error, OperationalError) or error.connection_invalidated):
            raise
        why = str(error.orig).strip()
        if any(words in why for words in _FULL):
            raise LedgerFull(f"ledger: got a full disk ({why}), must have room; free some", retry_after_s=10) from error
        raise _unavailable(why) from error


def _unavailable(why: str) -> LedgerUnavailable:
    return LedgerUnavailable(f"ledger: got no answer ({why}), must be reachable; try again", retry_after_s=2)
