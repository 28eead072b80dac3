"""Projects, keys, sessions and the audit log; searches belong to a project, idempotency keys to who sent them."""

from __future__ import annotations

from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Makes the tables; what is there already belongs to the project `default` and to the operator."""
    projects = op.create_table(
        "projects",
        sa.Column("name", sa.String(length=63), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_projects"),
    )
    op.bulk_insert(projects, [{"name": "default", "created_at": datetime.now(UTC)}])
    op.add_column("searches", sa.Column("project", sa.String(length=63), server_default="default", nullable=False))
    op.create_index("ix_searches_project_created_at_id", "searches", ["project", "created_at", "id"])
    op.create_table(
        "keys",
        sa.Column("id", sa.String(length=8), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("project", sa.String(length=63)),
        sa.Column("scopes", sa.JSON(), nullable=False),
        sa.Column("created_by", sa.String(length=8), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True)),
        sa.Column("revoked_at", sa.DateTime(timezone=True)),
        sa.Column("last_used_at", sa.DateTime(timezone=True)),
        sa.ForeignKeyConstraint(["project"], ["projects.name"], name="fk_keys_projects"),
        sa.PrimaryKeyConstraint("id", name="pk_keys"),
    )
    op.create_index("ix_keys_project", "keys", ["project"])
    op.create_table(
        "sessions",
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("key", sa.String(length=8), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("sha256", name="pk_sessions"),
    )
    op.create_index("ix_sessions_expires_at", "sessions", ["expires_at"])
    op.create_table(
        "audit_log",
        sa.Column("seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("principal", sa.String(length=8), nullable=False),
        sa.Column("project", sa.String(length=63)),
        sa.Column("method", sa.String(length=16), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name="pk_audit_log"),
    )
    op.create_index("ix_audit_log_project_seq", "audit_log", ["project", "seq"])
    _remake_idempotency_keys(principal=True)


def downgrade() -> None:
    """Drops all of it: everybody sees everything again. Of equal keys of two principals the older one is kept."""
    _remake_idempotency_keys(principal=False)
    for table in ("audit_log", "sessions", "keys", "projects"):
        op.drop_table(table)
    op.drop_index("ix_searches_project_created_at_id", "searches")
    op.drop_column("searches", "project")


def _remake_idempotency_keys(*, principal: bool) -> None:
    """The table with or without the column; SQLite cannot change a primary key."""
    connection = op.get_bind()
    columns = ["key", "request_sha256", "search", "created_at"]
    times = {"created_at": sa.DateTime(timezone=True)}
    old = sa.table("idempotency_keys", *(sa.column(name, times.get(name)) for name in columns))
    rows = [dict(row) for row in connection.execute(sa.select(old).order_by(sa.text("created_at DESC"))).mappings()]
    op.drop_table("idempotency_keys")
    owner = [sa.Column("principal", sa.String(length=8), nullable=False)] if principal else []
    made = op.create_table(
        "idempotency_keys",
        *owner,
        sa.Column("key", sa.String(length=255), nullable=False),
        sa.Column("request_sha256", sa.String(length=64), nullable=False),
        sa.Column("search", sa.String(length=12), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["search"], ["searches.id"], name="fk_idempotency_keys_searches", initially="DEFERRED", deferrable=True
        ),
        sa.PrimaryKeyConstraint(*(["principal"] if principal else []), "key", name="pk_idempotency_keys"),
    )
    if principal:
        rows = [{"principal": "operator", **row} for row in rows]
    else:
        rows = list({row["key"]: row for row in rows}.values())
    op.bulk_insert(made, rows)
