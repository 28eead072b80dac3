"""The thread that decides, beside the one that steps Tune: while the ledger is away it waits, and gangs train on.

A verdict commits with its report, before anybody acts on it; that never changes. So while the ledger does not answer
there are no verdicts, and a gang that has reported goes on without one. Its reports wait here in their order, in a
bounded spool. When the ledger is back they are told and committed one after another, as if nothing had been, and a
verdict that ends a trial then takes effect at the gang's next report. What the trial trained beyond it counts for
nothing. No trial starts meanwhile, and a gang that has nothing to go on with waits.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from queue import SimpleQueue
from typing import Any, Generic, Literal, TypeVar

log = logging.getLogger(__name__)
T = TypeVar("T")

_LOOK_S = 0.02
"""Seconds between two looks whether the ledger is away, while somebody waits for an answer."""


class _Late(Enum):
    LATE = "late"


LATE: Literal[_Late.LATE] = _Late.LATE
"""In place of an answer that will come later."""


@dataclass(kw_only=True, slots=True)
class _Task(Generic[T]):
    call: Callable[[], T]
    then: Callable[[T], None] | None
    done: threading.Event = field(default_factory=threading.Event)
    answers: list[T] = field(default_factory=list)
    is_late: bool = False


class Desk:
    """Carries out calls in their order, in a thread of its own.

    Args:
        is_away: whether the ledger is away.
        on_error: told what a call raised; none is carried out after it.
    """

    def __init__(self, is_away: Callable[[], bool], on_error: Callable[[Exception], None]) -> None:
        self._is_away = is_away
        self._on_error = on_error
        self._has_failed = False
        self._is_closed = False
        self._tasks: SimpleQueue[_Task[Any] | None] = SimpleQueue()
        self._late: deque[Callable[[], None]] = deque()
        self._current: _Task[Any] | None = None
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._work, name="desk", daemon=True)
        self._thread.start()

    @property
    def is_away(self) -> bool:
        """Whether answers will be late."""
        return self._is_away()

    @property
    def is_late(self) -> bool:
        """Whether nobody waits any more for the call that is carried out. For that call itself."""
        return self._current is not None and self._current.is_late

    def ask(self, call: Callable[[], T], then: Callable[[T], None] | None = None) -> T | Literal[_Late.LATE] | None:
        """What a call returns, LATE while the ledger is away; None if it or an earlier one raised, or after `close`.

        Args:
            call: carried out after all earlier ones.
            then: gets what a late call returned, in the thread that calls `collect`.
        """
        if self._is_closed:
            return None
        task = _Task(call=call, then=then)
        self._tasks.put(task)
        while not task.done.wait(_LOOK_S):
            if self._is_away():
                with self._lock:
                    if not task.done.is_set():
                        task.is_late = True
                        return LATE
        return task.answers[0] if task.answers else None

    def collect(self) -> None:
        """Hands over the late answers that have come."""
        while self._late:
            self._late.popleft()()

    def close(self) -> None:
        """Carries out nothing more; a call under way is not waited for. Called by the thread that asks."""
        self._has_failed = self._is_closed = True
        self._tasks.put(None)

    def _work(self) -> None:
        while (task := self._tasks.get()) is not None:
            if not self._has_failed:
                self._carry_out(task)
            with self._lock:
                task.done.set()

    def _carry_out(self, task: _Task[Any]) -> None:
        self._current = task
        try:
            answer = task.call()
        except Exception as error:  # noqa: BLE001 -- raised again, as it is, by the thread that steps
            self._has_failed = True
            self._on_error(error)
            return
        with self._lock:
            task.answers.append(answer)
            if task.is_late and task.then is not None:
                then = task.then
                self._late.append(lambda: then(answer))
