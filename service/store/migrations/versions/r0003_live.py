"""Searches can be changed while they run: `searches.changes`, `version`, `on_hold`."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Adds the columns; what was submitted before has not been changed, and nobody holds it."""
    op.add_column("searches", sa.Column("changes", sa.JSON(), nullable=False, server_default="{}"))
    op.add_column("searches", sa.Column("version", sa.Integer(), nullable=False, server_default="1"))
    op.add_column("searches", sa.Column("on_hold", sa.Boolean(), nullable=False, server_default=sa.false()))


def downgrade() -> None:
    """Drops the columns and what they say."""
    for column in ("on_hold", "version", "changes"):
        op.drop_column("searches", column)
