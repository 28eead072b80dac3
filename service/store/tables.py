"""The ledger's tables and column types. The statements that build them are in `migrations`; who may write, in `writer`.

A test holds the migrated schema to what stands here.
"""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Dialect,
    Float,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    false,
    text,
)

from service.access import DEFAULT_PROJECT


class UtcDateTime(TypeDecorator[datetime]):
    """An aware datetime in UTC, to the microsecond; SQLite, which has no zones, keeps it without one."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Brings an aware datetime to UTC; a naive one is a `ValueError`, since nobody knows what it means."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"datetime: got {value} without a zone, must be aware; use datetime.now(UTC)")
        utc = value.astimezone(UTC)
        return utc.replace(tzinfo=None) if dialect.name == "sqlite" else utc

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002 - SQLAlchemy's signature
        """Gives the zone back."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(referred_table_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    }
)

projects = Table(
    "projects",
    metadata,
    Column("name", String(63), primary_key=True),
    Column("created_at", UtcDateTime, nullable=False),
    Column("quota", JSON, nullable=False, server_default="{}"),
)

searches = Table(
    "searches",
    metadata,
    Column("id", String(12), primary_key=True),
    Column("name", Text, nullable=False, index=True),
    Column("trainable", Text, nullable=False),
    Column("trainable_path", Text, nullable=False),
    Column("spec", JSON, nullable=False),
    Column("state", String(16), nullable=False, index=True),
    Column("state_reason", Text, nullable=False),
    Column("intent", String(16), nullable=False),
    Column("allowance", Integer, nullable=False),
    Column("last_seq", Integer, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("started_at", UtcDateTime),
    Column("ended_at", UtcDateTime),
    Column("changes", JSON, nullable=False, server_default="{}"),
    Column("version", Integer, nullable=False, server_default="1"),
    Column("on_hold", Boolean, nullable=False, server_default=false()),
    # Added later, when SQLite can give a column a default or a foreign key, not both.
    Column("project", String(63), nullable=False, server_default=DEFAULT_PROJECT),
    Column("demand", Integer),
    Column("likely_start", UtcDateTime),
    Index(None, "created_at", "id"),
    Index(None, "project", "created_at", "id"),
)
"""One row a search. Its row lock orders the search's events."""

search_tags = Table(
    "search_tags",
    metadata,
    Column("search", ForeignKey(searches.c.id), primary_key=True),
    Column("key", Text, primary_key=True),
    Column("value", Text, nullable=False),
    Index(None, "key", "value"),
)
"""The spec's tags once more, one row each, so that searches can be found by them."""

trials = Table(
    "trials",
    metadata,
    Column("search", ForeignKey(searches.c.id), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("config", JSON, nullable=False),
    Column("origin", JSON, nullable=False),
    Column("state", String(16), nullable=False),
    Column("state_reason", Text, nullable=False),
    Column("displaced", Boolean, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("epoch", Integer, nullable=False),
    Column("value", Float(53)),
    Column("best_epoch", Integer),
    Column("created_at", UtcDateTime, nullable=False),
    Column("started_at", UtcDateTime),
    Column("ended_at", UtcDateTime),
    Index(None, "search", "state"),
    Index(None, "search", "value"),
)

attempts = Table(
    "attempts",
    metadata,
    Column("search", String(12), primary_key=True),
    Column("trial", Integer, primary_key=True, autoincrement=False),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("lease_epoch", Integer, nullable=False),
    Column("start_epoch", Integer, nullable=False),
    Column("gang", Text),
    Column("pids", JSON, nullable=False),
    Column("outcome", String(16)),
    Column("reason", Text, nullable=False),
    Column("started_at", UtcDateTime, nullable=False),
    Column("ended_at", UtcDateTime),
    ForeignKeyConstraint(["search", "trial"], [trials.c.search, trials.c.number]),
)

# Two attempts of one trial under way at once would train it twice.
Index(
    "uq_attempts_open",
    attempts.c.search,
    attempts.c.trial,
    unique=True,
    sqlite_where=text("outcome IS NULL"),
    postgresql_where=text("outcome IS NULL"),
)

reports = Table(
    "reports",
    metadata,
    Column("search", String(12), primary_key=True),
    Column("trial", Integer, primary_key=True, autoincrement=False),
    Column("attempt", Integer, primary_key=True, autoincrement=False),
    Column("epoch", Integer, primary_key=True, autoincrement=False),
    Column("value", Float(53)),
    Column("metrics", JSON, nullable=False),
    Column("seen", Boolean, nullable=False),
    Column("gang", Text, nullable=False),
    Column("pids", JSON, nullable=False),
    Column("started_at", UtcDateTime, nullable=False),
    Column("ended_at", UtcDateTime, nullable=False),
    Column("resources", JSON(none_as_null=True)),
    ForeignKeyConstraint(["search", "trial", "attempt"], [attempts.c.search, attempts.c.trial, attempts.c.number]),
)

# The Study is told of an epoch of a trial once, whichever attempt brings it first.
Index(
    "uq_reports_seen",
    reports.c.search,
    reports.c.trial,
    reports.c.epoch,
    unique=True,
    sqlite_where=text("seen"),
    postgresql_where=text("seen"),
)

checkpoints = Table(
    "checkpoints",
    metadata,
    Column("search", String(12), primary_key=True),
    Column("trial", Integer, primary_key=True, autoincrement=False),
    Column("attempt", Integer, primary_key=True, autoincrement=False),
    Column("epoch", Integer, primary_key=True, autoincrement=False),
    Column("path", Text, nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("manifest_sha256", String(64), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("deleted_at", UtcDateTime),
    ForeignKeyConstraint(["search", "trial", "attempt"], [attempts.c.search, attempts.c.trial, attempts.c.number]),
)

events = Table(
    "events",
    metadata,
    Column("search", ForeignKey(searches.c.id), primary_key=True),
    Column("seq", Integer, primary_key=True, autoincrement=False),
    Column("kind", String(32), nullable=False),
    Column("trial", Integer),
    Column("attempt", Integer),
    Column("data", JSON, nullable=False),
    Column("at", UtcDateTime, nullable=False),
)
"""Append-only: nothing updates or deletes a row."""

verdicts = Table(
    "verdicts",
    metadata,
    Column("search", String(12), primary_key=True),
    Column("seq", Integer, primary_key=True, autoincrement=False),
    Column("place", Integer, primary_key=True, autoincrement=False),
    Column("trial", Integer, nullable=False),
    Column("epoch", Integer),
    Column("kind", String(16), nullable=False),
    Column("reason", Text, nullable=False),
    Column("rung", Integer, nullable=False),
    Column("value", Float(53)),
    Column("cutoff", Float(53)),
    Column("rank", Integer),
    Column("among", Integer),
    ForeignKeyConstraint(["search", "seq"], [events.c.search, events.c.seq]),
    Index(None, "search", "trial"),
)
"""What the actions of events say of rungs once more, one row each; `place` is the action's among those of its event."""

wishes = Table(
    "wishes",
    metadata,
    Column("search", ForeignKey(searches.c.id), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("fact", JSON, nullable=False),
    Column("told", Boolean, nullable=False),
)
"""What the search's Study is to be told, in this order; `told` once its runner has done so."""

lineage = Table(
    "lineage",
    metadata,
    Column("child", ForeignKey(searches.c.id), primary_key=True),
    Column("parent", ForeignKey(searches.c.id, name="fk_lineage_searches_parent"), primary_key=True, index=True),
    Column("kind", String(16), nullable=False),
    Column("num_trials", Integer, nullable=False),
    Column("left_out", JSON, nullable=False),
)
"""Whose results a search began with."""

leases = Table(
    "leases",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("owner", Text, nullable=False),
    Column("epoch", Integer, nullable=False),
    Column("clock", String(64), nullable=False),
    Column("expires_s", Float(53), nullable=False),
    Column("last_write", String(32)),
)
"""`owner` is empty when nobody holds it; `expires_s` counts on the clock that `clock` names (see `clocks`).

`last_write` is the token of the last transaction under it that had one: who lost the answer to its commit asks here.
"""

idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    Column("principal", String(8), primary_key=True),
    Column("key", String(255), primary_key=True),
    Column("request_sha256", String(64), nullable=False),
    # Checked at commit: the key is claimed first, so that the loser of a race makes no search.
    Column("search", ForeignKey(searches.c.id, deferrable=True, initially="DEFERRED"), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
)

keys = Table(
    "keys",
    metadata,
    Column("id", String(8), primary_key=True),
    Column("name", Text, nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("project", ForeignKey(projects.c.name)),
    Column("scopes", JSON, nullable=False),
    Column("created_by", String(8), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime),
    Column("revoked_at", UtcDateTime),
    Column("last_used_at", UtcDateTime),
    Index(None, "project"),
)

sessions = Table(
    "sessions",
    metadata,
    Column("sha256", String(64), primary_key=True),
    Column("key", String(8), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
    Index(None, "expires_at"),
)
"""`key` may be the operator, who has no row in `keys`."""

audit_log = Table(
    "audit_log",
    metadata,
    Column("seq", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("at", UtcDateTime, nullable=False),
    Column("principal", String(8), nullable=False),
    Column("project", String(63)),
    Column("method", String(16), nullable=False),
    Column("path", Text, nullable=False),
    Column("status", Integer, nullable=False),
    Index(None, "project", "seq"),
)
"""Append-only. Who wrote; what was done to a search is in its events."""
