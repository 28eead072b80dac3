"""What a gang is told to do: one attempt at one trial.

An assignment is a fact that crosses processes as a plain dictionary; carrying it out is the gang's matter.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

OutOfMemory = Literal["halve_micro_batch", "fail"]
"""What running out of memory leads to: smaller parts of the same batch while there are any, or the end of the trial."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Assignment:
    """One attempt at one trial, with all a gang needs to carry it out.

    Attributes:
        search: Id of the search.
        trial: Number of the trial in the search, from 0.
        attempt: Number of this attempt at the trial, from 1.
        lease_epoch: Lease epoch of the runner that gave the assignment; recorded in every checkpoint.
        trainable: Name of the trainable.
        import_path: Where its class is, "module:Class".
        config: The configuration, by parameter name.
        epochs: The epoch trained to at most; its end always writes a checkpoint. The runner does the stopping.
        seed: Seed of weights, order of samples and random layers.
        workers: Number of ranks (processes), at least 1.
        cpus_per_worker: CPU cores of each rank; a rank computes on as many threads, at least one.
        gpus_per_worker: GPUs of each rank: 0 for none, a fraction to share one.
        directory: Absolute path of this attempt's checkpoint folder; it need not exist.
        resume_from: Absolute path of the checkpoint to go on from, or None to begin at epoch 0.
        resume_sha256: What the SHA-256 of that checkpoint's manifest must be; None where nobody knows.
        is_continuation: Whether `resume_from` is another trial's with which this one goes on: all of it is taken over.
        is_clone: Whether `resume_from` is another trial's: its weights are taken over, its configuration is not.
        store: URL of the object store that checkpoints live in; empty where `directory` is their place.
        store_root: Folder below which their paths name them there.
        every_epochs: A checkpoint is due at each multiple of this epoch number; at least 1.
        metric: Name of the objective's metric.
        mode: Whether lower ("min") or higher ("max") is better.
        scope: "best" makes a new best epoch write a checkpoint too; "last" does not.
        best_loss_so_far: The trial's best metric so far, oriented so that lower is better; None where there is none.
        on_out_of_memory: See `OutOfMemory`.
        integrations: Options of each of `trainables.integrations` that is asked for, by name.
        logs: Absolute path of the trial's folder for what these write; it need not exist.
    """

    search: str
    trial: int
    attempt: int
    lease_epoch: int
    trainable: str
    import_path: str
    config: Mapping[str, Any]
    epochs: int
    seed: int
    workers: int
    cpus_per_worker: float
    gpus_per_worker: float
    directory: str
    resume_from: str | None
    every_epochs: int
    metric: str
    mode: Literal["min", "max"]
    scope: Literal["best", "last"]
    best_loss_so_far: float | None
    resume_sha256: str | None = None
    store: str = ""
    store_root: str = ""
    is_clone: bool = False
    is_continuation: bool = False
    on_out_of_memory: OutOfMemory = "halve_micro_batch"
    integrations: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    logs: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return a JSON-able dictionary; `from_dict` gives the assignment back."""
        return {**asdict(self), "config": dict(self.config)}

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> Assignment:
        """Build an assignment from what `to_dict` returned.

        Raises:
            TypeError: A field is missing or unknown.
        """
        return cls(**raw)

    @property
    def shape(self) -> tuple[int, float, float]:
        """The processes it needs (workers, CPUs each, GPUs each): a warm gang takes assignments of its own shape."""
        return self.workers, self.cpus_per_worker, self.gpus_per_worker
