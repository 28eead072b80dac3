"""What must hold of a search after any single fault, read from ledger and checkpoint files alone.

Each violation is a sentence that begins with the invariant's name. `tests.support.judge` has the ones on states,
sequences and epochs (I3, I4, I6); here are the others, and what clients were promised is in `pure.world` and `real`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from service.models import Attempt, Event, Search, Trial
from service.runner.audit import audit_search
from service.states import Intent, SearchState
from service.store import EventKind, Ledger
from tests.support.judge import judge
from trainables import CheckpointError, verify

_WANTED = {
    Intent.RUN: {SearchState.COMPLETED},
    Intent.STOP: {SearchState.COMPLETED, SearchState.CANCELLED},
    Intent.CANCEL: {SearchState.COMPLETED, SearchState.CANCELLED},
}
"""How a search may end by what people wanted of it; failing is judged by its reason."""


def violations(ledger: Ledger, search: str, store: Path) -> list[str]:
    """Everything that is wrong with one search that should have ended by now.

    Args:
        ledger: for reading.
        search: its id.
        store: folder of the checkpoints.
    """
    row, trials, events = ledger.search(search), ledger.trials(search), ledger.events(search, limit=1_000_000)
    attempts = [attempt for trial in trials for attempt in ledger.attempts(search, trial.number)]
    verdict = judge(ledger, search)
    found = [f"I4: {fault}" for fault in verdict.faults]
    found += _end(row, trials)
    found += _epochs(events)
    found += _steps(ledger, search)
    found += _checkpoints(ledger, search, store)
    found += _resumptions(events, attempts)
    interval = row.spec["checkpoints"]["every_epochs"]
    if verdict.most_repeated > interval:
        found.append(
            f"P6: an attempt repeated {verdict.most_repeated} epochs, and a checkpoint is due every {interval}"
        )
    difference = audit_search(ledger, search).difference
    if difference is not None:
        found.append(f"I9: event {difference.seq}: {difference.recorded}, but a fresh Study says: {difference.now}")
    return [f"{search} {sentence}" for sentence in found]


def _end(row: Search, trials: list[Trial]) -> Iterator[str]:
    """I10, I6: it has ended, as somebody wanted, within its budget."""
    if row.state is SearchState.FAILED:
        if "runner failed" in row.state_reason:
            yield f"I10: it failed: {row.state_reason}"
    elif row.state not in _WANTED[row.intent]:
        yield f"I10: it is {row.state} ({row.state_reason}), and people want it to {row.intent}"
    proposed = sum(trial.origin["kind"] != "clone" for trial in trials)
    if row.state is SearchState.COMPLETED and row.intent is Intent.RUN and proposed != row.spec["budget"]["trials"]:
        yield f"I6: {proposed} trials of {row.spec['budget']['trials']}: {row.state_reason}"


def _epochs(events: Iterable[Event]) -> Iterator[str]:
    """I5: no attempt is begun under an older epoch after one under a newer."""
    newest = 0
    for event in events:
        if event.kind == EventKind.ATTEMPT_STARTED:
            if event.data["lease_epoch"] < newest:
                yield f"I5: event {event.seq}: begun under lease epoch {event.data['lease_epoch']} after {newest}"
            newest = max(newest, event.data["lease_epoch"])


def _steps(ledger: Ledger, search: str) -> Iterator[str]:
    """I3: the epochs of an attempt follow each other without a gap, from where it began."""
    by_attempt: dict[tuple[int, int], list[int]] = {}
    for report in ledger.reports(search):
        by_attempt.setdefault((report.trial, report.attempt), []).append(report.epoch)
    for (trial, number), epochs in by_attempt.items():
        start = next(a.start_epoch for a in ledger.attempts(search, trial) if a.number == number)
        if sorted(epochs) != list(range(start + 1, start + 1 + len(epochs))):
            yield f"I3: attempt {trial}/{number} began after epoch {start} and reported {sorted(epochs)}"


def _checkpoints(ledger: Ledger, search: str, store: Path) -> Iterator[str]:
    """I7: what the ledger lists is there, whole, and what it says it is."""
    for checkpoint in ledger.checkpoints(search):
        label = f"I7: checkpoint {checkpoint.trial}/{checkpoint.attempt} of epoch {checkpoint.epoch}"
        try:
            record = verify(store / checkpoint.path)
        except CheckpointError as error:
            yield f"{label}: {error}"
        else:
            if (record.epoch, record.manifest_sha256) != (checkpoint.epoch, checkpoint.manifest_sha256):
                yield f"{label}: the folder holds epoch {record.epoch}, manifest {record.manifest_sha256}"


def _resumptions(events: Iterable[Event], attempts: Iterable[Attempt]) -> Iterator[str]:
    """I8: an attempt begins at the newest checkpoint that was committed before it, or after."""
    starts = {(attempt.trial, attempt.number): attempt.start_epoch for attempt in attempts}
    committed: dict[int | None, int] = {}
    for event in events:
        if event.kind == EventKind.CHECKPOINT_COMMITTED:
            committed[event.trial] = max(committed.get(event.trial, 0), event.data["epoch"])
        elif event.kind == EventKind.ATTEMPT_STARTED:
            assert event.trial is not None
            assert event.attempt is not None
            start = starts[event.trial, event.attempt]
            if start < committed.get(event.trial, 0):
                yield (
                    f"I8: attempt {event.trial}/{event.attempt} began after epoch {start}, and a checkpoint of epoch "
                    f"{committed[event.trial]} was committed"
                )
