"""An attempt of a PyTorch model too large for one GPU: each rank holds one stage of it (`config.parallel: pipeline`).

Cutting is in `stages`, the epoch itself in `stage_loop`. What holds where every rank has a copy of the model
(`replicated`) holds here: the same batches, the mean loss over each global batch, the same metrics, bit-identical
resumption on a CPU; and for models whose samples do not see each other in a pass, the same weights as in one process.

Not built for pipelines, and refused: fp16 (whose scaled loss needs all stages to agree on a step), torch.compile and
freezing.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import nn

from trainables.assignment import Assignment
from trainables.checkpoints.checkpoint import Checkpoint, FileEntry, seal, training_name
from trainables.checkpoints.host import copied
from trainables.checkpoints.resuming import resume_point
from trainables.checkpoints.shards import shard_files, shard_name, write_index
from trainables.checkpoints.weights import copied_weights, read_weights
from trainables.protocol import Datasets, Trainable
from trainables.result import CheckpointRecord
from trainables.training.attempt import EpochMeasures, FileWriter, Place, SavedFiles
from trainables.training.history import check_metric, check_stages, load_state, other_shape, step_schedule
from trainables.training.inheritance import inherit
from trainables.training.loaders import checked_options, train_loader, validation_loader
from trainables.training.loop import Stopwatch
from trainables.training.measures import GrowthWatch, begin_epoch, memory, utilisation
from trainables.training.precision import Arithmetic
from trainables.training.pretrained import load_pretrained
from trainables.training.sampler import GlobalBatchSampler
from trainables.training.seeds import (
    derived_seed,
    random_state,
    restore_random_state,
    seed_everything,
)
from trainables.training.settings import TrainingSettings
from trainables.training.stage_loop import StageLoop, cut_sizes
from trainables.training.stages import cut
from trainables.training.tensors import summed

MICRO_BATCHES_PER_STAGE = 4
"""How many micro-batches for each stage a batch is cut into where the configuration has no `micro_batch_size`. A stage
idles for (stages - 1) / (micro-batches + stages - 1) of the time, while the pipeline fills and drains (GPipe, 2.3)."""


class PipelinedAttempt:
    """One rank's stage of the model, with its optimizer and where it is.

    Args:
        assignment: What to train.
        trainable: Its trainable.
        data: The trainable's data for this configuration.
        place: Where in the gang this process stands, of two ranks at least.

    Raises:
        ValueError: The configuration, the stages or the checkpoint to go on from do not suit.
        CheckpointError: The checkpoint to go on from is incomplete or damaged.
    """

    def __init__(self, assignment: Assignment, trainable: Trainable, data: Datasets, place: Place) -> None:
        config, settings = assignment.config, TrainingSettings.parse(assignment.config)
        check_metric(assignment, trainable)
        _check_supported(assignment, trainable, settings, place)
        self._assignment, self._trainable, self._place = assignment, trainable, place
        self._warnings: list[str] = []
        seed_everything(derived_seed(assignment.seed, "weights"))
        model = trainable.model(config)
        if assignment.resume_from is None:
            self._begin_from(model, trainable.pretrained(config))
        self._stage = cut(trainable, config, model, rank=place.rank, world=place.world)
        self.model: nn.Module = self._stage.module.to(place.device)
        self._optimizer = trainable.optimizer(config, self.model)
        self._schedule = trainable.schedule(config, self._optimizer)
        self._arithmetic = Arithmetic(settings.precision, place.device)
        self._loop = StageLoop(
            trainable,
            self.model,
            self._optimizer,
            self._arithmetic,
            place,
            micro_batch=settings.micro_batch_size or -(-settings.batch_size // (MICRO_BATCHES_PER_STAGE * place.world)),
            clip_norm=settings.clip_norm,
            seed=assignment.seed,
            on_out_of_memory=assignment.on_out_of_memory,
        )
        options = checked_options(trainable, config, data)
        self._validation_sizes = cut_sizes(
            len(data.validation),  # type: ignore[arg-type]  # torch's Dataset declares no __len__
            settings.batch_size,
        )
        self._sampler = GlobalBatchSampler(
            num_samples=len(data.train),  # type: ignore[arg-type]  # the same
            global_batch=settings.batch_size,
            rank=0,
            world=1,
            seed=assignment.seed,
            drop_last=settings.drop_last,
            chosen=options.get("sampler"),
        )
        self._train_loader = train_loader(data.train, self._sampler, settings, options, place.device)
        self._validation_loader = validation_loader(
            data.validation,
            settings.batch_size,
            rank=0,
            world=1,
            settings=settings,
            options=options,
            device=place.device,
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
        """Meet the other ranks."""
        summed(torch.zeros(1), self._place.device, self._place.world)

    def run_epoch(self) -> EpochMeasures:
        """Train and evaluate one epoch, all ranks together."""
        watch, started_at = Stopwatch(), time.time()
        place, epoch = self._place, self._epoch + 1
        begin_epoch(place.device)
        self._sampler.set_epoch(epoch)
        sizes = self._sampler.global_sizes()
        with self._arithmetic.matrix_products():
            train_loss = self._loop.train(self._train_loader, sizes, epoch, watch)
            resources = utilisation(place.device)
            metrics = self._loop.evaluate(self._validation_loader, self._validation_sizes, epoch)
        step_schedule(self._schedule, metrics["loss"])
        watch.lap("evaluate")
        self._epoch = epoch
        training_s = watch.seconds["data"] + watch.seconds["train"]
        resources |= memory(place.device) | {
            "samples_per_s": sum(sizes) / place.world / training_s,  # summed over the ranks
            "data_s": watch.seconds["data"],
            "compute_s": watch.seconds["train"] - self._loop.wait_s,
            "stage_wait_s": self._loop.wait_s,
            "evaluate_s": watch.seconds["evaluate"],
            "micro_batch_size": float(self._loop.micro_batch),
        }
        return EpochMeasures(
            epoch=epoch,
            metrics={**metrics, "train_loss": train_loss},
            seconds=watch.seconds,
            started_at=started_at,
            resources=resources,
            warnings=self._told(resources["rss_bytes"]),
        )

    def snapshot(self) -> FileWriter:
        """Copy this rank's part of a checkpoint: its shard and its training state; rank 0 writes the index too."""
        place, stage = self._place, self._stage
        state: dict[str, Any] = {
            "rank": place.rank,
            "random": random_state(),
            "optimizer": copied(self._optimizer.state_dict()),
            "schedule": copied(self._schedule.state_dict()) if self._schedule else None,
            "micro_batch": self._loop.micro_batch,
        }
        own, _ = copied_weights(self.model)
        weights = {stage.names[name]: tensor for name, tensor in own.items()}

        def write(folder: Path) -> SavedFiles:
            shard, training = folder / shard_name(place.rank, place.world), folder / training_name(place.rank)
            save_file(weights, shard)
            torch.save(state, training)
            files: list[FileEntry] = [seal(shard), seal(training)]
            if place.rank == 0:
                files.append(write_index(folder, stage.layout, stage.total_bytes))
            return SavedFiles(files=tuple(files), aliases=stage.aliases)

        return write

    def close(self) -> None:
        """Do nothing: it all goes when the attempt is forgotten."""

    def _resume(self, checkpoint: Checkpoint) -> None:
        assignment, place, stage = self._assignment, self._place, self._stage
        check_stages(checkpoint, place.world)
        stored = {name for own in shard_files(checkpoint.path).values() for name in own}
        same = stored == {name for own in stage.layout for name in own}
        if not same and assignment.is_clone:
            raise other_shape()
        weights = read_weights(checkpoint, list(stage.names.values()))
        try:
            self.model.load_state_dict({name: weights[whole] for name, whole in stage.names.items()})
        except RuntimeError as error:
            if not assignment.is_clone:
                raise
            raise other_shape() from error
        state = load_state(checkpoint.training(place.rank))
        self.resumed_from = checkpoint.record
        self._epoch = checkpoint.record.epoch
        if assignment.is_clone:
            inherit(self._optimizer, self._schedule, state)
            seed_everything(derived_seed(assignment.seed, "rank", self._epoch, place.rank))
            return
        self._optimizer.load_state_dict(state["optimizer"])
        self._loop.micro_batch = min(self._loop.micro_batch, state["micro_batch"])
        if self._schedule is not None:
            self._schedule.load_state_dict(state["schedule"])
        restore_random_state(state["random"])

    def _begin_from(self, model: nn.Module, path: str | Path | None) -> None:
        missing = load_pretrained(model, path) if path is not None else None
        if missing and self._place.rank == 0:
            self._warnings.append(missing)

    def _told(self, rss_bytes: float) -> tuple[str, ...]:
        steps = self._loop.warnings if self._place.rank == 0 else []  # all ranks have the same
        growth = self._growth.see(rss_bytes)
        told = (*self._warnings, *steps, *([growth] if growth else []))
        self._warnings.clear()
        self._loop.warnings.clear()
        return told


def _check_supported(assignment: Assignment, trainable: Trainable, settings: TrainingSettings, place: Place) -> None:
    way_out = "leave it out, or leave `parallel` out where one copy of the model fits"
    if settings.precision == "fp16":
        raise ValueError(f"config.precision: got 'fp16' in a pipeline, must be fp32, tf32 or bf16; {way_out}")
    if settings.compile:
        raise ValueError(f"config.compile: got true in a pipeline, must be false; {way_out}")
    if place.device.type == "cuda" and assignment.gpus_per_worker < 1:
        raise ValueError(
            f"resources.gpus_per_worker: got {assignment.gpus_per_worker} in a pipeline, must be 1 or more, or 0: "
            "stages talk over NCCL, which shares no GPU; raise it"
        )
    for epoch in range(1, assignment.epochs + 1):
        names = tuple(trainable.frozen(assignment.config, epoch))
        if names:
            raise ValueError(f"frozen: got {', '.join(names)} in a pipeline, must be none; {way_out}")
