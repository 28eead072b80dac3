"""What clients and trials were told, held against ledger and files after the last fault: I1, I2, I3, I11 and all."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from service.algorithms import draw_seed
from service.states import SearchState
from service.store import Ledger
from tests.chaos.invariants import violations

_DOCUMENTED = frozenset({0, 200, 201, 202, 404, 409, 412, 422, 429, 502, 503, 504})
"""Statuses that a client may see while faults strike; 0 is a connection that broke."""

_OF_THE_PROXY = "Internal Server Error"
"""What Ray Serve's proxy says with a plain 500 when a replica dies under a request; a client asks again."""


def check(ledger: Ledger, history: Path, answered: Path, store: Path) -> list[str]:
    """Every violation.

    Args:
        ledger: for reading; all searches should have ended.
        history: of the clients.
        answered: what trials noted of their reports.
        store: folder of the checkpoints.
    """
    rows = [json.loads(line) for line in history.read_text().splitlines()]
    found = [*_answers(rows), *_promises(ledger, rows), *_cancelled(ledger, rows), *_reports(ledger, rows, answered)]
    for search in ledger.searches(limit=200).items:
        found += violations(ledger, search.id, store)
    return found


def _answers(rows: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """I11: only documented statuses, refusals as problem documents, and never a traceback."""
    for row in rows:
        what = f"{row['method']} {row['path']} was answered {row['status']}"
        if row["status"] not in _DOCUMENTED and row.get("text") != _OF_THE_PROXY:
            yield f"I11: {what}: {row.get('text', '')}"
        elif "Traceback" in row.get("text", ""):
            yield f"I11: {what} with a traceback"
        elif 400 <= row["status"] < 500 and "problem+json" not in row["kind"]:
            yield f"I11: {what} as {row['kind']}"


def _promises(ledger: Ledger, rows: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """I1, I2: each key has one search, which is there as it was asked for."""
    answered: dict[str, set[str]] = defaultdict(set)
    asked: dict[str, Mapping[str, Any]] = {}
    for row in (row for row in rows if row.get("key")):
        asked[row["key"]] = row["spec"]
        if row["status"] in (200, 201):
            answered[row["key"]].add(row["search"])
    there = {search.id: search for search in ledger.searches(limit=200).items}
    for key, ids in answered.items():
        if len(ids) > 1:
            yield f"I2: key {key} was answered with {sorted(ids)}"
        for search_id in ids - there.keys():
            yield f"I1: search {search_id} was acknowledged and is not there"
        for search in (there[search_id] for search_id in ids & there.keys()):
            if (search.name, search.spec["seed"]) != (key, asked[key]["seed"]):
                yield f"I1: search {search.id} is not what key {key} asked for"
    for name, times in Counter(search.name for search in there.values()).items():
        if times > 1:
            yield f"I2: key {name} made {times} searches"


def _cancelled(ledger: Ledger, rows: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """I1: a cancellation that was acknowledged takes place, unless the search had ended."""
    for search_id in {r["search"] for r in rows if r["path"].endswith("/cancel") and r["status"] in (200, 202)}:
        search = ledger.search(search_id)
        if search.state not in (SearchState.CANCELLED, SearchState.COMPLETED):
            yield f"I1: the cancellation of {search_id} was acknowledged, and it is {search.state}"


def _reports(ledger: Ledger, rows: Iterable[Mapping[str, Any]], answered: Path) -> Iterator[str]:
    """I3: every report that a trial was answered is in the ledger."""
    told: dict[int, set[int]] = defaultdict(set)
    for line in answered.read_text().splitlines():
        seed, epoch = line.split()
        told[int(seed)].add(int(epoch))
    for search in ledger.searches(limit=200).items:
        there: dict[int, set[int]] = defaultdict(set)
        for report in ledger.reports(search.id):
            there[report.trial].add(report.epoch)
        for trial in ledger.trials(search.id):
            lost = told[draw_seed(search.spec["seed"], trial.number)] - there[trial.number]
            if lost:
                yield f"I3: {search.id} trial {trial.number}: epochs {sorted(lost)} were answered and are not there"
