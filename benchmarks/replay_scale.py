"""How long a very large search takes to be taken up again: 10,000 trials with 50 reports each, from the ledger alone.

Usage: python -m benchmarks.replay_scale [--trials N] [--url postgresql+psycopg://...]

The ledger is filled with what a runner of a random search would have written; the last trials still run. Then a process
of its own takes the search over, as after a crash: it replays the ledger and asks for the first assignment. A second
one looks at it once as the coordinator does. Both print their memory. Without --url it is SQLite in a temporary folder.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import insert, update

from benchmarks.machine import describe
from service.algorithms import AlgorithmSpec, Objective, Reported, Start, Study
from service.coordinator.tick import Tick
from service.models import Lease
from service.runner.recovery import recover
from service.schemas import SearchSpec
from service.states import SearchState, TrialState
from service.store import EventKind, Ledger
from service.store.tables import attempts, events, reports, searches, trials
from trainables.models.digits_mlp import DigitsMlp

TRIALS = 10_000
EPOCHS = 50
RUNNING = 8
"""Trials that run when the runner is lost, each at half of its epochs."""
BATCH = 20_000

Row = dict[str, Any]


def main() -> None:
    """Fills a ledger and measures on it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=TRIALS)
    parser.add_argument("--url", help="of an empty database")
    parser.add_argument("--measure", choices=["runner", "coordinator"], help=argparse.SUPPRESS)
    parser.add_argument("--search", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.measure:
        _MEASURES[asked.measure](asked.url, asked.search)
        return
    print(f"machine: {describe()}")
    with tempfile.TemporaryDirectory() as folder:
        url = asked.url or f"sqlite:///{folder}/ledger.db"
        search, num_events, took_s = fill(url, asked.trials)
        backend = url.partition(":")[0].partition("+")[0]
        print(
            f"{backend}: {asked.trials} trials of {EPOCHS} reports each, {num_events} events, filled in {took_s:.0f} s"
        )
        for what in _MEASURES:
            command = [sys.executable, "-m", "benchmarks.replay_scale", "--measure", what, "--url", url]
            done = subprocess.run([*command, "--search", search], capture_output=True, text=True, check=True)
            print(f"{backend}: {done.stdout.strip()}")


# What is measured, each in a process of its own


def _runner(url: str, search: str) -> None:
    before = _peak_mib()
    began = time.perf_counter()
    ledger = Ledger.open(url)
    lease = ledger.seize_lease(f"search/{search}", "measured", 3600)
    with tempfile.TemporaryDirectory() as store:
        run = recover(ledger=ledger, lease=lease, search=ledger.search(search), store=Path(store), backoff_s=0.0)
        run.slots = RUNNING
        replayed_s = time.perf_counter() - began
        assignment = run.next_assignment()
    took_s = time.perf_counter() - began
    assert assignment is not None
    memory = f"memory {before:.0f} MiB before, {_peak_mib():.0f} MiB at its peak"
    print(f"runner: replayed in {replayed_s:.1f} s, first assignment after {took_s:.1f} s; {memory}")


def _coordinator(url: str, search: str) -> None:
    before = _peak_mib()
    ledger = Ledger.open(url)
    tick = Tick(ledger, _NoCluster(), ledger.seize_lease("coordinator", "measured", 3600))
    began = time.perf_counter()
    tick()
    took_s = time.perf_counter() - began
    assert ledger.search(search).state is SearchState.RUNNING
    print(f"coordinator: one look in {took_s:.2f} s; memory {before:.0f} MiB before, {_peak_mib():.0f} MiB at its peak")


class _NoCluster:
    """A cluster of one node on which nothing is started."""

    def nodes(self) -> list[Any]:
        """No node at all: nothing can be granted."""
        return []

    def runners(self) -> set[str]:
        """None lives."""
        return set()

    def start_runner(self, search: str, lease: Lease) -> None:
        """Do nothing."""

    def end_runner(self, search: str) -> None:
        """Do nothing."""


_MEASURES = {"runner": _runner, "coordinator": _coordinator}


def _peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


# What is measured on


def fill(url: str, num_trials: int) -> tuple[str, int, float]:
    """A search as its runner left it.

    Args:
        url: of an empty database.
        num_trials: how many trials it has begun.

    Returns:
        Its id, how many events it has, and how many seconds that took.
    """
    began = time.perf_counter()
    ledger = Ledger.open(url)
    spec = SearchSpec.model_validate(
        {
            "name": "large",
            "trainable": "digits_mlp",
            "space": dict(DigitsMlp.space),
            "algorithm": AlgorithmSpec.parse({"name": "random"}).to_dict(),
            "objective": dict(DigitsMlp.objective),
            "budget": {"trials": num_trials + 1, "epochs": EPOCHS},
        }
    )
    path = "trainables.models.digits_mlp:DigitsMlp"
    search, _ = ledger.submit(
        spec=spec.model_dump(mode="json"), name="large", trainable="digits_mlp", trainable_path=path
    )
    with ledger.write(ledger.seize_lease("coordinator", "filling", 1)) as writer:
        writer.move_search(search.id, SearchState.RUNNING, "admitted")
    seq = ledger.search(search.id).last_seq
    with ledger._database.writing() as connection:
        rows: dict[Any, list[Row]] = {trials: [], attempts: [], reports: [], events: []}
        for table, row in _rows(spec, num_trials):
            if table is events:
                seq += 1
                row["seq"] = seq
            rows[table].append({"search": search.id, **row})
            if len(rows[events]) >= BATCH:
                _flush(connection, rows)
        _flush(connection, rows)
        connection.execute(update(searches).where(searches.c.id == search.id).values(last_seq=seq))
    ledger.close()
    return search.id, seq, time.perf_counter() - began


def _flush(connection: Any, rows: dict[Any, list[Row]]) -> None:
    for table, waiting in rows.items():
        if waiting:
            connection.execute(insert(table), waiting)
            waiting.clear()


def _rows(spec: SearchSpec, num_trials: int) -> Iterator[tuple[Any, Row]]:
    """Everything that a runner writes about trials that train one after the other."""
    from search_spaces import Space

    assert spec.space is not None
    study = Study(
        space=Space.parse(spec.space),
        algorithm=AlgorithmSpec.parse(spec.algorithm),
        objective=Objective(metric="loss"),
        max_trials=num_trials + 1,
        max_epochs=EPOCHS,
        seed=spec.seed,
    )
    now = datetime.now(UTC)

    def event(kind: EventKind, data: Row, trial: int, attempt: int | None = None) -> tuple[Any, Row]:
        return events, {"kind": kind.value, "trial": trial, "attempt": attempt, "data": data, "at": now}

    for number in range(num_trials):
        start = study.next()
        assert isinstance(start, Start)
        runs = number >= num_trials - RUNNING
        epochs = EPOCHS // 2 if runs else EPOCHS
        value = 1.0 + (number * 7919 % 1000) / 1000
        state = TrialState.RUNNING if runs else TrialState.COMPLETED
        yield (
            trials,
            {
                "number": number,
                "config": dict(start.config),
                "origin": start.origin.to_dict(),
                "state": state.value,
                "state_reason": "trained",
                "displaced": False,
                "attempts": 1,
                "epoch": epochs,
                "value": value + 1 / epochs,
                "best_epoch": epochs,
                "created_at": now,
                "started_at": now,
                "ended_at": None if runs else now,
            },
        )
        yield (
            attempts,
            {
                "trial": number,
                "number": 1,
                "lease_epoch": 1,
                "start_epoch": 0,
                "gang": "gang-1",
                "pids": [1, 2],
                "outcome": None if runs else "completed",
                "reason": "" if runs else "trained",
                "started_at": now,
                "ended_at": None if runs else now,
            },
        )
        data = {"proposal": start.to_dict(), "config": dict(start.config), "origin": start.origin.to_dict()}
        yield event(EventKind.TRIAL_PROPOSED, data, number)
        yield event(EventKind.ATTEMPT_STARTED, {"start_epoch": 0, "lease_epoch": 1}, number, 1)
        for epoch in range(1, epochs + 1):
            told = Reported(trial=number, epoch=epoch, value=value + 1 / epoch)
            actions = [action.to_dict() for action in study.tell(told)]
            metrics = {"loss": told.value, "accuracy": 0.9, "learning_rate": 0.01}
            yield (
                reports,
                {
                    "trial": number,
                    "attempt": 1,
                    "epoch": epoch,
                    "value": told.value,
                    "metrics": metrics,
                    "seen": True,
                    "gang": "gang-1",
                    "pids": [1, 2],
                    "started_at": now,
                    "ended_at": now,
                    "resources": {"samples_per_s": 900.0, "data_s": 0.1, "compute_s": 1.0},
                },
            )
            report = {"epoch": epoch, "value": told.value, "metrics": metrics, "gang": "gang-1"}
            yield event(EventKind.REPORT, {**report, "fact": told.to_dict(), "actions": actions}, number, 1)
        if not runs:
            yield event(EventKind.ATTEMPT_ENDED, {"outcome": "completed", "reason": "trained"}, number, 1)
            moved = {"from": "running", "to": "completed", "reason": "trained", "displaced": False}
            yield event(EventKind.TRIAL_STATE, moved, number)


if __name__ == "__main__":
    main()
