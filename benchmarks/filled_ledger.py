"""A ledger as a very large search would have left it, written directly: curves are a formula, no gang ever ran.

Used by `page_scale`, and nothing here measures anything.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Table, update

from search_spaces import Space
from service.algorithms import AlgorithmSpec
from service.schemas import SearchSpec
from service.store import Ledger
from service.store.database import Database
from service.store.engine import connect, to_json
from service.store.tables import attempts, events, reports, searches, trials, verdicts
from service.store.verdicts import verdict_rows

SPACE = {
    "lr": {"type": "float", "low": 1e-4, "high": 1e-1, "log": True},
    "hidden": {"type": "int", "low": 16, "high": 256, "log": True},
    "dropout": {"type": "float", "low": 0.0, "high": 0.5},
    "optimizer": {"type": "categorical", "choices": ["sgd", "adam"]},
    "momentum": {"type": "float", "low": 0.0, "high": 0.99, "when": {"optimizer": "sgd"}},
}
SLOTS = 64
_BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
_BATCH = 500


def fill(folder: Path, num_trials: int, epochs: int) -> str:
    """Writes one search that has ended, every trial trained to its last epoch; returns its id.

    Args:
        folder: gets `ledger.db`.
        num_trials: its trials.
        epochs: reports of each.
    """
    url = f"sqlite:///{folder / 'ledger.db'}"
    ledger = Ledger.open(url)
    spec = SearchSpec.model_validate(
        {
            "name": f"large-{num_trials}",
            "trainable": "digits_mlp",
            "space": Space.parse(SPACE).to_dict(),
            "algorithm": AlgorithmSpec.parse({"name": "asha"}).to_dict(),
            "objective": {"metric": "loss", "mode": "min"},
            "budget": {"trials": num_trials, "epochs": epochs},
        }
    ).model_dump(mode="json")
    search = ledger.submit(spec=spec, name=f"large-{num_trials}", trainable="digits_mlp", trainable_path="m:T")[0].id
    ledger.close()
    database = Database(connect(url))
    rungs = [epoch for epoch in (1, 2, 6, 17) if epoch < epochs]
    seq = 1
    for first in range(0, num_trials, _BATCH):
        rows = _rows(search, range(first, min(first + _BATCH, num_trials)), epochs, rungs, seq)
        seq += len(rows["events"])
        with database.writing() as connection:
            for table in (trials, attempts, reports, events, verdicts):
                _write(connection, table, rows[table.name])
    with database.writing() as connection:
        ended = _BEGAN + timedelta(seconds=num_trials * epochs / SLOTS)
        done = {"state": "completed", "state_reason": "all trials have ended", "last_seq": seq}
        connection.execute(
            update(searches)
            .where(searches.c.id == search)
            .values(**done, created_at=_BEGAN, started_at=_BEGAN, ended_at=ended)
        )
    database.close()
    return search


def _write(connection: Connection, table: Table, rows: list[dict[str, Any]]) -> None:
    """All rows at once, past SQLAlchemy, which would take most of the time."""
    names = list(rows[0])
    places = ", ".join("?" * len(names))
    statement = f"INSERT INTO {table.name} ({', '.join(names)}) VALUES ({places})"  # noqa: S608 - names of our own
    driver: Any = connection.connection.dbapi_connection
    driver.executemany(statement, [tuple(_stored(row[name]) for name in names) for row in rows])


def _stored(value: Any) -> Any:
    """As the ledger's column types keep it in SQLite."""
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M:%S.%f")
    return to_json(value) if isinstance(value, dict | list) else value


def _rows(search: str, numbers: range, epochs: int, rungs: list[int], seq: int) -> dict[str, list[dict[str, Any]]]:
    """What some trials leave in each table."""
    space = Space.parse(SPACE)
    made: dict[str, list[dict[str, Any]]] = {
        name: [] for name in ("trials", "attempts", "reports", "events", "verdicts")
    }
    for number in numbers:
        config = space.sample(number)
        began = _BEGAN + timedelta(seconds=(number // SLOTS) * epochs)
        ended = began + timedelta(seconds=epochs)
        values = [_loss(config, number, epoch) for epoch in range(1, epochs + 1)]
        best = min(range(epochs), key=values.__getitem__)
        row = {"search": search, "trial": number, "attempt": 1}
        moments = {"started_at": began, "ended_at": ended}
        made["trials"].append(
            {"search": search, "number": number, "config": config, "origin": {"kind": "random", "text": "drawn"}}
            | {"state": "completed", "state_reason": f"all {epochs} epochs", "displaced": False, "attempts": 1}
            | {"epoch": epochs, "value": values[best], "best_epoch": best + 1, "created_at": began, **moments}
        )
        made["attempts"].append(
            {"search": search, "trial": number, "number": 1, "lease_epoch": 1, "start_epoch": 0, "pids": [1]}
            | {"gang": f"gang-{number % SLOTS}", "outcome": "completed", "reason": "through", **moments}
        )
        for epoch, value in enumerate(values, 1):
            at = began + timedelta(seconds=epoch)
            seq += 1
            made["reports"].append(
                {**row, "epoch": epoch, "value": value, "metrics": {"loss": value}, "seen": True, "gang": "gang"}
                | {"pids": [1], "started_at": at - timedelta(seconds=1), "ended_at": at}
            )
            action = _action(number, epoch, value, rungs)
            data = {"epoch": epoch, "value": value, "metrics": {"loss": value}, "fact": {}, "actions": [action]}
            made["events"].append(
                {"search": search, "seq": seq, "kind": "report", "trial": number, "attempt": 1, "data": data, "at": at}
            )
            made["verdicts"] += verdict_rows(search, seq, epoch, [action])
    return made


def _loss(config: dict[str, Any], number: int, epoch: int) -> float:
    """Falls with the epochs, towards a valley in the learning rate; a little of its own that looks like noise."""
    noise = 0.02 * math.sin(number * 12.9898 + epoch * 78.233)
    return abs(math.log10(config["lr"]) + 2) + config["dropout"] / 4 + 1 / epoch + noise


def _action(number: int, epoch: int, value: float, rungs: list[int]) -> dict[str, Any]:
    rung = rungs.index(epoch) if epoch in rungs else None
    judged = {} if rung is None else {"cutoff": 1.0, "rank": 1 + number // 3, "of": 1 + number, "value": value}
    reason = f"epoch {epoch} is no rung" if rung is None else f"rung {rung}: in the top third"
    return {"trial": number, "kind": "continue", "reason": reason, "rung": rung, **judged}
