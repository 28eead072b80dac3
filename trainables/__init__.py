"""What can be trained, and how one trial of it is trained. The public face of the package.

Importing it imports neither Ray nor torch; the functions that need torch are fetched when first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from trainables.assignment import Assignment
from trainables.functions import FunctionTrainable, Run, Stopped, trainable
from trainables.protocol import Config, Datasets, Trainable
from trainables.registry import BrokenTrainableError, Registry, UnknownTrainableError, load_trainable
from trainables.result import CheckpointRecord, EpochResult, Failure

if TYPE_CHECKING:
    from trainables.checkpoints.checkpoint import CheckpointError, verify
    from trainables.restore import evaluate, load

_LATE = {
    "CheckpointError": "trainables.checkpoints.checkpoint",
    "evaluate": "trainables.restore",
    "load": "trainables.restore",
    "verify": "trainables.checkpoints.checkpoint",
}

__all__ = [
    "Assignment",
    "BrokenTrainableError",
    "CheckpointError",
    "CheckpointRecord",
    "Config",
    "Datasets",
    "EpochResult",
    "Failure",
    "FunctionTrainable",
    "Registry",
    "Run",
    "Stopped",
    "Trainable",
    "UnknownTrainableError",
    "evaluate",
    "load",
    "load_trainable",
    "trainable",
    "verify",
]


def __getattr__(name: str) -> Any:
    if name in _LATE:
        return getattr(importlib.import_module(_LATE[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
