"""A function that runs in a thread of its own, one stretch at a time: whoever asks for a stretch waits until it ends.

The two threads never run at once. What the stretches are, and what is handed over, is in `function`.
"""

from __future__ import annotations

import ctypes
import logging
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from trainables.functions import Stopped

T = TypeVar("T")

_log = logging.getLogger(__name__)

_POLL_S = 0.1
"""Seconds after which a waiting thread returns to Python for a moment, so that it can be interrupted."""

UNWIND_S = 10.0
"""Seconds that a function has to end once it was told to."""


class Turns(Generic[T]):
    """A function in a thread, which hands over values and waits after each.

    Args:
        function: What runs. It calls `hand_over` from its own thread.
    """

    def __init__(self, function: Callable[[], object]) -> None:
        self._function = function
        self._go, self._done = threading.Event(), threading.Event()
        self._value: T | None = None
        self._request: Callable[[], object] | None = None
        self._error: BaseException | None = None
        self._has_ended = self._is_stopping = False
        self._thread = threading.Thread(target=self._run, name="trainable-function", daemon=True)

    @property
    def is_new(self) -> bool:
        """Whether it has not run yet."""
        return self._thread.ident is None

    def resume(self) -> T | None:
        """Let the function run until it hands over a value, and return it; None if it returned instead.

        Raises:
            Exception: Whatever the function raised, SystemExit included; a RuntimeError in place of what is neither.
        """
        self._value = None
        self._let_run()
        if self._has_ended and self._error is not None:
            error, self._error = self._error, None
            if not isinstance(error, (Exception, SystemExit)):
                raise RuntimeError(f"the trainable's function raised {type(error).__name__}: {error}") from error
            raise error
        return self._value

    def do(self, request: Callable[[], object]) -> None:
        """Have `request` called in the function's thread, which waits in `hand_over` and goes on waiting.

        Raises:
            Exception: Whatever the request raised.
        """
        self._request = request
        self._let_run()
        if self._error is not None:
            error, self._error = self._error, None
            raise error

    def hand_over(self, value: T) -> None:
        """Give a value to who waits for it, and wait for the next turn. Called by the function.

        Raises:
            Stopped: There is no next turn.
        """
        self._refuse_if_stopping()
        self._value = value
        while True:
            self._go.clear()
            self._done.set()
            self._go.wait()
            request, self._request = self._request, None
            if request is None:
                break
            try:
                request()
            except Exception as error:  # noqa: BLE001  (raised again by `do`)
                self._error = error
        self._refuse_if_stopping()

    def close(self, *, finish: bool = False) -> None:
        """End the function: `hand_over` raises Stopped, or returns one last time if it is to `finish`.

        What the function still raises is logged.

        Raises:
            RuntimeError: It does not end in time; the process is of no more use.
        """
        if self._thread.ident is None or self._has_ended:
            return
        is_waiting = self._done.is_set()
        self._is_stopping = not finish
        self._go.set()
        if finish:
            self._thread.join(UNWIND_S / 2)
            self._is_stopping = True
        if finish or not is_waiting:
            thread = ctypes.c_ulong(self._thread.ident)
            ctypes.pythonapi.PyThreadState_SetAsyncExc(thread, ctypes.py_object(Stopped))
        self._thread.join(UNWIND_S)
        if self._thread.is_alive():
            raise RuntimeError(
                f"the trainable's function: got no end within {UNWIND_S:g} s after Stopped was raised in it, must let "
                "Stopped pass; do not catch BaseException"
            )
        if self._error is not None and not isinstance(self._error, Stopped):
            _log.error("the trainable's function raised when it was ended", exc_info=self._error)
        self._error = None

    def _refuse_if_stopping(self) -> None:
        if self._is_stopping:
            raise Stopped

    def _let_run(self) -> None:
        self._done.clear()
        if self._thread.ident is None:
            self._thread.start()
        else:
            self._go.set()
        while not self._done.wait(_POLL_S):
            pass

    def _run(self) -> None:
        try:
            self._function()
        except BaseException as error:  # noqa: BLE001  (raised again by who waits; SystemExit must not end the process)
            self._error = error
        finally:
            self._has_ended = True
            self._done.set()
