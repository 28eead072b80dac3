"""One epoch: train exactly, evaluate exactly, for any number of ranks.

Exactly means: the gradient of a step is that of the mean loss over the global batch, also where ranks hold parts of
unequal size; and a validation metric is the mean over every validation sample once. Which samples a rank gets is in
`sampler`, a step in `step`; building, saving and resuming are in `replicated`.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

from trainables.protocol import Config, Datasets, Trainable
from trainables.result import is_out_of_memory
from trainables.training.copies import Copies
from trainables.training.micro_batches import micro_batches
from trainables.training.precision import Arithmetic
from trainables.training.seeds import derived_seed, kept_random_state, seed_everything
from trainables.training.step import Stepper
from trainables.training.tensors import num_samples_of, summed, to_device
from trainables.training.validation import metric_names, sums_of


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


def load_datasets(trainable: Trainable, config: Config) -> Datasets:
    """Return a trainable's data. Any random choice in it is the same for every rank, trial and search."""
    with kept_random_state():
        seed_everything(derived_seed(0, "datasets"))
        return trainable.datasets(config)


def train_epoch(
    stepper: Stepper,
    copies: Copies,
    batches: Iterable[Any],
    global_sizes: Iterable[int],
    device: torch.device,
    *,
    world: int,
    watch: Stopwatch,
) -> tuple[float, int]:
    """Train on this rank's batches; return the mean loss over all ranks' samples, and how many these are.

    Args:
        stepper: Takes the steps.
        copies: The model, in training mode.
        batches: (input, target) pairs: this rank's part of each global batch.
        global_sizes: Samples of all ranks together, for each batch.
    """
    total, count = torch.zeros((), dtype=torch.float64, device=device), 0
    watch.lap("train")
    for (inputs, target), global_size in zip(batches, global_sizes, strict=True):
        watch.lap("data")
        total += stepper.take(copies, inputs, target, global_size)
        count += global_size
        watch.lap("train")
    loss_sum = summed(total, device, world).item()
    watch.lap("train")
    return loss_sum / count, count


@torch.no_grad()
def evaluate_model(
    trainable: Trainable,
    model: nn.Module,
    loader: Iterable[Any],
    device: torch.device,
    *,
    world: int,
    arithmetic: Arithmetic | None = None,
    warnings: list[str] | None = None,
) -> dict[str, float]:
    """Return "loss" and the trainable's metrics over the whole validation data; `model` is bare, without DDP.

    Where memory runs out, this rank goes on with half as many samples at a time; its sums are the same.

    Args:
        trainable: Whose metrics they are.
        model: Put into eval mode.
        loader: This rank's share of the validation data.
        device: Where the model is.
        world: Number of ranks.
        arithmetic: The number format; default fp32.
        warnings: Gets a sentence for each halving, if given.

    Raises:
        ValueError: `evaluate` returned other names than the trainable's `metrics`.
        torch.OutOfMemoryError: There is no room for one sample.
    """
    model.eval()
    names = metric_names(trainable)
    arithmetic = arithmetic or Arithmetic("fp32", device)
    total = torch.zeros(len(names) + 1, dtype=torch.float64, device=device)
    size: int | None = None
    for whole in loader:
        pending = [whole]
        while pending:
            inputs, target = pending.pop()
            num_samples = num_samples_of(target)
            if size is not None and num_samples > size:
                pending += [(part, part_target) for part, part_target, _ in micro_batches(inputs, target, size)][::-1]
                continue
            try:
                total += _sums(trainable, model, inputs, target, device, arithmetic)
                continue
            except Exception as error:
                if not is_out_of_memory(error) or num_samples == 1:
                    raise
            _free(device)
            size = num_samples // 2
            pending.append((inputs, target))
            if warnings is not None:
                warnings.append(f"evaluating {num_samples} samples at once ran out of memory: {size} from here on")
    *values, count = summed(total, device, world).tolist()
    return {name: value / count for name, value in zip(names, values, strict=True)}


def _sums(
    trainable: Trainable, model: nn.Module, inputs: Any, target: Any, device: torch.device, arithmetic: Arithmetic
) -> Tensor:
    """Return the metrics' sums over a batch's samples, and how many these are."""
    inputs, target = to_device(inputs, device), to_device(target, device)
    size = num_samples_of(target)
    with arithmetic.autocast():
        sums = sums_of(trainable, model(inputs), target, size, device)
    return torch.cat([sums, torch.tensor([size], dtype=torch.float64, device=device)])


def _free(device: torch.device) -> None:
    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()
