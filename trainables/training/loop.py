"""One epoch: train exactly, evaluate exactly, for any number of ranks.

Exactly means: the averaged gradient of a step is the gradient of the mean loss over the global batch, also where ranks
hold parts of unequal size; and a validation metric is the mean over every validation sample once. Which samples a rank
gets is in `sampler`; building, saving and resuming are in `rank`.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.utils.data import DataLoader, Dataset, Subset

from trainables.protocol import Config, Datasets, Trainable
from trainables.training.seeds import derived_seed, kept_random_state, seed_everything

T = TypeVar("T")

DEFAULT_BATCH_SIZE = 64
"""Samples in a global batch where the configuration has no `batch_size`."""


class Stopwatch:
    """Adds up seconds by name."""

    def __init__(self) -> None:
        self.seconds = {"data": 0.0, "train": 0.0, "evaluate": 0.0, "checkpoint": 0.0}
        self._last = time.perf_counter()

    def lap(self, name: str) -> None:
        """Add the time since the last lap (or the start) to `name`."""
        now = time.perf_counter()
        self.seconds[name] += now - self._last
        self._last = now


def batch_size(config: Config) -> int:
    """Return the global batch size of a configuration.

    Raises:
        ValueError: It is not a positive integer.
    """
    size = config.get("batch_size", DEFAULT_BATCH_SIZE)
    if not isinstance(size, int) or size < 1:
        raise ValueError(f"config.batch_size: got {size!r}, must be an integer >= 1; correct the space")
    return size


def load_datasets(trainable: Trainable, config: Config) -> Datasets:
    """Return a trainable's data. Any random choice in it is the same for every rank, trial and search."""
    with kept_random_state():
        seed_everything(derived_seed(0, "datasets"))
        return trainable.datasets(config)


def validation_loader(data: Dataset[Any], size: int, *, rank: int, world: int) -> DataLoader[Any]:
    """Return a loader of this rank's share of the validation data: every W-th sample, none twice.

    Raises:
        ValueError: There are no validation samples.
    """
    num_samples = _length(data)
    if num_samples == 0:
        raise ValueError("datasets.validation: got 0 samples, must be >= 1; split some off the training data")
    return DataLoader(Subset(data, range(rank, num_samples, world)), batch_size=size)


def train_epoch(
    trainable: Trainable,
    model: nn.Module,
    optimizer: Optimizer,
    batches: Iterable[Any],
    global_sizes: Iterable[int],
    device: torch.device,
    *,
    world: int,
    watch: Stopwatch,
) -> float:
    """Train `model` (wrapped in DDP if `world` > 1) on this rank's batches; return the mean loss over all ranks.

    Args:
        batches: (input, target) pairs: this rank's part of each global batch.
        global_sizes: Samples of all ranks together, for each batch.
    """
    model.train()
    total = torch.zeros(2, dtype=torch.float64)
    watch.lap("train")
    for (inputs, target), global_size in zip(batches, global_sizes, strict=True):
        watch.lap("data")
        inputs, target = to_device(inputs, device), to_device(target, device)
        local_size = num_samples_of(target)
        optimizer.zero_grad(set_to_none=True)
        loss = trainable.loss(model(inputs), target)
        # DDP averages gradients over ranks as if their parts were equal; the factor makes it the mean over samples.
        (loss * (local_size * world / global_size)).backward()  # type: ignore[no-untyped-call]  # torch has no types here
        optimizer.step()
        total += torch.tensor([loss.item() * local_size, local_size], dtype=torch.float64)
        watch.lap("train")
    loss_sum, count = summed(total, device, world).tolist()
    watch.lap("train")
    return float(loss_sum / count)


@torch.no_grad()
def evaluate_model(
    trainable: Trainable, model: nn.Module, loader: Iterable[Any], device: torch.device, *, world: int
) -> dict[str, float]:
    """Return "loss" and the trainable's metrics over the whole validation data; `model` is bare, without DDP.

    Raises:
        ValueError: `evaluate` returned other names than the trainable's `metrics`.
    """
    model.eval()
    names = ("loss", *trainable.metrics)
    total = torch.zeros(len(names) + 1, dtype=torch.float64)
    for inputs, target in loader:
        inputs, target = to_device(inputs, device), to_device(target, device)
        output, size = model(inputs), num_samples_of(target)
        sums = {"loss": trainable.loss(output, target) * size, **trainable.evaluate(output, target)}
        if sums.keys() != set(names):
            raise ValueError(
                f"{type(trainable).__name__}.evaluate: got {sorted(sums.keys() - {'loss'})}, must be the names in "
                f"`metrics`, {sorted(trainable.metrics)}; make the two agree"
            )
        total += torch.tensor([*(float(sums[name]) for name in names), size], dtype=torch.float64)
    *values, count = summed(total, device, world).tolist()
    return {name: value / count for name, value in zip(names, values, strict=True)}


def summed(values: Tensor, device: torch.device, world: int) -> Tensor:
    """Return the sum over all ranks of a tensor of numbers."""
    if world == 1:
        return values
    on_device = values.to(device)
    dist.all_reduce(on_device)
    return on_device.cpu()


def share_buffers(model: nn.Module, world: int) -> None:
    """Give every rank rank 0's buffers (running statistics), which are the ones a checkpoint holds."""
    if world > 1:
        for buffer in model.buffers():
            dist.broadcast(buffer, src=0)


def to_device(value: T, device: torch.device) -> T:
    """Move tensors, and those in mappings, lists and tuples, to a device; leave everything else as it is."""
    moved: Any = value
    if isinstance(value, Tensor):
        moved = value.to(device)
    elif isinstance(value, Mapping):
        moved = {key: to_device(item, device) for key, item in value.items()}
    elif isinstance(value, (list, tuple)):
        moved = [to_device(item, device) for item in value]
    result: T = moved
    return result


def num_samples_of(target: Any) -> int:
    """Return the number of samples in a batch of targets: the length of the first tensor in it."""
    while not isinstance(target, Tensor):
        target = next(iter(target.values() if isinstance(target, Mapping) else target))
    return len(target)


def _length(data: Dataset[Any]) -> int:
    return len(data)  # type: ignore[arg-type]  # torch's Dataset declares no __len__; map-style ones have it
