"""How a database is connected to: URL, pool, durability, transactions. What is in it is in `tables`.

SQLite: write-ahead log, `synchronous=FULL` (a commit survives a power cut), writers begin with BEGIN IMMEDIATE so that
they wait for each other at the start and never fail in the middle. PostgreSQL: every wait is bounded.
"""

from __future__ import annotations

import fcntl
import json
import math
import os
import sqlite3
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, Table, create_engine, event, make_url
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import ArgumentError

from service.errors import ConfigurationError

WAIT_S: float = 10
"""Seconds that a statement may wait for a lock, an answer or a pooled connection, unless its opener says otherwise."""

_WRITES = "rung_writes"
"""Execution option of the engine whose transactions write."""

_FORMS = "must be sqlite:////absolute/path.db or postgresql+psycopg://user:password@host/name; correct RUNG_LEDGER"


def connect(url: str, wait_s: float | None = None) -> Engine:
    """An engine for the ledger's URL; for SQLite the folder (0700) and the file (0600) exist afterwards.

    Args:
        url: see `Ledger.open`.
        wait_s: seconds that a statement may wait for a lock, an answer or a pooled connection; None: WAIT_S.

    Raises:
        ConfigurationError: not a URL of SQLite on disk or PostgreSQL, or psycopg is not installed.
    """
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise ConfigurationError(f"ledger: got something that is no URL, {_FORMS}") from None
    make = _MAKERS.get(parsed.get_backend_name())
    if make is None:
        raise ConfigurationError(f"ledger: got {parsed.render_as_string(hide_password=True)}, {_FORMS}")
    return make(parsed, WAIT_S if wait_s is None else wait_s)


def for_reading(engine: Engine) -> Engine:
    """The same pool, for transactions that see one moment of the database and change nothing."""
    if engine.dialect.name == "postgresql":
        return engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
    return engine


def for_writing(engine: Engine) -> Engine:
    """The same pool, for transactions that write."""
    return engine.execution_options(**{_WRITES: True})


def insert_unless_there(connection: Connection, table: Table, **values: Any) -> bool:
    """Inserts a row unless a unique key already has it; waits for a rival that has not committed yet.

    Returns:
        Whether the row is new. Unlike a caught IntegrityError, False leaves the transaction usable on PostgreSQL.
    """
    insert = _INSERTS[connection.dialect.name]
    statement = insert(table).values(**values).on_conflict_do_nothing().returning(*table.primary_key)
    return connection.execute(statement).first() is not None


def _sqlite(url: URL, wait_s: float) -> Engine:
    if url.database in (None, "", ":memory:") or str(url.database).startswith("file:"):
        raise ConfigurationError(f"ledger: got SQLite in memory ({url}), which no second process sees, {_FORMS}")
    _make_file(Path(str(url.database)))
    engine = create_engine(
        url,
        connect_args={"timeout": wait_s},
        pool_size=5,
        max_overflow=20,
        pool_timeout=wait_s,
        json_serializer=to_json,
    )

    @event.listens_for(engine, "connect")
    def _on_connect(connection: sqlite3.Connection, _record: object) -> None:
        # The driver's own transactions begin too late and never IMMEDIATE: off with them, "begin" below does it.
        connection.isolation_level = None
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA foreign_keys=ON")

    @event.listens_for(engine, "begin")
    def _on_begin(connection: Connection) -> None:
        writes = connection.get_execution_options().get(_WRITES)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def _make_file(path: Path) -> None:
    """Creates the database file in WAL mode; the folder's lock keeps two first starts from colliding in that switch."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        connection = sqlite3.connect(path, timeout=WAIT_S)
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        finally:
            connection.close()
    finally:
        os.close(folder)


def _postgresql(url: URL, wait_s: float) -> Engine:
    bounds_ms = {
        "statement_timeout": round(wait_s * 1000),
        "lock_timeout": round(wait_s * 1000),
        # Half: whoever waits for the lease of a writer that stalls gets it while it still waits.
        "idle_in_transaction_session_timeout": round(wait_s * 500),
    }
    try:
        return create_engine(
            url.set(drivername="postgresql+psycopg"),
            connect_args={
                "connect_timeout": max(1, round(wait_s)),
                "options": " ".join(f"-c {bound}={ms}" for bound, ms in bounds_ms.items()),
            },
            pool_size=5,
            max_overflow=20,
            pool_timeout=wait_s,
            pool_pre_ping=True,
            isolation_level="READ COMMITTED",
            json_serializer=to_json,
        )
    except ModuleNotFoundError:
        raise ConfigurationError(
            "ledger: got a PostgreSQL URL without psycopg, must have the driver; pip install 'rung[postgresql]'"
        ) from None


_MAKERS: Mapping[str, Callable[[URL, float], Engine]] = {"sqlite": _sqlite, "postgresql": _postgresql}

_INSERTS: Mapping[str, Callable[[Table], Any]] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}


def to_json(value: Any) -> str:
    """JSON text in which NaN and the infinities, which JSON has no words for, are null."""
    try:
        return json.dumps(value, allow_nan=False, separators=(",", ":"))
    except ValueError:
        return json.dumps(_finite(value), allow_nan=False, separators=(",", ":"))


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return value
