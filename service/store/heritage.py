"""Writes what a search begins with: wishes for its Study, and whose results they are. Inside others' transactions."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, func, insert, select

from service.models import Descent, Json
from service.store.tables import lineage, wishes


def add_wishes(connection: Connection, search: str, facts: Sequence[Json]) -> None:
    """Appends wishes in the caller's transaction, which has the search's row locked."""
    last = connection.scalar(select(func.max(wishes.c.number)).where(wishes.c.search == search)) or 0
    for number, fact in enumerate(facts, start=last + 1):
        connection.execute(insert(wishes).values(search=search, number=number, fact=dict(fact), told=False))


def add_lineage(connection: Connection, search: str, parents: Sequence[Descent]) -> None:
    """Notes whose results a search begins with, in the caller's transaction."""
    for parent in parents:
        connection.execute(
            insert(lineage).values(
                child=search,
                parent=parent.search,
                kind=parent.kind,
                num_trials=parent.num_trials,
                left_out=dict(parent.left_out),
            )
        )
