"""Running a stage: micro-batches go from rank to rank, and their gradients come back, with all ranks at work at once.

The schedules are torch's (`torch.distributed.pipelining`): 1F1B (Narayanan et al., "PipeDream", SOSP 2019, section 3.2)
where a batch makes as many micro-batches as there are stages, else GPipe's (Huang et al., NeurIPS 2019, section 2.3).
Those of one run of a schedule are of equal size; what is left of a batch has a run of its own, before the step, so that
every sample counts as it would in one process. Cutting the model is in `stages`, the attempt in `pipelined`.

Unverified with GPUs, where stages talk over NCCL: on a machine with two,
`python -m benchmarks.pipeline_overlap --gpus` compares with one process and prints the overlap.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.pipelining import PipelineStage, Schedule1F1B, ScheduleGPipe
from torch.distributed.pipelining.schedules import PipelineScheduleSingle

from trainables.training.attempt import Place
from trainables.training.seeds import kept_random_state

MicroBatch = tuple[Any, Any, int]
"""(inputs, target, number of samples)."""

LossOf = Callable[[Tensor, Any, int], Tensor]
"""What the last rank makes of (output, target, number of samples) of a micro-batch: what is differentiated."""


class Pipeline:
    """One rank's stage, tied to those of the others.

    Args:
        part: This rank's part of the model, on its device.
        place: Where in the gang it stands.
        autocast: Makes the context of a forward pass.
    """

    def __init__(self, part: nn.Module, place: Place, autocast: Callable[[], AbstractContextManager[Any]]) -> None:
        self._part = part
        self._place = place
        self._autocast = autocast
        self._runs: dict[tuple[bool, int, int], _Run] = {}

    def run(self, batch: Sequence[MicroBatch], loss: LossOf, *, backward: bool) -> None:
        """Run the micro-batches of one batch through all stages, all ranks together.

        Args:
            batch: The micro-batches. Inputs are read on the first rank only, targets on the last; the numbers of
                samples must be the same on all.
            loss: Called on the last rank, for each in order.
            backward: Whether gradients come back, and are added to those that parameters have.

        Raises:
            ValueError: A stage made something other than tensors, or tensors of another shape than of the first
                micro-batch of as many samples.
        """
        for size, group in groupby(batch, key=lambda each: each[2]):
            alike = list(group)
            key = backward, size, len(alike)
            if key not in self._runs:
                self._runs[key] = self._agree(alike, backward=backward)
            with torch.set_grad_enabled(backward):
                self._runs[key].through(alike, loss, backward=backward)

    def _agree(self, alike: Sequence[MicroBatch], *, backward: bool) -> _Run:
        """Agree with the neighbours on the shapes of what is passed on; ranks do so one after the other."""
        rank, world, device = self._place.rank, self._place.world, self._place.device
        caller = _Caller(self._part, self._place, self._autocast)
        received = [_Shape.of(_NUMBER)] if rank == 0 else _told_by(rank - 1, device)
        passed = [_Shape.of(_NUMBER)]  # what the last stage makes is passed to nobody
        if rank + 1 < world:
            caller.batch = alike
            passed = _rehearsed(caller, received, device, backward=backward)
            dist.send_object_list([passed], dst=rank + 1, device=device)
            caller.must = passed
        stage = PipelineStage(
            caller,
            rank,
            world,
            device,
            input_args=tuple(shape.empty() for shape in received),
            output_args=tuple(shape.empty() for shape in passed),
        )
        return _Run(stage, caller, len(alike))


class _Run:
    """One schedule of torch's, for a number of micro-batches of one size.

    What torch cuts into micro-batches are their numbers; the stages at both ends look the micro-batches up. So inputs
    and targets may be whatever a loader collates.
    """

    def __init__(self, stage: PipelineStage, caller: _Caller, count: int) -> None:
        kind = Schedule1F1B if count >= stage.num_stages else ScheduleGPipe
        self._stage = stage
        self._caller = caller
        self._numbers = torch.arange(count)
        self._losses = _Losses()
        self._training: PipelineScheduleSingle = kind(stage, count, loss_fn=self._losses, scale_grads=False)
        self._evaluation = ScheduleGPipe(stage, count, loss_fn=self._losses, scale_grads=False)

    def through(self, batch: Sequence[MicroBatch], loss: LossOf, *, backward: bool) -> None:
        self._caller.batch = self._losses.batch = batch
        self._losses.loss = loss
        numbers = [self._numbers] if self._stage.is_first else []
        target = self._numbers if self._stage.is_last else None
        step = self._training.step if backward else self._evaluation.eval
        try:
            step(*numbers, target=target, return_outputs=False)
        except RuntimeError as error:
            if error.__cause__ is None:
                raise
            raise error.__cause__ from None  # torch wraps what user code raised, and says less than it
        finally:
            self._caller.batch = self._losses.batch = ()
            self._losses.loss = None


class _Losses:
    """The loss of a micro-batch by its number. It must not know the schedule that calls it: a stage's memory would then
    only go when the garbage collector comes by.
    """

    def __init__(self) -> None:
        self.batch: Sequence[MicroBatch] = ()
        self.loss: LossOf | None = None

    def __call__(self, output: Any, number: Tensor) -> Tensor:
        assert self.loss is not None
        _, target, size = self.batch[int(number)]
        return self.loss(output, target, size)


class _Caller(nn.Module):
    """Calls a stage the way its neighbours in a whole model would: with one argument, a tuple if it is several tensors.

    Attributes:
        batch: The micro-batches in hand; the first stage gets their numbers and takes their inputs from here.
        must: What the tensors passed on must look like, None before that is known.
    """

    def __init__(self, part: nn.Module, place: Place, autocast: Callable[[], AbstractContextManager[Any]]) -> None:
        super().__init__()
        self.part = part
        self._is_first, self._is_last = place.rank == 0, place.rank == place.world - 1
        self._autocast = autocast
        self.batch: Sequence[MicroBatch] = ()
        self.must: list[_Shape] | None = None

    def forward(self, *received: Tensor) -> Any:
        given: Any = received[0] if len(received) == 1 else received
        if self._is_first:
            given = self.batch[int(given)][0]
        with self._autocast():
            output = self.part(given)
        return output if self._is_last else self._passed(output)

    def _passed(self, output: Any) -> tuple[Tensor, ...]:
        tensors = output if isinstance(output, tuple) else (output,)
        if not all(isinstance(each, Tensor) for each in tensors):
            raise ValueError(
                f"stages: got a stage that returns {type(output).__name__}, must be a tensor or a tuple of tensors; "
                "cut the model where only tensors pass"
            )
        made = [_Shape.of(each) for each in tensors]
        if self.must is not None and made != self.must:
            raise ValueError(
                f"stages: got a stage that makes {made}, must be {self.must}, as of the first micro-batch of as many "
                "samples; collate samples to one shape"
            )
        return tuple(each.contiguous() for each in tensors)


@dataclass(frozen=True, slots=True)
class _Shape:
    """What one tensor that is passed on looks like."""

    dims: tuple[int, ...]
    dtype: torch.dtype
    requires_grad: bool

    @classmethod
    def of(cls, tensor: Tensor) -> _Shape:
        return cls(tuple(tensor.shape), tensor.dtype, tensor.requires_grad)

    def empty(self) -> Tensor:
        return torch.empty(self.dims, dtype=self.dtype, device="meta", requires_grad=self.requires_grad)

    def zeros(self, device: torch.device) -> Tensor:
        return torch.zeros(self.dims, dtype=self.dtype, device=device, requires_grad=self.requires_grad)


_NUMBER = torch.zeros(1, dtype=torch.int64)


def _told_by(rank: int, device: torch.device) -> list[_Shape]:
    told: list[Any] = [None]
    dist.recv_object_list(told, src=rank, device=device)
    shapes: list[_Shape] = told[0]
    return shapes


def _rehearsed(caller: _Caller, received: Sequence[_Shape], device: torch.device, *, backward: bool) -> list[_Shape]:
    """Return what a stage passes on, by calling it once with zeros (the first with its first micro-batch).

    Torch can find that out by itself; but its own rehearsal changes running statistics.
    """
    buffers = [(buffer, buffer.clone()) for buffer in caller.buffers()]
    with kept_random_state(), torch.set_grad_enabled(backward):
        made = [_Shape.of(each) for each in caller(*(shape.zeros(device) for shape in received))]
    with torch.no_grad():
        for buffer, before in buffers:
            buffer.copy_(before)
    return made
