"""Whole training steps with as many samples at once as one is asked for, as the loop of a lone worker takes them."""

from __future__ import annotations

import time

import torch

from trainables.protocol import Config, Trainable
from trainables.training.attempt import Place
from trainables.training.compiled import Compiled
from trainables.training.copies import LoneCopy
from trainables.training.loaders import checked_options, train_loader
from trainables.training.loop import load_datasets
from trainables.training.precision import Arithmetic
from trainables.training.sampler import GlobalBatchSampler
from trainables.training.seeds import derived_seed, seed_everything
from trainables.training.settings import TrainingSettings
from trainables.training.step import Stepper

_SEED = 0


class Steps:
    """A model with its optimizer and data, ready to train; all of it learns, whatever a trial freezes for a while.

    Args:
        trainable: Whose they are.
        config: The configuration. Its `batch_size` and `micro_batch_size` have no effect here.
        device: What to compute on.

    Attributes:
        model: The model, on its device.
        num_samples: Samples to train on in an epoch.

    Raises:
        ValueError: The configuration does not suit, or is one for a pipeline.
    """

    def __init__(self, trainable: Trainable, config: Config, device: torch.device) -> None:
        settings = TrainingSettings.parse(config)
        if settings.parallel == "pipeline":
            raise ValueError(
                "config.parallel: got 'pipeline', must be 'ddp': what fits of a whole model says nothing of a stage; "
                "leave it out"
            )
        self._settings, self._device = settings, device
        self._data = load_datasets(trainable, config)
        self._options = checked_options(trainable, config, self._data)
        seed_everything(derived_seed(_SEED, "weights"))
        self.model = trainable.model(config).to(device)
        self.model.train()
        optimizer = trainable.optimizer(config, self.model)
        self._copy = LoneCopy(Compiled(self.model) if settings.compile else self.model)
        self._arithmetic = Arithmetic(settings.precision, device)
        self._stepper = Stepper(
            trainable,
            self.model,
            optimizer,
            self._arithmetic,
            Place(rank=0, world=1, device=device),
            micro_batch=1,
            clip_norm=settings.clip_norm,
            on_out_of_memory="fail",
        )
        self.num_samples = sum(self._sampler(1).global_sizes())

    def take(self, size: int) -> float:
        """Load a batch of `size` samples and take two steps with it; return the seconds of the second one.

        In the first one the optimizer makes what it keeps, so that the second has all in memory that any step has.

        Raises:
            torch.OutOfMemoryError: There is no room for it; on a CPU it may be a RuntimeError.
        """
        loader = train_loader(self._data.train, self._sampler(size), self._settings, self._options, self._device)
        inputs, target = next(iter(loader))
        self._stepper.micro_batch = size
        with self._arithmetic.matrix_products():
            self._step(inputs, target, size)
            began = time.perf_counter()
            self._step(inputs, target, size)
        return time.perf_counter() - began

    def _step(self, inputs: object, target: object, size: int) -> None:
        self._stepper.take(self._copy, inputs, target, size).item()  # waits for a GPU

    def _sampler(self, size: int) -> GlobalBatchSampler:
        sampler = GlobalBatchSampler(
            num_samples=len(self._data.train),  # type: ignore[arg-type]  # torch's Dataset declares no __len__
            global_batch=size,
            rank=0,
            world=1,
            seed=_SEED,
            chosen=self._options.get("sampler"),
        )
        sampler.set_epoch(1)
        return sampler
