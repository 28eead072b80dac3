"""How long something that was struck takes to be back, read from ledger and clients' history."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from itertools import pairwise

from service.errors import LedgerUnavailable
from service.settings import COORDINATOR
from service.store import Ledger
from tests.chaos.real.arena import LEASE_S
from tests.chaos.real.clients import Clients

LONGEST_S = 90.0
"""Seconds after which something counts as not recovered (I10)."""


class Watch:
    """What there was before the strike, and whether it is back.

    Args:
        ledger: for reading.
        clients: who knows when the API last accepted a submission.
    """

    def __init__(self, ledger: Ledger, clients: Clients) -> None:
        self._ledger = ledger
        self._clients = clients
        self._epochs = self._lease_epochs()

        self.struck()

    def struck(self) -> None:
        """It was struck, or allowed to come back, right now: seconds count from here."""
        self._began, self._at = time.monotonic(), datetime.now(UTC)

    def seconds_until_back(self, who: str) -> float | None:
        """Waits for it; None if it did not come back in time."""
        began, at = self._began, self._at
        is_back = self._questions(at, began)[who]
        while time.monotonic() - began < LONGEST_S:
            try:
                if is_back():
                    return time.monotonic() - began
            except LedgerUnavailable:
                pass
            time.sleep(0.1)
        return None

    def _questions(self, at: datetime, began: float) -> Mapping[str, Callable[[], bool]]:
        return {
            "api": lambda: self._clients.last_success > began,
            "coordinator": lambda: self._is_taken(COORDINATOR, self._epochs.get(COORDINATOR, 0)),
            "runner": self._a_runner_steps,
            "gang": lambda: self._an_attempt_began(at),
            "ledger": lambda: self._a_report_came(at),
            "cluster": lambda: self._a_report_came(at),
            "nobody": lambda: True,
        }

    def _lease_epochs(self) -> dict[str, int]:
        names = [COORDINATOR, *(f"search/{search.id}" for search in self._ledger.active())]
        held = {name: self._ledger.lease(name) for name in names}
        return {name: status.lease.epoch for name, status in held.items() if status is not None}

    def _is_taken(self, name: str, after: int) -> bool:
        status = self._ledger.lease(name)
        return status is not None and status.alive and status.lease.epoch > after

    def _a_runner_steps(self) -> bool:
        """A search has a new runner, which has renewed its lease itself."""
        for search in self._ledger.active():
            status = self._ledger.lease(f"search/{search.id}")
            before = self._epochs.get(f"search/{search.id}", 1)  # of one that came since: not its first runner
            if status is not None and status.lease.epoch > before and 0 < status.remaining_s <= LEASE_S:
                return True
        return False

    def _an_attempt_began(self, at: datetime) -> bool:
        """A trial whose attempt ended by a fault has begun its next one."""
        for search in self._ledger.active():
            for trial in self._ledger.trials(search.id):
                rows = self._ledger.attempts(search.id, trial.number)
                for before, after in pairwise(rows):
                    if after.started_at > at and before.outcome in ("crashed", "lost"):
                        return True
        return False

    def _a_report_came(self, at: datetime) -> bool:
        return any(r.ended_at > at for search in self._ledger.active() for r in self._ledger.reports(search.id))
