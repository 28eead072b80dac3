"""Searches go on, and begin with what others found out: the tables `wishes` and `lineage`."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Makes the tables; nobody has wished for anything so far."""
    op.create_table(
        "lineage",
        sa.Column("child", sa.String(length=12), nullable=False),
        sa.Column("parent", sa.String(length=12), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("num_trials", sa.Integer(), nullable=False),
        sa.Column("left_out", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["child"], ["searches.id"], name="fk_lineage_searches"),
        sa.ForeignKeyConstraint(["parent"], ["searches.id"], name="fk_lineage_searches_parent"),
        sa.PrimaryKeyConstraint("child", "parent", name="pk_lineage"),
    )
    op.create_index("ix_lineage_parent", "lineage", ["parent"])
    op.create_table(
        "wishes",
        sa.Column("search", sa.String(length=12), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("fact", sa.JSON(), nullable=False),
        sa.Column("told", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["search"], ["searches.id"], name="fk_wishes_searches"),
        sa.PrimaryKeyConstraint("search", "number", name="pk_wishes"),
    )


def downgrade() -> None:
    """Drops the tables and what they say."""
    op.drop_table("wishes")
    op.drop_index("ix_lineage_parent", "lineage")
    op.drop_table("lineage")
