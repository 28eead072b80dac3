"""How a process of this machine ended, also where it is nobody's child here: Ray does not tell.

Linux tells it from 6.15 on (PIDFD_GET_INFO of pidfd_open(2)); elsewhere it stays unknown, and nothing else changes.
"""

from __future__ import annotations

import contextlib
import os
import signal
import struct
import time

with contextlib.suppress(ImportError):  # there is none on Windows
    import fcntl

_GET_INFO = 0xC040FF0B  # _IOWR(0xFF, 11, 64 bytes)
_WITH_EXIT = 1 << 3
_LAYOUT = struct.Struct("=Q52xi")
"""struct pidfd_info: mask, then 52 bytes of ids, then the status that wait(2) would give."""

_REAPED_S = 1.0
"""Seconds that an ended process may take until its status is there: its parent must have taken notice."""

_UNKNOWN = "ended, and nobody tells how (killed, out of memory, a crash, or os._exit in its code)"


class Watched:
    """A process whose end can be described.

    Args:
        pid: Of a process that lives, on this machine.
    """

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._descriptor: int | None = None
        with contextlib.suppress(AttributeError, OSError):
            self._descriptor = os.pidfd_open(pid)

    def __del__(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)

    def kill(self) -> None:
        """End it at once, stopped or not. Ray's own kill asks first, and takes seconds where nobody answers."""
        with contextlib.suppress(ProcessLookupError):
            if self._descriptor is not None:
                signal.pidfd_send_signal(self._descriptor, signal.SIGKILL)  # never a process that got the same id
            else:
                os.kill(self.pid, signal.SIGKILL)

    def how_it_ended(self) -> str:
        """Return what follows "rank 1 ...", for a process that has ended: "was killed (signal 9, SIGKILL)"."""
        deadline = time.monotonic() + _REAPED_S
        while (status := self._status()) is None and time.monotonic() < deadline and self._descriptor is not None:
            time.sleep(0.02)
        if status is None:
            return _UNKNOWN
        number = status & 0x7F
        if number:
            return f"was killed (signal {number}, {signal.Signals(number).name})"
        return f"ended its own process (exit code {status >> 8})"

    def _status(self) -> int | None:
        if self._descriptor is None:
            return None
        answer = bytearray(_LAYOUT.pack(_WITH_EXIT, 0))
        try:
            fcntl.ioctl(self._descriptor, _GET_INFO, answer)
        except OSError:
            return None
        mask, status = _LAYOUT.unpack(answer)
        return int(status) if mask & _WITH_EXIT else None
