"""One epoch through stages: train exactly, evaluate exactly, as `loop` does where every rank has a copy of the model.

Each rank takes part in every batch: the first feeds inputs, the last knows targets and losses. How micro-batches go
from stage to stage is in `pipeline`; building, saving and resuming are in `pipelined`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.utils.data import DataLoader

from trainables.protocol import Trainable
from trainables.result import is_out_of_memory
from trainables.training.attempt import Place
from trainables.training.loop import Stopwatch
from trainables.training.micro_batches import micro_batches
from trainables.training.pipeline import LossOf, MicroBatch, Pipeline
from trainables.training.precision import Arithmetic
from trainables.training.seeds import derived_seed, kept_random_state, seed_everything
from trainables.training.tensors import summed, to_device
from trainables.training.validation import metric_names, sums_of


class StageLoop:
    """Trains and evaluates one rank's stage.

    Args:
        trainable: Whose loss and metrics they are.
        model: This rank's stage, on its device.
        optimizer: Of that stage.
        arithmetic: The number format.
        place: Where in the gang this rank stands.
        micro_batch: Samples that go through the stages at once.
        clip_norm: See `TrainingSettings`.
        seed: Seed of what is random in loading.
    """

    def __init__(
        self,
        trainable: Trainable,
        model: nn.Module,
        optimizer: Optimizer,
        arithmetic: Arithmetic,
        place: Place,
        *,
        micro_batch: int,
        clip_norm: float | None,
        seed: int,
    ) -> None:
        self._trainable = trainable
        self._model = model
        self._optimizer = optimizer
        self._arithmetic = arithmetic
        self._place = place
        self._micro_batch = micro_batch
        self._clip_norm = clip_norm
        self._seed = seed
        self._pipeline = Pipeline(model, place, arithmetic.autocast)

    def train(self, loader: DataLoader[Any], sizes: Sequence[int], epoch: int, watch: Stopwatch) -> float:
        """Train on batches of these sizes; return the mean loss over all samples, the same on all ranks."""
        device = self._place.device
        self._model.train()
        total = torch.zeros((), dtype=torch.float64, device=device)

        def share(global_size: int, output: Any, target: Any, size: int) -> Tensor:
            with self._arithmetic.autocast():
                loss = self._trainable.loss(output, target)
            total.add_(loss.detach().double() * size)
            return loss * (size / global_size)

        watch.lap("train")
        for batch, global_size in zip(self._batches(loader, sizes, epoch), sizes, strict=True):
            watch.lap("data")
            self._optimizer.zero_grad(set_to_none=True)
            self._run(batch, partial(share, global_size), backward=True)
            self._clip()
            self._optimizer.step()
            watch.lap("train")
        loss = float(summed(total, device, self._place.world)) / sum(sizes)
        watch.lap("train")
        return loss

    def evaluate(self, loader: DataLoader[Any], sizes: Sequence[int], epoch: int) -> dict[str, float]:
        """Return "loss" and the trainable's metrics over batches of these sizes, the same on all ranks."""
        device = self._place.device
        self._model.eval()
        names = metric_names(self._trainable)
        total = torch.zeros(len(names), dtype=torch.float64, device=device)

        def add_sums(output: Any, target: Any, size: int) -> Tensor:
            with self._arithmetic.autocast():
                return total.add_(sums_of(self._trainable, output, target, size, device))

        for batch in self._batches(loader, sizes, epoch):
            self._run(batch, add_sums, backward=False)
        sums = summed(total, device, self._place.world).tolist()
        return {name: value / sum(sizes) for name, value in zip(names, sums, strict=True)}

    def _batches(self, loader: DataLoader[Any], sizes: Sequence[int], epoch: int) -> Iterator[list[MicroBatch]]:
        """Yield the micro-batches of each batch; ranks between the first and the last load none, and get their sizes.

        What is random in loading is the same on both ends, so that inputs and targets belong together.
        """
        place, cut = self._place, self._micro_batch
        is_first, is_last = place.rank == 0, place.rank == place.world - 1
        if not (is_first or is_last):
            yield from ([(None, None, size) for size in cut_sizes(whole, cut)] for whole in sizes)
            return
        loaded = iter(loader)
        for number in range(len(sizes)):
            with kept_random_state():
                seed_everything(derived_seed(self._seed, "load", epoch, number))
                inputs, target = next(loaded)
            inputs = to_device(inputs, place.device) if is_first else None
            target = to_device(target, place.device) if is_last else target
            yield list(micro_batches(inputs, target, cut))

    def _run(self, batch: Sequence[MicroBatch], loss: LossOf, *, backward: bool) -> None:
        try:
            self._pipeline.run(batch, loss, backward=backward)
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            raise torch.OutOfMemoryError(
                f"micro_batch_size: got rank {self._place.rank} out of memory with {self._micro_batch} samples at a "
                f"time ({error}), must fit into memory once for each stage; lower it, or give the trial more workers"
            ) from error

    def _clip(self) -> None:
        """Cut the gradient of the whole model to the norm it may have."""
        if self._clip_norm is None:
            return
        parameters = [parameter for group in self._optimizer.param_groups for parameter in group["params"]]
        own = nn.utils.get_total_norm([each.grad for each in parameters if each.grad is not None])
        square = own.double() ** 2
        dist.all_reduce(square)
        nn.utils.clip_grads_with_norm_(parameters, self._clip_norm, square.sqrt().to(own.dtype))


def cut_sizes(whole: int, size: int) -> list[int]:
    """Return the sizes of the parts when `whole` samples are cut into parts of `size`, the last of what is left."""
    count, rest = divmod(whole, size)
    return [size] * count + ([rest] if rest else [])
