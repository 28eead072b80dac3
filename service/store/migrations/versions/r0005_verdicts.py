"""Verdicts at rungs have rows of their own: `verdicts`, filled from the events that are there."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_BATCH = 10_000


def upgrade() -> None:
    """Makes the table, and one row for each action of an earlier event at a rung."""
    table = op.create_table(
        "verdicts",
        sa.Column("search", sa.String(length=12), nullable=False),
        sa.Column("seq", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("place", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("trial", sa.Integer(), nullable=False),
        sa.Column("epoch", sa.Integer()),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("rung", sa.Integer(), nullable=False),
        sa.Column("value", sa.Float(precision=53)),
        sa.Column("cutoff", sa.Float(precision=53)),
        sa.Column("rank", sa.Integer()),
        sa.Column("among", sa.Integer()),
        sa.ForeignKeyConstraint(["search", "seq"], ["events.search", "events.seq"], name="fk_verdicts_events"),
        sa.PrimaryKeyConstraint("search", "seq", "place", name="pk_verdicts"),
    )
    op.create_index("ix_verdicts_search_trial", "verdicts", ["search", "trial"])
    events = sa.table("events", sa.column("search"), sa.column("seq"), sa.column("kind"), sa.column("data", sa.JSON()))
    recorded = sa.select(events.c.search, events.c.seq, events.c.data).where(
        events.c.kind.in_(["report", "study.told"])
    )
    for batch in op.get_bind().execute(recorded).partitions(_BATCH):
        rows = [row for search, seq, data in batch for row in _rows(search, seq, data)]
        if rows:
            op.bulk_insert(table, rows)


def downgrade() -> None:
    """Drops the table; the events still say it all."""
    op.drop_index("ix_verdicts_search_trial", table_name="verdicts")
    op.drop_table("verdicts")


def _rows(search: str, seq: int, data: dict[str, object]) -> list[dict[str, object]]:
    """As the service wrote them when this step was made; later versions of it may do otherwise."""
    actions = data["actions"] if isinstance(data["actions"], list) else []
    return [
        {
            "search": search,
            "seq": seq,
            "place": place,
            "trial": action["trial"],
            "epoch": data.get("epoch"),
            "kind": action["kind"],
            "reason": action["reason"],
            **{name: action[name] for name in ("rung", "value", "cutoff", "rank")},
            "among": action["of"],
        }
        for place, action in enumerate(actions)
        if action.get("rung") is not None
    ]
