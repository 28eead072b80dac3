"""A program of `trainables.inspection` in a process of its own, asked in JSON lines and ended where it takes too much.

The command line itself has neither torch nor user code in its process. What the programs answer is in `trainables`.
"""

from __future__ import annotations

import contextlib
import json
import queue
import subprocess
import sys
import threading
from collections.abc import Mapping
from typing import Any, Self

import psutil

_LOOK_S = 0.01
"""Seconds between two looks at the process's memory."""

Answer = Mapping[str, Any]


class Ended(Exception):
    """The process ended before it answered; the message says how.

    Attributes:
        by_memory: Whether memory was the reason: it took more than it may, or the kernel killed it.
        peak_bytes: The most resident memory that was seen.
    """

    def __init__(self, message: str, *, by_memory: bool, peak_bytes: int) -> None:
        super().__init__(message)
        self.by_memory = by_memory
        self.peak_bytes = peak_bytes


class Child:
    """The process. A context manager: it is killed on the way out.

    Args:
        module: What it runs, by `python -P -m`.
        most_bytes: Resident memory at which it is killed; None: however much it takes.
    """

    def __init__(self, module: str, most_bytes: int | None = None) -> None:
        self._most_bytes = most_bytes
        self._process = subprocess.Popen(  # noqa: S603 - the command is ours, no shell
            [sys.executable, "-P", "-m", module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )
        self._lines: queue.Queue[str | None] = queue.Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def ask(self, **question: Any) -> Answer:
        """Sends a question and waits for its answer.

        Raises:
            Ended: There will be none.
            ValueError: The answer is an error.
        """
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # how it ended is told below
            print(json.dumps(question), file=self._process.stdin, flush=True)
        return self._answered()

    def close(self) -> None:
        """Kills the process, if it still runs, and waits for its end."""
        self._process.kill()
        self._reader.join()
        with self._process:  # waits, and closes both pipes
            pass

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._lines.put(line)
        self._lines.put(None)

    def _answered(self) -> Answer:
        peak_bytes = 0
        while True:
            try:
                line = self._lines.get(timeout=_LOOK_S)
                break
            except queue.Empty:
                now = self._resident_bytes()
                peak_bytes = max(peak_bytes, now)
                if self._most_bytes is not None and now > self._most_bytes:
                    raise Ended("it was ended at the limit", by_memory=True, peak_bytes=now) from None
        if line is None:
            code = self._process.wait()
            raise Ended(
                f"it was killed by signal {-code}" if code < 0 else f"it ended with exit code {code}",
                by_memory=code == -9,
                peak_bytes=peak_bytes,
            )
        answer: Answer = json.loads(line)
        if answer["event"] == "error":
            raise ValueError(answer["message"])
        return answer

    def _resident_bytes(self) -> int:
        try:
            return int(psutil.Process(self._process.pid).memory_info().rss)
        except psutil.NoSuchProcess:
            return 0
