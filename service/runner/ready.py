"""The trials that wait for a gang, in the order in which they get one. It knows no ledger and no Ray."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Waiting:
    """One trial that waits.

    Attributes:
        trial: its number.
        not_before: monotonic seconds before which it does not start: the back-off after a fault.
    """

    trial: int
    not_before: float = 0.0


class ReadyQueue:
    """First in, first out, but a trial in its back-off, or whose last gang has not let go of it, holds up no other."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._waiting: list[Waiting] = []

    def __contains__(self, trial: int) -> bool:
        return any(waiting.trial == trial for waiting in self._waiting)

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, trial: int, *, delay_s: float = 0.0) -> None:
        """Appends a trial that may start after `delay_s` seconds."""
        self._waiting.append(Waiting(trial=trial, not_before=self._clock() + delay_s))

    def take(self, *, busy: Callable[[int], bool]) -> int | None:
        """Removes and returns the first trial that may start and is not `busy`; None if there is none."""
        now = self._clock()
        for waiting in self._waiting:
            if waiting.not_before <= now and not busy(waiting.trial):
                self._waiting.remove(waiting)
                return waiting.trial
        return None

    def drop(self, trial: int) -> None:
        """Forgets a trial that ended while it waited."""
        self._waiting = [waiting for waiting in self._waiting if waiting.trial != trial]

    def clear(self) -> None:
        """Forgets all: the search has ended."""
        self._waiting.clear()
