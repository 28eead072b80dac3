"""The clocks by which a lease expires: no correction of the wall clock moves them. What a lease is, is in `leases`."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Protocol

from sqlalchemy import Connection, text

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class Clock(Protocol):
    """Seconds that only go forward. A time read on one clock means nothing on a clock of another `name`."""

    @property
    def name(self) -> str:
        """Names the origin of the seconds."""

    def now_s(self, connection: Connection) -> float:
        """The present, in seconds since that origin."""


class BootClock:
    """Seconds since this machine booted, those asleep included; `name` is the boot's id.

    For SQLite, all of whose users share one machine. A lease of an earlier boot has another `name` and so is expired,
    as are all processes of that boot. Where the kernel tells no boot id (macOS) the wall clock stands in: right across
    reboots, wrong by as much as somebody sets that clock.
    """

    def __init__(self) -> None:
        self._has_boot_id = _BOOT_ID.exists()
        self.name = _BOOT_ID.read_text().strip() if self._has_boot_id else "wall"

    def now_s(self, connection: Connection) -> float:  # noqa: ARG002 - the protocol's signature
        """The present, in seconds since boot."""
        return time.clock_gettime(time.CLOCK_BOOTTIME) if self._has_boot_id else time.time()


class DatabaseClock:
    """The time of the PostgreSQL server, the one clock that all nodes share."""

    name = "database"

    def now_s(self, connection: Connection) -> float:
        """The present at the server, not the start of the transaction: that may have waited for a lock."""
        return float(connection.scalar(text("SELECT extract(epoch FROM clock_timestamp())::float8")) or 0.0)
