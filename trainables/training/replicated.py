"""An attempt of a PyTorch model, one whole copy of it on every rank (DDP): building, resuming, epochs, saving.

The epoch itself is in `loop`, how the copies hold together in `copies`, which samples a rank gets in `sampler`, the
files of a checkpoint in `trainables.checkpoints`.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from trainables.assignment import Assignment
from trainables.checkpoints.checkpoint import WEIGHTS, Checkpoint, FileEntry, seal, training_name
from trainables.checkpoints.host import copied
from trainables.checkpoints.resuming import resume_point
from trainables.checkpoints.weights import copied_weights, load_weights
from trainables.protocol import Datasets, Trainable
from trainables.result import CheckpointRecord
from trainables.training.attempt import EpochMeasures, FileWriter, Place, SavedFiles
from trainables.training.compiled import Compiled
from trainables.training.copies import Copies, LoneCopy, TiedCopies
from trainables.training.freezing import Freezing
from trainables.training.history import check_metric, check_stages, load_state, other_shape, step_schedule
from trainables.training.inheritance import inherit
from trainables.training.loaders import checked_options, train_loader, validation_loader
from trainables.training.loop import Stopwatch, evaluate_model, train_epoch
from trainables.training.measures import GrowthWatch, begin_epoch, memory, utilisation
from trainables.training.precision import Arithmetic
from trainables.training.pretrained import load_pretrained
from trainables.training.sampler import GlobalBatchSampler
from trainables.training.seeds import derived_seed, random_state, restore_random_state, seed_everything
from trainables.training.settings import TrainingSettings
from trainables.training.step import Stepper
from trainables.training.tensors import share_buffers


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
        config, settings = assignment.config, TrainingSettings.parse(assignment.config)
        check_metric(assignment, trainable)
        self._assignment, self._trainable, self._place, self._settings = assignment, trainable, place, settings
        self._warnings: list[str] = []
        seed_everything(derived_seed(assignment.seed, "weights"))
        model = trainable.model(config)
        if assignment.resume_from is None:
            self._begin_from(model, trainable.pretrained(config))
        self.model = model.to(place.device)
        self._freezing = Freezing(self.model)
        self._copies: Copies = LoneCopy(self.model)
        self._optimizer = trainable.optimizer(config, self.model)
        self._schedule = trainable.schedule(config, self._optimizer)
        self._arithmetic = Arithmetic(settings.precision, place.device)
        options = checked_options(trainable, config, data)
        self._sampler = GlobalBatchSampler(
            num_samples=len(data.train),  # type: ignore[arg-type]  # torch's Dataset declares no __len__
            global_batch=settings.batch_size,
            rank=place.rank,
            world=place.world,
            seed=assignment.seed,
            drop_last=settings.drop_last,
            chosen=options.get("sampler"),
        )
        local_batch = -(-settings.batch_size // place.world)
        self._train_loader = train_loader(data.train, self._sampler, settings, options, place.device)
        self._validation_loader = validation_loader(
            data.validation,
            min(settings.micro_batch_size or local_batch, local_batch),
            rank=place.rank,
            world=place.world,
            settings=settings,
            options=options,
            device=place.device,
        )
        self._stepper = Stepper(
            trainable,
            self.model,
            self._optimizer,
            self._arithmetic,
            place,
            micro_batch=min(settings.micro_batch_size or local_batch, local_batch),
            clip_norm=settings.clip_norm,
            on_out_of_memory=assignment.on_out_of_memory,
        )
        self._growth = GrowthWatch()
        self._epoch = 0
        self.resumed_from: CheckpointRecord | None = None
        checkpoint = resume_point(assignment)
        if checkpoint is not None:
            self._resume(checkpoint)
        else:
            seed_everything(derived_seed(assignment.seed, "rank", 0, place.rank))

    def wrap(self) -> None:
        """Tie the copies together, so that their gradients are summed."""
        self._freezing.apply(self._trainable.frozen(self._assignment.config, self._epoch + 1))
        self._copies = self._tied()

    def run_epoch(self) -> EpochMeasures:
        """Train and evaluate one epoch, all ranks together."""
        watch, started_at = Stopwatch(), time.time()
        place, epoch = self._place, self._epoch + 1
        begin_epoch(place.device)
        if self._freezing.apply(self._trainable.frozen(self._assignment.config, epoch)):
            self._copies = self._tied()
        self._copies.wait_s = 0.0
        self._sampler.set_epoch(epoch)
        self._freezing.train()
        with self._arithmetic.matrix_products():
            train_loss, num_samples = train_epoch(
                self._stepper,
                self._copies,
                self._train_loader,
                self._sampler.global_sizes(),
                place.device,
                world=place.world,
                watch=watch,
            )
            resources = utilisation(place.device)
            share_buffers(self.model, place.world)
            metrics = evaluate_model(
                self._trainable,
                self.model,
                self._validation_loader,
                place.device,
                world=place.world,
                arithmetic=self._arithmetic,
                warnings=self._warnings,
            )
        step_schedule(self._schedule, metrics["loss"])
        watch.lap("evaluate")
        self._epoch = epoch
        resources |= memory(place.device) | self._times(watch.seconds, num_samples)
        return EpochMeasures(
            epoch=epoch,
            metrics={**metrics, "train_loss": train_loss},
            seconds=watch.seconds,
            started_at=started_at,
            resources=resources,
            warnings=self._told(resources["rss_bytes"]),
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
            state["scaler"] = self._arithmetic.scaler.state_dict()
            state["micro_batch"] = self._stepper.micro_batch
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

    def close(self) -> None:
        """Do nothing: it all goes when the attempt is forgotten."""

    def _resume(self, checkpoint: Checkpoint) -> None:
        assignment, rank = self._assignment, self._place.rank
        check_stages(checkpoint, 1)
        try:
            load_weights(self.model, checkpoint)
        except RuntimeError as error:
            if not assignment.is_clone:
                raise
            raise other_shape() from error
        shared = load_state(checkpoint.training(0))
        self.resumed_from = checkpoint.record
        self._epoch = checkpoint.record.epoch
        if assignment.is_clone:
            inherit(self._optimizer, self._schedule, shared)
        else:
            self._optimizer.load_state_dict(shared["optimizer"])
            self._arithmetic.scaler.load_state_dict(shared["scaler"])
            self._stepper.micro_batch = min(self._stepper.micro_batch, shared["micro_batch"])
            if self._schedule is not None:
                self._schedule.load_state_dict(shared["schedule"])
        if not assignment.is_clone and checkpoint.manifest["world_size"] == self._place.world:
            restore_random_state(load_state(checkpoint.training(rank))["random"])
        else:
            seed_everything(derived_seed(assignment.seed, "rank", self._epoch, rank))

    def _begin_from(self, model: nn.Module, path: str | Path | None) -> None:
        missing = load_pretrained(model, path) if path is not None else None
        if missing and self._place.rank == 0:
            self._warnings.append(missing)

    def _tied(self) -> Copies:
        model = Compiled(self.model) if self._settings.compile else self.model
        return TiedCopies(model, self._place) if self._place.world > 1 else LoneCopy(model)

    def _times(self, seconds: Mapping[str, float], num_samples: int) -> dict[str, float]:
        wait_s = self._copies.wait_s
        training_s = seconds["data"] + seconds["train"]
        return {
            "samples_per_s": num_samples / self._place.world / training_s,
            "data_s": seconds["data"],
            "compute_s": seconds["train"] - wait_s,
            "all_reduce_wait_s": wait_s,
            "evaluate_s": seconds["evaluate"],
            "micro_batch_size": float(self._stepper.micro_batch),
        }

    def _told(self, rss_bytes: float) -> tuple[str, ...]:
        """Hand out the warnings that have come up; those of a step are all ranks' and rank 0's to tell."""
        steps = self._stepper.warnings if self._place.rank == 0 else []
        growth = self._growth.see(rss_bytes)
        told = (*self._warnings, *steps, *([growth] if growth else []))
        self._warnings.clear()
        self._stepper.warnings.clear()
        return told
