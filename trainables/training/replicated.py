"""An attempt of a PyTorch model, one whole copy of it on every rank (DDP): building, resuming, epochs, saving.

The epoch itself is in `loop`, which samples a rank gets in `sampler`, the files of a checkpoint in
`trainables.checkpoints`.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor
from torch.nn.parallel import DistributedDataParallel
from torch.optim.lr_scheduler import LRScheduler, ReduceLROnPlateau
from torch.utils.data import DataLoader

from trainables.assignment import Assignment
from trainables.checkpoints.checkpoint import WEIGHTS, Checkpoint, FileEntry, read, seal, training_name
from trainables.checkpoints.host import copied
from trainables.checkpoints.weights import copied_weights, load_weights
from trainables.protocol import Datasets, Trainable
from trainables.result import CheckpointRecord
from trainables.training.attempt import EpochMeasures, FileWriter, Place, SavedFiles
from trainables.training.inheritance import inherit
from trainables.training.loop import (
    Stopwatch,
    batch_size,
    evaluate_model,
    share_buffers,
    train_epoch,
    validation_loader,
)
from trainables.training.sampler import GlobalBatchSampler
from trainables.training.seeds import derived_seed, random_state, restore_random_state, seed_everything


class ReplicatedAttempt:
    """One rank's copy of the model, with its optimizer, its share of the data and where it is.

    Args:
        assignment: What to train.
        trainable: Its trainable.
        data: The trainable's data for this configuration.
        place: Where in the gang this process stands.

    Raises:
        ValueError: The configuration or the checkpoint to go on from does not suit.
        CheckpointError: The checkpoint to go on from is incomplete or damaged.
    """

    def __init__(self, assignment: Assignment, trainable: Trainable, data: Datasets, place: Place) -> None:
        config = assignment.config
        _check_metric(assignment, trainable)
        self._assignment, self._trainable, self._place = assignment, trainable, place
        seed_everything(derived_seed(assignment.seed, "weights"))
        self.model = trainable.model(config).to(place.device)
        self._wrapped = self.model
        self._optimizer = trainable.optimizer(config, self.model)
        self._schedule = trainable.schedule(config, self._optimizer)
        self._sampler = GlobalBatchSampler(
            num_samples=len(data.train),  # type: ignore[arg-type]  # torch's Dataset declares no __len__
            global_batch=batch_size(config),
            rank=place.rank,
            world=place.world,
            seed=assignment.seed,
        )
        self._train_loader: DataLoader[Any] = DataLoader(data.train, batch_sampler=self._sampler)
        self._validation_loader = validation_loader(
            data.validation, batch_size(config), rank=place.rank, world=place.world
        )
        self._epoch = 0
        self.resumed_from: CheckpointRecord | None = None
        if assignment.resume_from is not None:
            self._resume(read(assignment.resume_from))
        else:
            seed_everything(derived_seed(assignment.seed, "rank", 0, place.rank))

    def wrap(self) -> None:
        """Tie the copies together, so that their gradients are averaged."""
        if self._place.world > 1:
            self._wrapped = DistributedDataParallel(
                self.model, device_ids=[0] if self._place.device.type == "cuda" else None
            )

    def run_epoch(self) -> EpochMeasures:
        """Train and evaluate one epoch, all ranks together."""
        watch, started_at = Stopwatch(), time.time()
        self._sampler.set_epoch(self._epoch + 1)
        train_loss = train_epoch(
            self._trainable,
            self._wrapped,
            self._optimizer,
            self._train_loader,
            self._sampler.global_sizes(),
            self._place.device,
            world=self._place.world,
            watch=watch,
        )
        share_buffers(self.model, self._place.world)
        metrics = evaluate_model(
            self._trainable, self.model, self._validation_loader, self._place.device, world=self._place.world
        )
        _step_schedule(self._schedule, metrics["loss"])
        watch.lap("evaluate")
        self._epoch += 1
        return EpochMeasures(
            epoch=self._epoch,
            metrics={**metrics, "train_loss": train_loss},
            seconds=watch.seconds,
            started_at=started_at,
        )

    def snapshot(self) -> FileWriter:
        """Copy this rank's part of a checkpoint; rank 0's holds the weights too."""
        state: dict[str, Any] = {"rank": self._place.rank, "random": random_state()}
        weights: dict[str, Tensor] | None = None
        aliases: dict[str, str] = {}
        if self._place.rank == 0:
            # Ranks step alike, so one copy of the optimizer does for all.
            state["optimizer"] = copied(self._optimizer.state_dict())
            state["schedule"] = copied(self._schedule.state_dict()) if self._schedule else None
            weights, aliases = copied_weights(self.model)
        name = training_name(self._place.rank)

        def write(folder: Path) -> SavedFiles:
            files: list[FileEntry] = []
            if weights is not None:
                save_file(weights, folder / WEIGHTS)
                files.append(seal(folder / WEIGHTS))
            torch.save(state, folder / name)
            return SavedFiles(files=(*files, seal(folder / name)), aliases=aliases)

        return write

    def _resume(self, checkpoint: Checkpoint) -> None:
        assignment, rank = self._assignment, self._place.rank
        try:
            load_weights(self.model, checkpoint)
        except RuntimeError as error:
            if not assignment.is_clone:
                raise
            raise ValueError(
                "weights: got the parent's, which have another shape, must be of the shape that the clone itself would "
                "have; name the parameters in the trainable's shape_parameters or in algorithm.keep"
            ) from error
        shared = _load_state(checkpoint.training(0))
        self.resumed_from = checkpoint.record
        self._epoch = checkpoint.record.epoch
        if assignment.is_clone:
            inherit(self._optimizer, self._schedule, shared)
        else:
            self._optimizer.load_state_dict(shared["optimizer"])
            if self._schedule is not None:
                self._schedule.load_state_dict(shared["schedule"])
        if not assignment.is_clone and checkpoint.manifest["world_size"] == self._place.world:
            restore_random_state(_load_state(checkpoint.training(rank))["random"])
        else:
            seed_everything(derived_seed(assignment.seed, "rank", self._epoch, rank))


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
