"""Brings a ledger to where a test begins: a search, or a trial in any state, in one call each. Asserts nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from service.models import Lease, Search, Trial
from service.states import SearchState, TrialState
from service.store import Ledger, Writer

NOW = datetime(2026, 1, 2, 3, 4, 5, 678901, UTC)
SPEC: Mapping[str, Any] = {
    "space": {"lr": {"type": "float", "low": 0.1, "high": 0.2}},
    "objective": {"metric": "loss", "mode": "min", "scope": "best"},
    "tags": {"team": "vision"},
}


def spec_of(*, mode: str = "min", scope: str = "best", **others: Any) -> dict[str, Any]:
    return {**SPEC, "objective": {"metric": "loss", "mode": mode, "scope": scope}, **others}


@dataclass(kw_only=True)
class Story:
    """A search under a lease of ours."""

    ledger: Ledger
    search: str
    lease: Lease
    trials: int = field(default=0)

    @contextmanager
    def writing(self) -> Iterator[Writer]:
        with self.ledger.write(self.lease) as writer:
            yield writer

    def propose(self, config: Mapping[str, Any] | None = None) -> int:
        """A new pending trial; returns its number."""
        self.trials += 1
        with self.writing() as writer:
            writer.propose(
                self.search, self.trials, config or {"lr": 0.1}, {"kind": "random"}, proposal={"n": self.trials}
            )
        return self.trials

    def running(self) -> int:
        """A new running trial with attempt 1 open; returns its number."""
        number = self.propose()
        with self.writing() as writer:
            writer.begin_attempt(self.search, number, 0)
        return number

    def trial_in(self, state: TrialState) -> int:
        """A new trial in this state; returns its number."""
        if state is TrialState.PENDING:
            return self.propose()
        number = self.running()
        if state is not TrialState.RUNNING:
            with self.writing() as writer:
                writer.end_attempt(self.search, number, "paused", "for the test")
                writer.move_trial(self.search, number, state, "for the test")
        return number

    def report(self, trial: int, epoch: int, value: float | None, **more: Any) -> None:
        """One epoch, in a transaction of its own."""
        with self.writing() as writer:
            self.report_in(writer, trial, epoch, value, **more)

    def report_in(
        self,
        writer: Writer,
        trial: int,
        epoch: int,
        value: float | None,
        *,
        attempt: int = 1,
        told: bool = True,
        **more: Any,
    ) -> None:
        """One epoch; `told` as for an epoch that is new to the Study."""
        fields: dict[str, Any] = {
            "value": value,
            "metrics": {"loss": value},
            "gang": "gang-1",
            "pids": (11, 12),
            "started_at": NOW,
            "ended_at": NOW,
            "fact": {"fact": "reported", "trial": trial, "epoch": epoch} if told else None,
            "actions": [{"kind": "continue"}] if told else None,
            **more,
        }
        writer.report(self.search, trial, attempt, epoch, **fields)

    def checkpoint(self, trial: int, epoch: int, *, attempt: int = 1) -> None:
        with self.writing() as writer:
            path = f"{self.search}/trial-{trial:04}/attempt-{attempt}-1/epoch-{epoch:04}"
            writer.checkpoint(self.search, trial, attempt, epoch, path=path, bytes=10, manifest_sha256="0" * 64)

    def next_attempt(self, trial: int, start_epoch: int = 0) -> None:
        """The trial's attempt is lost and a new one begins."""
        with self.writing() as writer:
            writer.end_attempt(self.search, trial, "lost", "for the test")
            writer.move_trial(self.search, trial, TrialState.PENDING, "for the test")
            writer.begin_attempt(self.search, trial, start_epoch)

    def move(self, to: SearchState) -> None:
        with self.writing() as writer:
            writer.move_search(self.search, to, "for the test")

    def read(self) -> Search:
        return self.ledger.search(self.search)

    def trial(self, number: int) -> Trial:
        return self.ledger.trial(self.search, number)

    def kinds(self) -> list[str]:
        """Kinds of all events in their order."""
        return [event.kind for event in self.ledger.events(self.search)]


def submit(ledger: Ledger, **changes: Any) -> Search:
    fields: dict[str, Any] = {"spec": SPEC, "name": "digits", "trainable": "t", "trainable_path": "m:T", **changes}
    return ledger.submit(**fields)[0]


def queued(ledger: Ledger, **changes: Any) -> Story:
    search = submit(ledger, **changes).id
    return Story(ledger=ledger, search=search, lease=ledger.seize_lease(f"search/{search}", "runner-1", 60))


def begun(ledger: Ledger, **changes: Any) -> Story:
    """A running search."""
    story = queued(ledger, **changes)
    story.move(SearchState.RUNNING)
    return story


SEARCH_ROUTES: Mapping[SearchState, tuple[SearchState, ...]] = {
    SearchState.QUEUED: (),
    SearchState.RUNNING: (SearchState.RUNNING,),
    SearchState.PAUSED: (SearchState.RUNNING, SearchState.PAUSED),
    SearchState.COMPLETED: (SearchState.RUNNING, SearchState.COMPLETED),
    SearchState.FAILED: (SearchState.RUNNING, SearchState.FAILED),
    SearchState.CANCELLED: (SearchState.RUNNING, SearchState.CANCELLED),
}


def search_in(ledger: Ledger, state: SearchState) -> Story:
    """A new search in this state."""
    story = queued(ledger)
    for step in SEARCH_ROUTES[state]:
        story.move(step)
    return story


def succeeds(verb: Callable[[], object], refusal: type[Exception] | tuple[type[Exception], ...]) -> bool:
    """Whether the verb went through; False for exactly these refusals."""
    try:
        verb()
    except refusal:
        return False
    return True
