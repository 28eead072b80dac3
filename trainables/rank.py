"""One process of a gang: builds a trial's model, trains and evaluates epochs, saves its part of a checkpoint.

A rank knows no Ray. Rank 0 lives inside the gang's own actor, the others in actors that wrap this very class; who calls
what on which rank is the gang's matter. Exceptions of user code come back as a `Failure`, not raised, so that a warm
process outlives a trial that cannot train.
"""

from __future__ import annotations

import gc
import json
import os
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import nn
from torch._C._distributed_c10d import TCPStore  # what torch.distributed gives out under the same name, with types
from torch.nn.parallel import DistributedDataParallel
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler, ReduceLROnPlateau
from torch.utils.data import DataLoader

from trainables.assignment import Assignment
from trainables.checkpoint import WEIGHTS, Checkpoint, FileEntry, read, seal, training_name
from trainables.inheritance import inherit
from trainables.loop import (
    Stopwatch,
    batch_size,
    evaluate_model,
    load_datasets,
    share_buffers,
    train_epoch,
    validation_loader,
)
from trainables.protocol import Datasets, Trainable
from trainables.registry import load_trainable
from trainables.result import CheckpointRecord, Failure, FailureKind
from trainables.sampler import GlobalBatchSampler
from trainables.seeds import derived_seed, random_state, restore_random_state, seed_everything
from trainables.weights import load_weights, save_weights

T = TypeVar("T")

_LOOPBACK = "lo0" if sys.platform == "darwin" else "lo"


@dataclass(frozen=True, kw_only=True, slots=True)
class EpochMeasures:
    """What one rank measured in one epoch; metrics are over all ranks, times are its own."""

    epoch: int
    metrics: Mapping[str, float]
    seconds: Mapping[str, float]
    started_at: float


@dataclass(frozen=True, kw_only=True, slots=True)
class SavedFiles:
    """What one rank wrote into a checkpoint; `aliases` are those of the weights, which rank 0 writes."""

    files: tuple[FileEntry, ...]
    aliases: Mapping[str, str]


@dataclass(kw_only=True, slots=True)
class _Training:
    """All that belongs to one assignment; thrown away as a whole."""

    assignment: Assignment
    trainable: Trainable
    model: nn.Module
    wrapped: nn.Module
    optimizer: Optimizer
    schedule: LRScheduler | None
    sampler: GlobalBatchSampler
    train_loader: DataLoader[Any]
    validation_loader: DataLoader[Any]
    epoch: int = 0
    resumed_from: CheckpointRecord | None = None


class Rank:
    """A rank of a gang.

    Args:
        rank: Its number, from 0.
        world: Number of ranks in the gang.
        cpus: CPU cores it may use; it computes on as many threads, at least one.
        gpus: GPUs it may use: 0 for none. With one or more per rank, ranks talk over NCCL, else over gloo.
        timeout_s: Seconds after which a collective that some rank does not join is an error.
    """

    def __init__(self, rank: int, world: int, *, cpus: float, gpus: float, timeout_s: float) -> None:
        torch.set_num_threads(max(1, int(cpus)))
        self._rank = rank
        self._world = world
        self._device = torch.device("cuda", 0) if gpus > 0 else torch.device("cpu")
        self._backend = "nccl" if gpus >= 1 else "gloo"
        self._timeout = timedelta(seconds=timeout_s)
        self._store: TCPStore | None = None
        self._data: tuple[str, Datasets] | None = None
        self._training: _Training | None = None

    def pid(self) -> int:
        """Return the process id."""
        return os.getpid()

    def listen(self) -> int:
        """Open a new meeting point for the ranks (rank 0 only) and return its port on the loopback interface."""
        # Port 0: the system picks one that is free, and it is taken from that moment on.
        self._store = TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False, timeout=self._timeout)
        return int(self._store.port)

    def join(self, port: int) -> None:
        """Form the process group, leaving the former one if there is one; returns once every rank has joined.

        Raises:
            RuntimeError: A rank did not join in time.
        """
        # A gang lives on one node: its traffic needs no network, nor a host name that resolves.
        os.environ.setdefault("GLOO_SOCKET_IFNAME", _LOOPBACK)
        self._leave()
        if self._rank > 0:
            self._store = TCPStore("127.0.0.1", port, is_master=False, timeout=self._timeout)
        dist.init_process_group(
            self._backend,
            store=self._store,
            rank=self._rank,
            world_size=self._world,
            timeout=self._timeout,
            device_id=self._device if self._backend == "nccl" else None,
        )

    def build(self, assignment: Assignment) -> Failure | None:
        """Build data (unless kept from before), model, optimizer and schedule, and load the checkpoint to resume from.

        No rank waits for another here, so one may fail alone.
        """
        self.forget()
        return self._guarded("setup", lambda: self._build(assignment))

    def wrap(self) -> Failure | None:
        """Tie the ranks' models together; all ranks must have built. Returns once all have done so."""
        return self._guarded("setup", self._wrap)

    def run_epoch(self) -> EpochMeasures | Failure:
        """Train and evaluate one epoch, all ranks together."""
        return self._guarded("user", self._run_epoch)

    def save(self, aside: str) -> SavedFiles:
        """Write this rank's files of a checkpoint into a folder that is there; rank 0 writes the weights too.

        Raises:
            Exception: Whatever the file system, torch or the model's own state hooks raise.
        """
        training, folder = self._current, Path(aside)
        state: dict[str, Any] = {"rank": self._rank, "random": random_state()}
        files: list[FileEntry] = []
        aliases: dict[str, str] = {}
        if self._rank == 0:
            # Ranks step alike, so one copy of the optimizer does for all.
            state["optimizer"] = training.optimizer.state_dict()
            state["schedule"] = training.schedule.state_dict() if training.schedule else None
            aliases = save_weights(training.model, folder / WEIGHTS)
            files.append(seal(folder / WEIGHTS))
        own = folder / training_name(self._rank)
        torch.save(state, own)
        return SavedFiles(files=(*files, seal(own)), aliases=aliases)

    @property
    def resumed_from(self) -> CheckpointRecord | None:
        """The checkpoint that the trial in hand was resumed from, or None."""
        return self._current.resumed_from

    def forget(self) -> None:
        """Let go of the trial in hand and its memory; processes, group and data stay."""
        if self._training is not None:
            self._training = None
            if self._device.type == "cuda":
                # Models and their DDP wrappers may hold each other in cycles; on a CPU they can wait to be collected.
                gc.collect()
                torch.cuda.empty_cache()

    def abort(self) -> None:
        """Break off a collective that another thread of this process waits in, as far as the backend can.

        gloo needs no help: it notices when the processes at the other end are gone.
        """
        if self._backend == "nccl" and dist.is_initialized():
            dist.distributed_c10d._abort_process_group()

    def close(self) -> None:
        """Let go of everything, the process group included."""
        self.forget()
        self._leave()
        self._data = None

    @property
    def _current(self) -> _Training:
        assert self._training is not None, "build comes first"
        return self._training

    def _leave(self) -> None:
        if dist.is_initialized():
            dist.destroy_process_group()

    def _guarded(self, kind: FailureKind, call: Callable[[], T]) -> T | Failure:
        try:
            return call()
        except (Exception, SystemExit) as error:  # noqa: BLE001  (user code may raise anything, sys.exit included)
            failure = Failure.of(error, kind, self._rank)
        self.forget()
        if self._device.type == "cuda":
            # Some CUDA errors spoil the process for good; this raises then, and the process is not used again.
            torch.cuda.synchronize()
        return failure

    def _build(self, assignment: Assignment) -> None:
        trainable, config = load_trainable(assignment.import_path), assignment.config
        _check_metric(assignment, trainable)
        data = self._datasets(assignment, trainable)
        seed_everything(derived_seed(assignment.seed, "weights"))
        model = trainable.model(config).to(self._device)
        optimizer = trainable.optimizer(config, model)
        sampler = GlobalBatchSampler(
            num_samples=len(data.train),  # type: ignore[arg-type]  # torch's Dataset declares no __len__
            global_batch=batch_size(config),
            rank=self._rank,
            world=self._world,
            seed=assignment.seed,
        )
        training = _Training(
            assignment=assignment,
            trainable=trainable,
            model=model,
            wrapped=model,
            optimizer=optimizer,
            schedule=trainable.schedule(config, optimizer),
            sampler=sampler,
            train_loader=DataLoader(data.train, batch_sampler=sampler),
            validation_loader=validation_loader(
                data.validation, batch_size(config), rank=self._rank, world=self._world
            ),
        )
        if assignment.resume_from is not None:
            self._resume(training, read(assignment.resume_from))
        else:
            seed_everything(derived_seed(assignment.seed, "rank", 0, self._rank))
        self._training = training

    def _datasets(self, assignment: Assignment, trainable: Trainable) -> Datasets:
        values = {name: assignment.config.get(name) for name in trainable.data_parameters}
        key = json.dumps([assignment.import_path, values], sort_keys=True)
        if self._data is None or self._data[0] != key:
            self._data = None  # before loading: two data sets may not fit into memory
            self._data = key, load_datasets(trainable, assignment.config)
        return self._data[1]

    def _resume(self, training: _Training, checkpoint: Checkpoint) -> None:
        try:
            load_weights(training.model, checkpoint.weights, checkpoint.manifest["aliases"])
        except RuntimeError as error:
            if not training.assignment.is_clone:
                raise
            raise ValueError(
                "weights: got the parent's, which have another shape, must be of the shape that the clone itself would "
                "have; name the parameters in the trainable's shape_parameters or in algorithm.keep"
            ) from error
        shared = _load_state(checkpoint.training(0))
        if training.assignment.is_clone:
            inherit(training.optimizer, training.schedule, shared)
            training.resumed_from = checkpoint.record
            training.epoch = checkpoint.record.epoch
            seed_everything(derived_seed(training.assignment.seed, "rank", training.epoch, self._rank))
            return
        training.optimizer.load_state_dict(shared["optimizer"])
        if training.schedule is not None:
            training.schedule.load_state_dict(shared["schedule"])
        training.resumed_from = checkpoint.record
        training.epoch = checkpoint.record.epoch
        if checkpoint.manifest["world_size"] == self._world:
            restore_random_state(_load_state(checkpoint.training(self._rank))["random"])
        else:
            seed_everything(derived_seed(training.assignment.seed, "rank", training.epoch, self._rank))

    def _wrap(self) -> None:
        if self._world > 1:
            self._current.wrapped = DistributedDataParallel(
                self._current.model, device_ids=[0] if self._device.type == "cuda" else None
            )

    def _run_epoch(self) -> EpochMeasures:
        training, watch, started_at = self._current, Stopwatch(), time.time()
        training.sampler.set_epoch(training.epoch + 1)
        train_loss = train_epoch(
            training.trainable,
            training.wrapped,
            training.optimizer,
            training.train_loader,
            training.sampler.global_sizes(),
            self._device,
            world=self._world,
            watch=watch,
        )
        share_buffers(training.model, self._world)
        metrics = evaluate_model(
            training.trainable, training.model, training.validation_loader, self._device, world=self._world
        )
        _step_schedule(training.schedule, metrics["loss"])
        watch.lap("evaluate")
        training.epoch += 1
        return EpochMeasures(
            epoch=training.epoch,
            metrics={**metrics, "train_loss": train_loss},
            seconds=watch.seconds,
            started_at=started_at,
        )


def _check_metric(assignment: Assignment, trainable: Trainable) -> None:
    known = ("loss", "train_loss", *trainable.metrics)
    if assignment.metric not in known:
        raise ValueError(
            f"objective.metric: got {assignment.metric!r}, must be one of {', '.join(known)}; "
            f"or let {assignment.trainable} report it"
        )


def _load_state(path: Path) -> dict[str, Any]:
    state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    return state


def _step_schedule(schedule: LRScheduler | None, loss: float) -> None:
    if isinstance(schedule, ReduceLROnPlateau):
        schedule.step(loss)
    elif schedule is not None:
        schedule.step()
