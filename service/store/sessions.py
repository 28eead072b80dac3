"""Sessions of browsers in the ledger: opened, found by the hash of their secret, closed."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime, timedelta

from sqlalchemy import delete, insert, select

from service.models import Session
from service.store.database import Database
from service.store.tables import sessions


class Sessions:
    """The verbs on sessions. Each is a transaction of its own."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def open_session(self, sha256: str, key: str, lifetime: timedelta) -> Session:
        """Opens one; those that have expired are removed by the way.

        Args:
            sha256: of the cookie's secret, hexadecimal.
            key: id of the key, or that of the operator.
            lifetime: after which it ends by itself.
        """
        now = datetime.now(UTC)
        opened = Session(sha256=sha256, key=key, created_at=now, expires_at=now + lifetime)
        with self._database.writing() as connection:
            connection.execute(delete(sessions).where(sessions.c.expires_at <= now))
            connection.execute(insert(sessions).values(**asdict(opened)))
        return opened

    def session(self, sha256: str) -> Session | None:
        """The session of this hash that has not expired; None if there is none."""
        query = select(sessions).where(sessions.c.sha256 == sha256, sessions.c.expires_at > datetime.now(UTC))
        with self._database.reading() as connection:
            row = connection.execute(query).mappings().one_or_none()
        return None if row is None else Session(**row)

    def close_session(self, sha256: str) -> None:
        """Ends one; does nothing if it has ended."""
        with self._database.writing() as connection:
            connection.execute(delete(sessions).where(sessions.c.sha256 == sha256))
