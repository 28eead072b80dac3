"""Brings a database to the newest schema. The steps themselves are in `migrations/versions`.

All steps run in one transaction (DDL is transactional in SQLite and PostgreSQL alike), behind a lock: two processes
that start at once take turns, and a process killed in the middle leaves the schema as it was.
"""

from __future__ import annotations

import threading
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.util.exc import CommandError
from sqlalchemy import Connection, text

from service.errors import ConfigurationError
from service.store.database import Database

_ADVISORY_LOCK = 0x52554E47
"""Key of the PostgreSQL lock that migrations hold ("RUNG")."""

# Alembic's `op` and `context` are global to the process.
_one_at_a_time = threading.Lock()


def migrate(database: Database) -> None:
    """Upgrades to the newest revision; does nothing if it is there already.

    Raises:
        ConfigurationError: the database was migrated by a newer Rung.
        LedgerUnavailable: the database does not answer, or another process holds the lock for too long.
    """
    with _one_at_a_time, database.writing() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ADVISORY_LOCK})
        try:
            command.upgrade(alembic_config(connection), "head")
        except CommandError as error:
            raise ConfigurationError(
                f"ledger: got a database of a newer Rung ({error}), must be of this version or older; upgrade Rung"
            ) from error


def alembic_config(connection: Connection) -> Config:
    """Alembic's configuration for running inside the connection's transaction."""
    config = Config()
    folder = Path(__file__).parent / "migrations"
    config.set_main_option("script_location", str(folder).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config
