"""A lease remembers the last write under it, `leases.last_write`, by which a lost answer to a commit is resolved."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Adds the column."""
    op.add_column("leases", sa.Column("last_write", sa.String(length=32)))


def downgrade() -> None:
    """Drops the column."""
    op.drop_column("leases", "last_write")
