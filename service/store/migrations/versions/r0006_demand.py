"""What a search could use and when it is likely to get it: `searches.demand`, `likely_start`."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Adds the columns; nothing is known yet."""
    op.add_column("searches", sa.Column("demand", sa.Integer()))
    op.add_column("searches", sa.Column("likely_start", sa.DateTime(timezone=True)))


def downgrade() -> None:
    """Drops the columns and what they say."""
    for column in ("likely_start", "demand"):
        op.drop_column("searches", column)
