"""The ledger to one who must not give up: calls are tried again until it answers, each write being done once.

What the rest of the runner does meanwhile is in `desk`.
"""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Callable
from typing import TypeVar

from service.errors import LedgerUnavailable
from service.models import Lease
from service.store import Ledger, Writer

log = logging.getLogger(__name__)
T = TypeVar("T")

_STALL_S = 2.0
"""Seconds that one call may take before the ledger counts as away: a hung server says nothing at all."""

_PAUSE_S = 1.0
"""Seconds between two tries."""


class Patience:
    """One lease's calls to the ledger. One thread calls; any may ask `is_away`."""

    def __init__(self, ledger: Ledger, lease: Lease) -> None:
        self._ledger = ledger
        self._lease = lease
        self._failing = False
        self._called_at: float | None = None

    @property
    def is_away(self) -> bool:
        """Whether a call fails at present, or takes so long that it will."""
        called_at = self._called_at
        return self._failing or (called_at is not None and time.monotonic() - called_at > _STALL_S)

    def commit(self, verbs: Callable[[Writer], T]) -> T:
        """One fenced transaction, committed once, however often its answer is lost.

        Args:
            verbs: writes; called again in each try, so it must change nothing else.

        Raises:
            Fenced: another runner has taken over.
        """
        token = uuid.uuid4().hex
        results: list[T] = []

        def write() -> T:
            with self._ledger.write(self._lease, token) as writer:
                if not writer.repeated:
                    results.append(verbs(writer))
            return results[-1]

        return self.read(write)

    def read(self, call: Callable[[], T]) -> T:
        """What a call returns once the ledger answers."""
        while True:
            self._called_at = time.monotonic()
            try:
                result = call()
            except LedgerUnavailable as error:
                self._failing = True
                log.warning("the ledger does not answer, trying again: %s", error)
                time.sleep(_PAUSE_S)
            else:
                self._failing = False
                return result
            finally:
                self._called_at = None
