"""What a gang hands back for one epoch: metrics, checkpoint and times, or the failure that ended the attempt.

These are picklable facts. Deciding what they mean for the trial is the service's matter.
"""

from __future__ import annotations

import time
import traceback
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

FailureKind = Literal["user", "oom", "setup", "checkpoint", "store"]
"""user: while training, evaluating or collecting state. setup: before the first batch. oom: out of memory, anywhere.
checkpoint: the one to go on from does not verify. store: it cannot be had at present."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Failure:
    """Why an attempt cannot go on although its processes are sound.

    Attributes:
        kind: See `FailureKind`.
        message: One line, the exception's type and text.
        traceback: The whole traceback as text.
        rank: The rank it happened on; the earliest one when several failed.
        at: Unix seconds.
    """

    kind: FailureKind
    message: str
    traceback: str
    rank: int
    at: float = field(default_factory=time.time)

    @classmethod
    def of(cls, error: BaseException, kind: FailureKind, rank: int) -> Failure:
        """Describe an exception. The exception itself is not kept: its frames would keep a model's memory alive."""
        return cls(
            kind="oom" if is_out_of_memory(error) else kind,
            message=f"{type(error).__name__}: {error}",
            traceback="".join(traceback.format_exception(error)),
            rank=rank,
        )


_OUT_OF_MEMORY = "DefaultCPUAllocator: can't allocate memory", "CUBLAS_STATUS_ALLOC_FAILED"
"""What torch says in a plain RuntimeError when memory, not the program, is at fault."""


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an exception says that memory ran out, on a GPU or in the process."""
    # By name, so that this module needs no torch: torch.OutOfMemoryError is what CUDA's allocator raises.
    if isinstance(error, MemoryError) or any(kind.__name__ == "OutOfMemoryError" for kind in type(error).__mro__):
        return True
    return isinstance(error, RuntimeError) and any(text in str(error) for text in _OUT_OF_MEMORY)


@dataclass(frozen=True, kw_only=True, slots=True)
class CheckpointRecord:
    """A checkpoint that is completely on disk.

    Attributes:
        path: Absolute path of its folder.
        epoch: The epoch whose end it holds.
        bytes: Size of all its files together, the manifest included.
        manifest_sha256: SHA-256 of its manifest.json, which in turn holds those of all other files.
        metrics: Metrics of that epoch.
    """

    path: str
    epoch: int
    bytes: int
    manifest_sha256: str
    metrics: Mapping[str, float]


@dataclass(frozen=True, kw_only=True, slots=True)
class EpochResult:
    """One epoch of one attempt, or the failure in its place.

    Attributes:
        epoch: Number of the epoch that ended (from 1), or in which the failure happened.
        metrics: "loss" and the trainable's own metrics on the validation data, and "train_loss"; may hold NaN; empty
            after a failure.
        checkpoint: The checkpoint that was completed since the last result, or None; mostly that of the epoch before.
        checkpoint_error: Why a checkpoint that was due could not be written (a full disk, say), or None.
        pids: Process ids of the ranks, in order.
        gang: Name of the gang, "search-<id>/slot-<k>".
        node: Id of the Ray node it runs on.
        started_at: Unix seconds at which the epoch began.
        ended_at: Unix seconds at which this result was complete.
        seconds: Seconds spent on rank 0 by "data" (waiting for batches), "train", "evaluate" and "checkpoint".
        failure: Why the attempt ended, or None.
        checkpoint_pending: Whether a checkpoint of this very epoch is being written: the next result has its record,
            or the gang on request.
        resources: What the epoch cost the gang; names and units are in `trainables.training.measures`.
        warnings: What the trial's people should know, a sentence each.
    """

    epoch: int
    metrics: Mapping[str, float]
    checkpoint: CheckpointRecord | None
    checkpoint_error: str | None
    pids: tuple[int, ...]
    gang: str
    node: str
    started_at: float
    ended_at: float
    seconds: Mapping[str, float]
    failure: Failure | None
    checkpoint_pending: bool = False
    resources: Mapping[str, float] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
