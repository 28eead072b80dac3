"""The verdicts that were reached at rungs, one row each, so that rungs can be drawn without reading every event again.

The events stay what a Study is replayed from; a row here repeats what one of their actions says.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, insert

from service.models import Json
from service.store.tables import verdicts


def enter_verdicts(connection: Connection, search: str, seq: int, epoch: int | None, actions: Sequence[Json]) -> None:
    """Writes the rows of one event's actions, in the transaction that wrote the event.

    Args:
        connection: of that transaction.
        search: its id.
        seq: sequence of the event.
        epoch: epoch of the report that was judged; None for what is no report.
        actions: the Study's, as their `to_dict` wrote them.
    """
    rows = verdict_rows(search, seq, epoch, actions)
    if rows:
        connection.execute(insert(verdicts), rows)


def verdict_rows(search: str, seq: int, epoch: int | None, actions: Sequence[Json]) -> list[dict[str, object]]:
    """The rows, by column name; none for actions that involve no rung."""
    return [
        {
            "search": search,
            "seq": seq,
            "place": place,
            "trial": action["trial"],
            "epoch": epoch,
            "kind": action["kind"],
            "reason": action["reason"],
            **{name: action[name] for name in ("rung", "value", "cutoff", "rank")},
            "among": action["of"],
        }
        for place, action in enumerate(actions)
        if action.get("rung") is not None
    ]
