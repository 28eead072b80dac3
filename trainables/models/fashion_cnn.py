"""A built-in convolutional network on Fashion-MNIST. Where its data come from is in `fashion_data`."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.optim import SGD, AdamW, Optimizer
from torch.utils.data import TensorDataset

from trainables.models.fashion_data import read_images
from trainables.protocol import Config, Datasets, Trainable

TRAIN_SAMPLES = 6000
"""Training images where the configuration has no `train_samples`."""

VALIDATION_SAMPLES = 2000
"""Validation images where the configuration has no `validation_samples`."""

WIDTH = 16
"""Channels of the first block where the configuration has no `width`."""

VALIDATION_SHARE = 6
"""One in so many training images, the last ones, is kept for validation."""


class FashionCnn(Trainable):
    """A small convolutional network that tells clothes apart (Fashion-MNIST).

    The data are `fashion-mnist/` in RUNG_DATA_DIR, four .gz files as published; where they are not, they are downloaded
    once, 31 MB, into the user's cache. The last sixth of the training images is for validation; the test images are
    never trained or validated on (`test_data` has them). As it comes it takes 6,000 images: an epoch needs two to six
    seconds on a CPU core, and nine of them reach an accuracy of about 0.87.

    Parameters: `lr`, `width` (channels of the first of three blocks), `dropout`, `batch_size` (over all workers),
    `optimizer` ("adamw" or "sgd"), `weight_decay`, `augment` (mirror half of the images), `train_samples` (at most
    50,000), `validation_samples` (at most 10,000), and `first_class` and `last_class` (0 and 9: only images of classes
    between them). Any may be left out of a space. Metrics: "loss" (cross entropy) and "accuracy" (between 0 and 1).
    """

    space: ClassVar[Mapping[str, Any]] = {
        "lr": {"type": "float", "low": 1e-4, "high": 3e-1, "log": True},
        "width": {"type": "categorical", "choices": [8, 16, 32]},
        "dropout": {"type": "float", "low": 0.0, "high": 0.6, "step": 0.1},
        "batch_size": {"type": "categorical", "choices": [32, 64, 128]},
        "optimizer": {"type": "categorical", "choices": ["adamw", "sgd"]},
        "weight_decay": {"type": "float", "low": 1e-5, "high": 1e-1, "log": True},
        "augment": {"type": "categorical", "choices": [False, True]},
        "train_samples": {"type": "constant", "value": TRAIN_SAMPLES},
        "validation_samples": {"type": "constant", "value": VALIDATION_SAMPLES},
    }
    objective: ClassVar[Mapping[str, str]] = {"metric": "accuracy", "mode": "max"}
    budget: ClassVar[Mapping[str, int]] = {"trials": 27, "epochs": 9}
    metrics = ("accuracy",)
    data_parameters = ("train_samples", "validation_samples", "first_class", "last_class")
    shape_parameters = ("width",)

    def datasets(self, config: Config) -> Datasets:
        """Read the images; pixels stay bytes until the model takes them.

        Raises:
            FileNotFoundError: The files are not here, and cannot be had.
            ValueError: A file is damaged, or no image is left to train or validate on.
        """
        images, labels = read_images("train")
        begin = len(images) - len(images) // VALIDATION_SHARE
        train = slice(0, min(begin, config.get("train_samples", TRAIN_SAMPLES)))
        validation = slice(begin, begin + config.get("validation_samples", VALIDATION_SAMPLES))
        return Datasets(
            train=_of_classes(images[train], labels[train], config),
            validation=_of_classes(images[validation], labels[validation], config),
        )

    def test_data(self, config: Config) -> TensorDataset:
        """Return the held-out test images: (images, labels), 10,000 where all classes are asked for."""
        return _of_classes(*read_images("t10k"), config)

    def model(self, config: Config) -> nn.Module:
        """Build 28 x 28 pixels -> three blocks of convolution, normalisation and pooling -> ten classes."""
        width = config.get("width", WIDTH)
        parts: OrderedDict[str, nn.Module] = OrderedDict()
        parts["pixels"] = Pixels(mirror=config.get("augment", False))
        parts["features"] = nn.Sequential(
            OrderedDict(block1=_block(1, width), block2=_block(width, 2 * width), block3=_block(2 * width, 4 * width))
        )
        parts["flat"] = nn.Flatten()
        parts["dropout"] = nn.Dropout(config.get("dropout", 0.0))
        parts["classifier"] = nn.Linear(4 * width * 3 * 3, 10)
        return nn.Sequential(parts)

    def optimizer(self, config: Config, model: nn.Module) -> Optimizer:
        """Build the chosen optimizer; SGD with Nesterov's momentum of 0.9."""
        lr, weight_decay = config.get("lr", 3e-3), config.get("weight_decay", 1e-4)
        if config.get("optimizer", "adamw") == "sgd":
            return SGD(model.parameters(), lr=lr, momentum=0.9, nesterov=True, weight_decay=weight_decay)
        return AdamW(model.parameters(), lr=lr, weight_decay=weight_decay)

    def loss(self, output: Tensor, target: Tensor) -> Tensor:
        """Return the mean cross entropy."""
        return functional.cross_entropy(output, target)

    def evaluate(self, output: Tensor, target: Tensor) -> Mapping[str, Tensor]:
        """Count the images told right."""
        return {"accuracy": (output.argmax(dim=1) == target).sum()}

    def images(self, config: Config, model: nn.Module, batch: Any) -> Mapping[str, Any]:  # noqa: ARG002  (the hook's)
        """Show the images side by side: those told right above, those told wrong below."""
        images, target = batch
        right = (model(images).argmax(dim=1) == target)[:, None, None, None]
        rows = [torch.cat(list(images * shown), dim=2) for shown in (right, ~right)]
        return {"right above, wrong below": torch.cat(rows, dim=1)}


class Pixels(nn.Module):
    """Bytes (batch, 1, height, width) to floats around 0; in training each image is mirrored by chance, if asked."""

    def __init__(self, *, mirror: bool) -> None:
        super().__init__()
        self.mirror = mirror

    def forward(self, images: Tensor) -> Tensor:
        """Return floats of the same shape."""
        pixels = images.float() / 127.5 - 1
        if self.mirror and self.training:
            chosen = torch.rand(len(images), 1, 1, 1, device=images.device) < 0.5
            pixels = torch.where(chosen, pixels.flip(3), pixels)
        return pixels


def _block(channels_in: int, channels_out: int) -> nn.Module:
    # Group normalisation: a sample's output does not depend on the others of its batch, however it is divided.
    return nn.Sequential(
        nn.Conv2d(channels_in, channels_out, 3, padding=1),
        nn.GroupNorm(4, channels_out),
        nn.ReLU(),
        nn.MaxPool2d(2),
    )


def _of_classes(images: Tensor, labels: Tensor, config: Config) -> TensorDataset:
    first, last = config.get("first_class", 0), config.get("last_class", 9)
    chosen = (labels >= first) & (labels <= last)
    if not chosen.any():
        raise ValueError(
            f"config.first_class: got no image of classes {first} to {last}, must have one to train, validate and test "
            "on; take more samples or classes"
        )
    return TensorDataset(images[chosen], labels[chosen])
