"""The ledger: searches, trials, reports, checkpoints, events and leases in one database. Nothing is decided here."""

from service.store.columns import Milestone, Point, Span, TrialRow, VerdictRow
from service.store.events import EventKind
from service.store.history import Recorded
from service.store.leases import LeaseStatus
from service.store.ledger import Ledger
from service.store.pages import Page
from service.store.submissions import IdempotencyKey
from service.store.wishes import Going
from service.store.writer import Writer

__all__ = [
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
