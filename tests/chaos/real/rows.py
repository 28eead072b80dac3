"""One fault that struck, as a line of `results/faults.jsonl`."""

from __future__ import annotations

import subprocess
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(kw_only=True)
class Row:
    """What struck where, and what came of it.

    Attributes:
        recovered_s: seconds until what was struck was back; None if it did not come back, or nothing had to.
        violations: of the whole life that it was part of.
    """

    commit: str
    seed: int
    db: str
    store: str
    fault: str
    place: str
    action: str
    who: str
    recovered_s: float | None
    violations: list[str] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def commit() -> str:
    """The commit that is checked out, marked where files differ from it."""
    command = ["git", "describe", "--always", "--dirty"]
    return subprocess.run(command, text=True, capture_output=True, check=False).stdout.strip() or "unknown"
