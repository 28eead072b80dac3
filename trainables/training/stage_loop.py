"""One epoch through stages: train exactly, evaluate exactly, as `loop` does where every rank has a copy of the model.

Each rank takes part in every batch: the first feeds inputs, the last knows targets and losses. Where one runs out of
memory, all of them forget the batch and take it again in micro-batches of half the size, as `step` has it for copies.
How micro-batches go from stage to stage is in `pipeline`; building, saving and resuming are in `pipelined`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.utils.data import DataLoader

from trainables.assignment import OutOfMemory
from trainables.protocol import Trainable
from trainables.result import is_out_of_memory
from trainables.training.attempt import Place
from trainables.training.before import Before
from trainables.training.loop import Stopwatch
from trainables.training.micro_batches import micro_batches
from trainables.training.pipeline import Pipeline
from trainables.training.precision import Arithmetic
from trainables.training.seeds import derived_seed, kept_random_state, seed_everything
from trainables.training.stage_calls import LossOf, MicroBatch
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
        on_out_of_memory: What running out of memory leads to.

    Attributes:
        micro_batch: As given, or what it was halved to.
        wait_s: Seconds of training for which this rank has waited for other stages, what torch's schedules take by
            themselves included. On a GPU over NCCL they are those of the host, and say little.
        warnings: What the trial's people should know, in words; the caller empties it.
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
        on_out_of_memory: OutOfMemory,
    ) -> None:
        self._trainable = trainable
        self._model = model
        self._optimizer = optimizer
        self._arithmetic = arithmetic
        self._place = place
        self.micro_batch = micro_batch
        self._clip_norm = clip_norm
        self._seed = seed
        self._halves = on_out_of_memory == "halve_micro_batch"
        self._pipeline = Pipeline(model, place, arithmetic.autocast, survives=self._halves)
        self.wait_s = 0.0
        self.warnings: list[str] = []

    def train(self, loader: DataLoader[Any], sizes: Sequence[int], epoch: int, watch: Stopwatch) -> float:
        """Train on batches of these sizes; return the mean loss over all samples, the same on all ranks."""
        device = self._place.device
        self._model.train()
        self.wait_s = 0.0
        total = torch.zeros((), dtype=torch.float64, device=device)

        def share(global_size: int, sums: Tensor, output: Any, target: Any, size: int) -> Tensor:
            with self._arithmetic.autocast():
                loss = self._trainable.loss(output, target)
            sums.add_(loss.detach().double() * size)
            return loss * (size / global_size)

        watch.lap("train")
        for batch, global_size in zip(self._batches(loader, sizes, epoch), sizes, strict=True):
            watch.lap("data")
            began, busy_s = time.perf_counter(), self._pipeline.calls.busy_s
            total += self._through(batch, partial(share, global_size), torch.zeros_like(total), backward=True)
            self.wait_s += time.perf_counter() - began - (self._pipeline.calls.busy_s - busy_s)
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

        def add(sums: Tensor, output: Any, target: Any, size: int) -> Tensor:
            with self._arithmetic.autocast():
                return sums.add_(sums_of(self._trainable, output, target, size, device))

        for batch in self._batches(loader, sizes, epoch):
            total += self._through(batch, add, torch.zeros_like(total), backward=False)
        sums = summed(total, device, self._place.world).tolist()
        return {name: value / sum(sizes) for name, value in zip(names, sums, strict=True)}

    def _batches(self, loader: DataLoader[Any], sizes: Sequence[int], epoch: int) -> Iterator[MicroBatch]:
        """Yield each batch whole; ranks between the first and the last load none, and get their sizes.

        What is random in loading is the same on both ends, so that inputs and targets belong together.
        """
        place = self._place
        is_first, is_last = place.rank == 0, place.rank == place.world - 1
        if not (is_first or is_last):
            yield from ((None, None, size) for size in sizes)
            return
        loaded = iter(loader)
        for number, size in enumerate(sizes):
            with kept_random_state():
                seed_everything(derived_seed(self._seed, "load", epoch, number))
                inputs, target = next(loaded)
            inputs = to_device(inputs, place.device) if is_first else None
            yield inputs, to_device(target, place.device) if is_last else target, size

    def _through(
        self, batch: MicroBatch, loss: Callable[[Tensor, Any, Any, int], Tensor], zeros: Tensor, *, backward: bool
    ) -> Tensor:
        """Run a batch, anew in smaller parts where a rank runs out of memory; return the sums of the run that did not.

        Args:
            batch: The whole of it.
            loss: As `LossOf`, but for its first argument: the sums that it adds to.
            zeros: What these begin as.
            backward: Whether gradients come back; those that there were are forgotten first.
        """
        before = Before(self._model) if self._halves and backward else None
        while True:
            if backward:
                self._optimizer.zero_grad(set_to_none=True)
            sums = zeros.clone()
            short = self._run(self._cut(batch), partial(loss, sums), backward=backward)
            if not short:
                return sums
            self._halve(batch[2], short)
            if before is not None:
                before.restore()

    def _cut(self, batch: MicroBatch) -> list[MicroBatch]:
        inputs, target, size = batch
        if target is None:
            return [(None, None, part) for part in cut_sizes(size, self.micro_batch)]
        return list(micro_batches(inputs, target, self.micro_batch))

    def _run(self, batch: Sequence[MicroBatch], loss: LossOf, *, backward: bool) -> tuple[int, ...]:
        try:
            return self._pipeline.run(batch, loss, backward=backward)
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            raise torch.OutOfMemoryError(
                f"micro_batch_size: got rank {self._place.rank} out of memory with {self.micro_batch} samples at a "
                f"time ({error}), must fit into memory once for each stage; lower it, or give the trial more workers"
            ) from error

    def _halve(self, largest: int, short: tuple[int, ...]) -> None:
        size = min(self.micro_batch, largest)
        self._optimizer.zero_grad(set_to_none=True)
        self._pipeline.forget()
        ranks = f"rank {', '.join(map(str, short))}"
        if size == 1:
            raise torch.OutOfMemoryError(
                f"micro_batch_size: got {ranks} out of memory with 1 sample at a time "
                f"({self._pipeline.calls.shortage or 'its own error is in its log'}), must have room for one in each "
                "stage; give the trial more workers or search smaller models"
            )
        self.micro_batch = size // 2
        self.warnings.append(
            f"{ranks} ran out of memory with micro-batches of {size}: {self.micro_batch} from here on in this attempt, "
            "accumulated to the same batch"
        )

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
