"""Failpoints: named places where a test can kill, delay or fail a process. Where they are is in `docs/failpoints.md`.

What is tested with them lives in `tests/chaos`. Without `RUNG_FAILPOINTS` a failpoint is one look at a name that is
None, and nothing outside a process's own environment can arm it.

    RUNG_FAILPOINTS="report.before_commit=kill"                      at every hit, in every process
    RUNG_FAILPOINTS="lease.before_renew=2*off->1*sleep(5);attempt.before_begin=error"
    RUNG_FAILPOINTS="@/absolute/folder"                              armed while processes run

A term is `off`, `kill` (SIGKILL to itself), `sleep(seconds)` or `error`, maybe with how many hits it lasts; `->` leads
to what comes after those. In the folder's form a file that is named as a failpoint holds one term. Who hits it first
takes it, by renaming it to `<name>.struck-<pid>`: it strikes once in all processes, and the new name is proof.
"""

from __future__ import annotations

import os
import re
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

VARIABLE = "RUNG_FAILPOINTS"
"""The environment variable that is read when this module is first imported."""

_TERM = re.compile(r"(?:(?P<count>\d+)\*)?(?P<action>off|kill|error|sleep\(\d+(?:\.\d+)?\))")

_MUST = "must be off, kill, error or sleep(seconds), maybe after a count and *, joined by ->"


class FailpointError(OSError):
    """What an armed `error` raises where the place names nothing else."""


class _Armed(Protocol):
    def action(self, name: str) -> str:
        """What is to be done at this hit of a failpoint."""


class _Chain:
    """The terms of one failpoint, in order. After the last one's hits, if it counts them, the failpoint is off."""

    def __init__(self, name: str, text: str) -> None:
        self._terms: list[tuple[float, str]] = []
        for part in text.split("->"):
            term = _TERM.fullmatch(part.strip())
            if term is None:
                raise ValueError(f"{VARIABLE}: {name}: got {part.strip()!r}, {_MUST}; correct it")
            self._terms.append((float(term["count"] or "inf"), term["action"]))
        self._hits = 0
        self._lock = threading.Lock()

    def next(self) -> str:
        with self._lock:
            self._hits += 1
            hits = self._hits
        for count, action in self._terms:
            if hits <= count:
                return action
            hits -= int(count)
        return "off"


class _Listed:
    """Failpoints as the variable lists them; each process counts its own hits."""

    def __init__(self, text: str) -> None:
        self._chains: dict[str, _Chain] = {}
        for part in filter(None, (part.strip() for part in text.split(";"))):
            name, equals, terms = part.partition("=")
            if not equals:
                raise ValueError(f"{VARIABLE}: got {part!r}, must be name=term; correct it")
            self._chains[name.strip()] = _Chain(name.strip(), terms)

    def action(self, name: str) -> str:
        chain = self._chains.get(name)
        return chain.next() if chain else "off"


class _Folder:
    """Failpoints as files; one that is taken is gone for all processes."""

    def __init__(self, text: str) -> None:
        self._path = Path(text.removeprefix("@"))

    def action(self, name: str) -> str:
        struck = self._path / f"{name}.struck-{os.getpid()}"
        try:
            (self._path / name).rename(struck)
        except FileNotFoundError:
            return "off"
        return _Chain(name, struck.read_text()).next()


_armed: _Armed | None = None


def failpoint(name: str, error: Callable[[str], Exception] = FailpointError) -> None:
    """Does what is armed under this name; nothing, almost for free, where nothing is armed.

    Args:
        name: `noun.when`, unique in the project.
        error: makes what an armed `error` raises: an exception that may really happen at this place.
    """
    if _armed is not None:
        _carry_out(_armed.action(name), name, error)


def arm(text: str) -> None:
    """Arms this process as the environment variable would, in place of whatever was armed; "" disarms.

    Raises:
        ValueError: the text is not of the form above.
    """
    global _armed
    _armed = (_Folder(text) if text.startswith("@") else _Listed(text)) if text else None


def _carry_out(action: str, name: str, error: Callable[[str], Exception]) -> None:
    if action == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    elif action == "error":
        raise error(f"failpoint {name}")
    elif action != "off":
        time.sleep(float(action.removeprefix("sleep(").removesuffix(")")))


arm(os.environ.get(VARIABLE, ""))
