"""What every kind of attempt is to the process that carries it out: built, tied to the others, trained, saved.

An attempt here is one rank's part of it. The kinds are files of this folder; which one a trainable needs is chosen in
`trainables.gang.rank`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import torch

from trainables.checkpoints.checkpoint import KIND, FileEntry
from trainables.result import CheckpointRecord


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """Where in a gang a process stands.

    Attributes:
        rank: Its number, from 0.
        world: Number of ranks in the gang.
        device: What it computes on.
    """

    rank: int
    world: int
    device: torch.device


@dataclass(frozen=True, kw_only=True, slots=True)
class EpochMeasures:
    """What one rank measured in one epoch; metrics are over all ranks, all else is its own.

    Attributes:
        epoch: The epoch that ended, from 1.
        metrics: "loss", "train_loss" and the trainable's own.
        seconds: By what they went into.
        started_at: Unix seconds.
        resources: What the epoch cost; names and units are in `measures`.
        warnings: What the trial's people should know, a sentence each.
        is_savable: Whether there is anything to write a checkpoint of; only a plain function may have nothing.
    """

    epoch: int
    metrics: Mapping[str, float]
    seconds: Mapping[str, float]
    started_at: float
    resources: Mapping[str, float] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    is_savable: bool = True


@dataclass(frozen=True, kw_only=True, slots=True)
class SavedFiles:
    """What one rank wrote into a checkpoint of a kind; `aliases` are those of the weights, which rank 0 writes."""

    files: tuple[FileEntry, ...]
    aliases: Mapping[str, str]
    kind: str = KIND


FileWriter = Callable[[Path], SavedFiles]
"""Writes one rank's files of a checkpoint into a folder that is there, each made durable by `checkpoint.seal`. It is
called once at most, by a thread of its own, and may raise OSError: the trial goes on then, without that checkpoint."""


class Attempt(Protocol):
    """One rank's part of an attempt. Making one builds everything for which no rank waits for another.

    Every method may raise what user code raises; the process outlives it, the attempt does not.
    """

    resumed_from: CheckpointRecord | None
    """The checkpoint it went on from, or None."""

    def wrap(self) -> None:
        """Tie the ranks together; all have built. Returns once all have done so."""

    def run_epoch(self) -> EpochMeasures:
        """Train and evaluate one epoch, all ranks together."""

    def snapshot(self) -> FileWriter:
        """Copy this rank's part of the present epoch's state to host memory; return what writes the copy to files.

        The gang calls it right after `run_epoch`, and the writer once, in another thread, while the next epoch trains:
        a writer holds copies only (`checkpoints.host.copied`), and touches neither the model, the random state nor the
        process group. What may fail because of the state (a tensor where none may be) should fail here.
        """

    def close(self) -> None:
        """Let go of whatever does not go by itself when the attempt is forgotten.

        Raises:
            RuntimeError: It cannot be done; the process is of no more use.
        """
