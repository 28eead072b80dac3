"""One step of the optimizer: the gradient of the mean loss over a global batch, whatever fits into memory at once.

A step happens as a whole or not at all. Where a rank runs out of memory, all of them put back what the step has changed
(running statistics, random state), halve the micro-batch and begin the step again: the same samples, the same
mathematics. Weights and optimizer are only touched when every rank has its gradients.
"""

from __future__ import annotations

import gc
from contextlib import nullcontext
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from trainables.assignment import OutOfMemory
from trainables.protocol import Trainable
from trainables.result import is_out_of_memory
from trainables.training.attempt import Place
from trainables.training.before import Before
from trainables.training.copies import Copies
from trainables.training.micro_batches import micro_batches
from trainables.training.precision import Arithmetic
from trainables.training.tensors import num_samples_of, to_device


class Stepper:
    """Takes the steps of one attempt.

    Args:
        trainable: Whose loss it is.
        model: The bare model.
        optimizer: Of that model.
        arithmetic: The number format.
        place: Where in the gang this rank stands.
        micro_batch: Samples that a rank computes on at once.
        clip_norm: See `TrainingSettings`.
        on_out_of_memory: What running out of memory leads to.

    Attributes:
        micro_batch: As given, or what it was halved to.
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
        on_out_of_memory: OutOfMemory,
    ) -> None:
        self._trainable = trainable
        self._model = model
        self._optimizer = optimizer
        self._arithmetic = arithmetic
        self._place = place
        self.micro_batch = micro_batch
        self._clip_norm = clip_norm
        self._halves = on_out_of_memory == "halve_micro_batch"
        self.warnings: list[str] = []

    def take(self, copies: Copies, inputs: Any, target: Any, global_size: int) -> Tensor:
        """Take one step.

        Args:
            copies: The model, as tied to the other ranks'.
            inputs: This rank's part of the batch.
            target: The same.
            global_size: Samples of all ranks together.

        Returns:
            The sum of this rank's samples' losses, float64 on the device, so that nothing waits for it.

        Raises:
            torch.OutOfMemoryError: A rank ran out of memory with one sample at a time.
        """
        before = Before(self._model) if self._halves else None
        while True:
            copies.begin()
            self._optimizer.zero_grad(set_to_none=True)
            total, shortage = self._try(copies, inputs, target, global_size)
            if shortage is not None:
                self._free()
            short = copies.agree(ran_out=shortage is not None)
            if not short:
                break
            total = None
            self._halve(-(-global_size // self._place.world), short, shortage)
            assert before is not None
            before.restore()
        self._update()
        assert total is not None
        return total

    def _try(self, copies: Copies, inputs: Any, target: Any, global_size: int) -> tuple[Tensor | None, str | None]:
        """Do the passes; return what `take` returns, or how memory ran out."""
        try:
            return self._accumulate(copies, inputs, target, global_size), None
        except Exception as error:
            if not self._halves or not is_out_of_memory(error):
                raise
            return None, str(error)

    def _accumulate(self, copies: Copies, inputs: Any, target: Any, global_size: int) -> Tensor:
        inputs, target = to_device(inputs, self._place.device), to_device(target, self._place.device)
        left, sums = num_samples_of(target), []
        for part, part_target, size in micro_batches(inputs, target, self.micro_batch):
            left -= size
            with copies.accumulating() if left else nullcontext():
                loss = self._pass(copies.model, part, part_target, size / global_size)
            sums.append(loss.double() * size)
        return sums[0] if len(sums) == 1 else torch.stack(sums).sum()

    def _pass(self, model: nn.Module, inputs: Any, target: Any, share: float) -> Tensor:
        with self._arithmetic.autocast():
            loss = self._trainable.loss(model(inputs), target)
        weighted = loss if share == 1 else loss * share
        self._arithmetic.scaler.scale(weighted).backward()  # type: ignore[no-untyped-call]  # torch has no types here
        return loss.detach()

    def _update(self) -> None:
        scaler = self._arithmetic.scaler
        if self._clip_norm is not None:
            scaler.unscale_(self._optimizer)
            parameters = [p for group in self._optimizer.param_groups for p in group["params"]]
            nn.utils.clip_grad_norm_(parameters, self._clip_norm)
        scaler.step(self._optimizer)
        scaler.update()

    def _halve(self, largest: int, short: tuple[int, ...], shortage: str | None) -> None:
        size = min(self.micro_batch, largest)
        ranks = f"rank {', '.join(map(str, short))}"
        if size == 1:
            raise torch.OutOfMemoryError(
                f"micro_batch_size: got {ranks} out of memory with 1 sample at a time "
                f"({shortage or 'its own error is in its log'}), must have room for one; "
                "search smaller models or give the trial more memory"
            )
        self.micro_batch = size // 2
        self.warnings.append(
            f"{ranks} ran out of memory with micro-batches of {size}: {self.micro_batch} from here on in this attempt, "
            "accumulated to the same batch"
        )

    def _free(self) -> None:
        self._optimizer.zero_grad(set_to_none=True)
        gc.collect()
        if self._place.device.type == "cuda":
            torch.cuda.empty_cache()
