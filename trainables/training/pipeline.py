"""Running a stage: micro-batches go from rank to rank, and their gradients come back, with all ranks at work at once.

The schedules are torch's (`torch.distributed.pipelining`): 1F1B (Narayanan et al., "PipeDream", SOSP 2019, section 3.2)
where a batch makes as many micro-batches as there are stages, else GPipe's (Huang et al., NeurIPS 2019, section 2.3).
Those of one run of a schedule are of equal size; what is left of a batch has a run of its own, before the step, so that
every sample counts as it would in one process. What they call on a rank is in `stage_calls`, cutting the model in
`stages`, the attempt in `pipelined`.

Unverified with GPUs, where stages talk over NCCL: on a machine with two,
`python -m benchmarks.pipeline_overlap --gpus` compares with one process and prints the overlap.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from itertools import groupby
from typing import Any

import torch
import torch.distributed as dist
from torch import nn
from torch.distributed.pipelining import Schedule1F1B, ScheduleGPipe
from torch.distributed.pipelining.schedules import PipelineScheduleSingle

from trainables.training.attempt import Place
from trainables.training.seeds import kept_random_state
from trainables.training.stage_calls import Caller, Calls, CarefulStage, Losses, LossOf, MicroBatch, Shape


class Pipeline:
    """One rank's stage, tied to those of the others.

    Args:
        part: This rank's part of the model, on its device.
        place: Where in the gang it stands.
        autocast: Makes the context of a forward pass.
        survives: Whether running out of memory is told by `run`; it is raised, on that rank alone, if not.

    Attributes:
        calls: How what is called on this rank goes.
    """

    def __init__(
        self,
        part: nn.Module,
        place: Place,
        autocast: Callable[[], AbstractContextManager[Any]],
        *,
        survives: bool,
    ) -> None:
        self._part = part
        self._place = place
        self._autocast = autocast
        self._survives = survives
        self.calls = Calls(place, survives=survives)
        self._runs: dict[tuple[bool, int, int], _Run] = {}

    def run(self, batch: Sequence[MicroBatch], loss: LossOf, *, backward: bool) -> tuple[int, ...]:
        """Run the micro-batches of one batch through all stages, all ranks together.

        Args:
            batch: The micro-batches. Inputs are read on the first rank only, targets on the last; the numbers of
                samples must be the same on all.
            loss: Called on the last rank, for each in order.
            backward: Whether gradients come back, and are added to those that parameters have.

        Returns:
            The ranks that ran out of memory, alike on all ranks. Where there are any, losses and gradients are those of
            a part of the batch, and of zeros.

        Raises:
            ValueError: A stage made something other than tensors, or tensors of another shape than of the first
                micro-batch of as many samples.
        """
        self.calls.shortage = None
        for size, group in groupby(batch, key=lambda each: each[2]):
            alike = list(group)
            key = backward, size, len(alike)
            if key not in self._runs:
                run = self._agree(alike, backward=backward)
                short = self._short()
                if short:
                    return short
                assert run is not None
                self._runs[key] = run
            with torch.set_grad_enabled(backward):
                self._runs[key].through(alike, loss, backward=backward)
        return self._short()

    def forget(self) -> None:
        """Let go of what is kept from batch to batch for micro-batches of the sizes that there were."""
        self._runs.clear()

    def _short(self) -> tuple[int, ...]:
        """Tell the others whether this rank ran out of memory; return those that did."""
        if not self._survives:
            return ()
        flags = torch.zeros(self._place.world)
        flags[self._place.rank] = self.calls.shortage is not None
        dist.all_reduce(flags)
        return tuple(flags.nonzero().flatten().tolist())

    def _agree(self, alike: Sequence[MicroBatch], *, backward: bool) -> _Run | None:
        """Agree with the neighbours on the shapes of what is passed on; ranks do so one after the other.

        Returns:
            None where this rank or one before it has no memory for it.
        """
        rank, world, device = self._place.rank, self._place.world, self._place.device
        caller = Caller(self._part, self.calls, self._autocast)
        received = [Shape.of(_NUMBER)] if rank == 0 else _told_by(rank - 1, device)
        passed: list[Shape] | None = [Shape.of(_NUMBER)]  # what the last stage makes is passed to nobody
        if rank + 1 < world:
            caller.batch = alike
            passed = received and _rehearsed(caller, received, device, backward=backward)
            dist.send_object_list([passed], dst=rank + 1, device=device)
            caller.must = passed
        if not (received and passed):
            return None
        stage = CarefulStage(
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

    def __init__(self, stage: CarefulStage, caller: Caller, count: int) -> None:
        kind = Schedule1F1B if count >= stage.num_stages else ScheduleGPipe
        self._stage = stage
        self._caller = caller
        self._numbers = torch.arange(count)
        self._losses = Losses(caller.calls)
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


_NUMBER = torch.zeros(1, dtype=torch.int64)


def _told_by(rank: int, device: torch.device) -> list[Shape] | None:
    told: list[Any] = [None]
    dist.recv_object_list(told, src=rank, device=device)
    shapes: list[Shape] | None = told[0]
    return shapes


def _rehearsed(
    caller: Caller, received: Sequence[Shape], device: torch.device, *, backward: bool
) -> list[Shape] | None:
    """Return what a stage passes on, by calling it once with zeros (the first with its first micro-batch); None where
    memory runs out.

    Torch can find that out by itself; but its own rehearsal changes running statistics.
    """
    buffers = [(buffer, buffer.clone()) for buffer in caller.buffers()]
    with kept_random_state(), torch.set_grad_enabled(backward):
        made = [Shape.of(each) for each in caller(*(shape.zeros(device) for shape in received))]
    with torch.no_grad():
        for buffer, before in buffers:
            buffer.copy_(before)
    return made or None
