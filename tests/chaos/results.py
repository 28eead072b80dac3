"""The rows that runs left in `results/`, and the tables that RELIABILITY.md shows of them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from statistics import quantiles
from typing import Any

FOLDER = Path(__file__).parent / "results"

_WHO = ("api", "coordinator", "runner", "gang", "ledger", "cluster", "process", "migration")


def append(name: str, rows: Iterable[dict[str, Any]]) -> None:
    """Adds rows to a file of results."""
    FOLDER.mkdir(exist_ok=True)
    with (FOLDER / f"{name}.jsonl").open("a") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)


def read(name: str) -> list[dict[str, Any]]:
    """All rows of a file of results; none where there is no file."""
    file = FOLDER / f"{name}.jsonl"
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def report() -> Iterator[str]:
    """The tables, line by line."""
    rows = read("faults")
    kinds = sorted({row["fault"] for row in rows}, key=lambda number: int(number[1:]))
    databases = sorted({row["db"] for row in rows})
    yield f"| fault | places | {' | '.join(databases)} | struck | with violations |"
    yield "|---|---|" + "---|" * (len(databases) + 2)
    for kind in kinds:
        of = [row for row in rows if row["fault"] == kind]
        counts = " | ".join(str(sum(row["db"] == db for row in of)) for db in databases)
        places = len({row["place"] for row in of})
        yield f"| {kind} | {places} | {counts} | {len(of)} | {sum(bool(row['violations']) for row in of)} |"
    bad = sum(bool(row["violations"]) for row in rows)
    counts = " | ".join(str(sum(row["db"] == db for row in rows)) for db in databases)
    yield f"| all | {len({row['place'] for row in rows})} | {counts} | {len(rows)} | {bad} |"
    yield ""
    yield "| what was struck | times | p50, s | p95, s | max, s |"
    yield "|---|---|---|---|---|"
    for who in _WHO:
        seconds = sorted(row["recovered_s"] for row in rows if row["who"] == who and row["recovered_s"] is not None)
        if len(seconds) > 1:
            cuts = quantiles(seconds, n=20, method="inclusive")
            yield f"| {who} | {len(seconds)} | {cuts[9]:.1f} | {cuts[18]:.1f} | {seconds[-1]:.1f} |"
    schedules = read("schedules")
    if schedules:
        count, seconds = (sum(row[key] for row in schedules) for key in ("schedules", "seconds"))
        bad = sum(len(row["violations"]) for row in schedules)
        struck: Counter[str] = Counter()
        for row in schedules:
            struck.update(row["struck"])
        yield ""
        yield f"{count} schedules without Ray, {60 * count / seconds:.0f} a minute, {bad} with violations. They struck:"
        yield ""
        yield "| what | where | times |"
        yield "|---|---|---|"
        for key, times in sorted(struck.items()):
            what, _, where = key.partition(" at ")
            yield f"| {what} | {where} | {times} |"
        yield f"| all | | {struck.total()} |"
