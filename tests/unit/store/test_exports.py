"""What other packages may use of the ledger. A new name here is a decision, not an accident."""

from __future__ import annotations

from service import store
from service.store import EventKind


def test_the_public_face_is_these_names() -> None:
    assert store.__all__ == [
        "EventKind",
        "Going",
        "IdempotencyKey",
        "LeaseStatus",
        "Ledger",
        "Milestone",
        "Page",
        "Point",
        "Recorded",
        "Span",
        "TrialRow",
        "VerdictRow",
        "Writer",
    ]


def test_kinds_of_events_never_change_since_databases_and_streams_hold_them() -> None:
    assert [kind.value for kind in EventKind] == [
        "search.submitted",
        "search.intent",
        "search.changed",
        "search.state",
        "search.waits",
        "search.allowance",
        "trial.proposed",
        "trial.resumed",
        "trial.state",
        "attempt.started",
        "attempt.ended",
        "report",
        "study.told",
        "checkpoint.committed",
        "checkpoint.deleted",
        "checkpoint.damaged",
        "runner.failed",
        "warning",
    ]
