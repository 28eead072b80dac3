"""The ledger as of 0.1.0: searches, trials, attempts, reports, checkpoints, events, leases, idempotency keys."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Makes all tables, parents first."""
    op.create_table(
        "leases",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("clock", sa.String(length=64), nullable=False),
        sa.Column("expires_s", sa.Float(precision=53), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_leases"),
    )
    op.create_table(
        "searches",
        sa.Column("id", sa.String(length=12), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("trainable", sa.Text(), nullable=False),
        sa.Column("trainable_path", sa.Text(), nullable=False),
        sa.Column("spec", sa.JSON(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("state_reason", sa.Text(), nullable=False),
        sa.Column("intent", sa.String(length=16), nullable=False),
        sa.Column("allowance", sa.Integer(), nullable=False),
        sa.Column("last_seq", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True)),
        sa.Column("ended_at", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("id", name="pk_searches"),
    )
    op.create_index("ix_searches_created_at_id", "searches", ["created_at", "id"])
    op.create_index("ix_searches_name", "searches", ["name"])
    op.create_index("ix_searches_state", "searches", ["state"])
    op.create_table(
        "events",
        sa.Column("search", sa.String(length=12), nullable=False),
        sa.Column("seq", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("trial", sa.Integer()),
        sa.Column("attempt", sa.Integer()),
        sa.Column("data", sa.JSON(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["search"], ["searches.id"], name="fk_events_searches"),
        sa.PrimaryKeyConstraint("search", "seq", name="pk_events"),
    )
    op.create_table(
        "idempotency_keys",
        sa.Column("key", sa.String(length=255), nullable=False),
        sa.Column("request_sha256", sa.String(length=64), nullable=False),
        sa.Column("search", sa.String(length=12), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["search"], ["searches.id"], name="fk_idempotency_keys_searches", initially="DEFERRED", deferrable=True
        ),
        sa.PrimaryKeyConstraint("key", name="pk_idempotency_keys"),
    )
    op.create_table(
        "search_tags",
        sa.Column("search", sa.String(length=12), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["search"], ["searches.id"], name="fk_search_tags_searches"),
        sa.PrimaryKeyConstraint("search", "key", name="pk_search_tags"),
    )
    op.create_index("ix_search_tags_key_value", "search_tags", ["key", "value"])
    op.create_table(
        "trials",
        sa.Column("search", sa.String(length=12), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("config", sa.JSON(), nullable=False),
        sa.Column("origin", sa.JSON(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("state_reason", sa.Text(), nullable=False),
        sa.Column("displaced", sa.Boolean(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("value", sa.Float(precision=53)),
        sa.Column("best_epoch", sa.Integer()),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True)),
        sa.Column("ended_at", sa.DateTime(timezone=True)),
        sa.ForeignKeyConstraint(["search"], ["searches.id"], name="fk_trials_searches"),
        sa.PrimaryKeyConstraint("search", "number", name="pk_trials"),
    )
    op.create_index("ix_trials_search_state", "trials", ["search", "state"])
    op.create_index("ix_trials_search_value", "trials", ["search", "value"])
    op.create_table(
        "attempts",
        sa.Column("search", sa.String(length=12), nullable=False),
        sa.Column("trial", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("lease_epoch", sa.Integer(), nullable=False),
        sa.Column("start_epoch", sa.Integer(), nullable=False),
        sa.Column("gang", sa.Text()),
        sa.Column("pids", sa.JSON(), nullable=False),
        sa.Column("outcome", sa.String(length=16)),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True)),
        sa.ForeignKeyConstraint(["search", "trial"], ["trials.search", "trials.number"], name="fk_attempts_trials"),
        sa.PrimaryKeyConstraint("search", "trial", "number", name="pk_attempts"),
    )
    op.create_index(
        "uq_attempts_open",
        "attempts",
        ["search", "trial"],
        unique=True,
        sqlite_where=sa.text("outcome IS NULL"),
        postgresql_where=sa.text("outcome IS NULL"),
    )
    op.create_table(
        "checkpoints",
        sa.Column("search", sa.String(length=12), nullable=False),
        sa.Column("trial", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("attempt", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("epoch", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("manifest_sha256", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True)),
        sa.ForeignKeyConstraint(
            ["search", "trial", "attempt"],
            ["attempts.search", "attempts.trial", "attempts.number"],
            name="fk_checkpoints_attempts",
        ),
        sa.PrimaryKeyConstraint("search", "trial", "attempt", "epoch", name="pk_checkpoints"),
    )
    op.create_table(
        "reports",
        sa.Column("search", sa.String(length=12), nullable=False),
        sa.Column("trial", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("attempt", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("epoch", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("value", sa.Float(precision=53)),
        sa.Column("metrics", sa.JSON(), nullable=False),
        sa.Column("seen", sa.Boolean(), nullable=False),
        sa.Column("gang", sa.Text(), nullable=False),
        sa.Column("pids", sa.JSON(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["search", "trial", "attempt"],
            ["attempts.search", "attempts.trial", "attempts.number"],
            name="fk_reports_attempts",
        ),
        sa.PrimaryKeyConstraint("search", "trial", "attempt", "epoch", name="pk_reports"),
    )
    op.create_index(
        "uq_reports_seen",
        "reports",
        ["search", "trial", "epoch"],
        unique=True,
        sqlite_where=sa.text("seen"),
        postgresql_where=sa.text("seen"),
    )


def downgrade() -> None:
    """Drops all tables, children first; their indexes go with them."""
    for table in (
        "reports",
        "checkpoints",
        "attempts",
        "trials",
        "search_tags",
        "idempotency_keys",
        "events",
        "searches",
        "leases",
    ):
        op.drop_table(table)
