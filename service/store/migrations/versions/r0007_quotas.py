"""Projects have quotas: `projects.quota`, empty for those of before."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Adds the column."""
    op.add_column("projects", sa.Column("quota", sa.JSON(), nullable=False, server_default="{}"))


def downgrade() -> None:
    """Drops the column and what it says."""
    op.drop_column("projects", "quota")
