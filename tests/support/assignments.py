"""Assignments for tests: everything has a default but the folder for checkpoints."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.support.recording import IMPORT_PATH
from trainables import Assignment


def an_assignment(directory: Path, config: dict[str, Any] | None = None, **fields: Any) -> Assignment:
    facts: dict[str, Any] = {
        "search": "s1",
        "trial": 0,
        "attempt": 1,
        "lease_epoch": 1,
        "trainable": "recording",
        "import_path": IMPORT_PATH,
        "config": config or {},
        "epochs": 9,
        "seed": 3,
        "workers": 1,
        "cpus_per_worker": 0.5,
        "gpus_per_worker": 0,
        "directory": str(directory),
        "resume_from": None,
        "every_epochs": 100,
        "metric": "loss",
        "mode": "min",
        "scope": "last",
        "best_loss_so_far": None,
    }
    return Assignment(**(facts | fields))
