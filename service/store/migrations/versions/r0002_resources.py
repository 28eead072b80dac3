"""Reports say what their epoch cost: `reports.resources`, null for those of before."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Adds the column."""
    op.add_column("reports", sa.Column("resources", sa.JSON()))


def downgrade() -> None:
    """Drops the column and what it says."""
    op.drop_column("reports", "resources")
