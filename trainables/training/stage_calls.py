"""What torch's schedules call on one rank of a pipeline: its stage forwards, the loss, its stage backwards.

Each call is timed. A rank that runs out of memory in one computes no more for the batch in hand, but stays in step with
the others: it passes on zeros of the shapes that they wait for. What then becomes of the batch is in `stage_loop`.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributed.pipelining import PipelineStage

from trainables.result import is_out_of_memory
from trainables.training.attempt import Place

MicroBatch = tuple[Any, Any, int]
"""(inputs, target, number of samples)."""

LossOf = Callable[[Tensor, Any, int], Tensor]
"""What the last rank makes of (output, target, number of samples) of a micro-batch: what is differentiated."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What one tensor that is passed on looks like."""

    dims: tuple[int, ...]
    dtype: torch.dtype
    requires_grad: bool

    @classmethod
    def of(cls, tensor: Tensor) -> Shape:
        """Return that of a tensor."""
        return cls(tuple(tensor.shape), tensor.dtype, tensor.requires_grad)

    def empty(self) -> Tensor:
        """Return such a tensor that takes no memory."""
        return torch.empty(self.dims, dtype=self.dtype, device="meta", requires_grad=self.requires_grad)

    def zeros(self, device: torch.device) -> Tensor:
        """Return such a tensor of zeros."""
        return torch.zeros(self.dims, dtype=self.dtype, device=device, requires_grad=self.requires_grad)


class Calls:
    """How the calls of one rank go.

    Args:
        place: Where in the gang the rank stands.
        survives: Whether a call may run out of memory; it raises if not.

    Attributes:
        shortage: In which words a call ran out of memory since somebody last set this to None.
        busy_s: Seconds that calls have taken. On a GPU they are those of the host.
    """

    def __init__(self, place: Place, *, survives: bool) -> None:
        self.place = place
        self._survives = survives
        self.shortage: str | None = None
        self.busy_s = 0.0

    @contextmanager
    def computing(self) -> Iterator[None]:
        """Time what is computed inside, and take note where memory runs out in it."""
        began = time.perf_counter()
        try:
            yield
        except Exception as error:
            cause = error.__cause__ or error  # torch wraps what a backward pass raises
            if not self._survives or not is_out_of_memory(cause):
                raise
            self.shortage = str(cause)
        finally:
            self.busy_s += time.perf_counter() - began
        if self.shortage is not None:
            gc.collect()
            if self.place.device.type == "cuda":
                torch.cuda.empty_cache()


class Caller(nn.Module):
    """Calls a stage the way its neighbours in a whole model would: with one argument, a tuple if it is several tensors.

    Args:
        part: The stage.
        calls: How this rank's calls go.
        autocast: Makes the context of a forward pass.

    Attributes:
        batch: The micro-batches in hand; the first stage gets their numbers and takes their inputs from here.
        must: What the tensors passed on must look like, None before that is known.
    """

    def __init__(self, part: nn.Module, calls: Calls, autocast: Callable[[], AbstractContextManager[Any]]) -> None:
        super().__init__()
        self.part = part
        self.calls = calls
        self._is_first, self._is_last = calls.place.rank == 0, calls.place.rank == calls.place.world - 1
        self._autocast = autocast
        self.batch: Sequence[MicroBatch] = ()
        self.must: list[Shape] | None = None

    def forward(self, *received: Tensor) -> Any:
        """Return what is passed on: the stage's tensors, or zeros where memory has run out."""
        if self.calls.shortage is None:
            with self.calls.computing():
                return self._made(received)
        shapes = [_NOTHING] if self._is_last else self.must or []
        return tuple(shape.zeros(self.calls.place.device) for shape in shapes)

    def _made(self, received: tuple[Tensor, ...]) -> Any:
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
        made = [Shape.of(each) for each in tensors]
        if self.must is not None and made != self.must:
            raise ValueError(
                f"stages: got a stage that makes {made}, must be {self.must}, as of the first micro-batch of as many "
                "samples; collate samples to one shape"
            )
        return tuple(each.contiguous() for each in tensors)


class Losses:
    """The loss of a micro-batch by its number. It must not know the schedule that calls it: a stage's memory would then
    only go when the garbage collector comes by.
    """

    def __init__(self, calls: Calls) -> None:
        self._calls = calls
        self.batch: Sequence[MicroBatch] = ()
        self.loss: LossOf | None = None

    def __call__(self, output: Any, number: Tensor) -> Tensor:
        """Return the loss, or a zero where memory has run out."""
        assert self.loss is not None
        if self._calls.shortage is None:
            with self._calls.computing():
                _, target, size = self.batch[int(number)]
                return self.loss(output, target, size)
        return _NOTHING.zeros(self._calls.place.device)


class CarefulStage(PipelineStage):
    """Torch's stage of a `Caller`, whose backward pass may run out of memory."""

    def backward_maybe_with_nosync(
        self, backward_type: Any, bwd_kwargs: dict[str, Any], *rest: Any, **more: Any
    ) -> Any:
        """Return the gradients of what the stage received, zeros where memory has run out, as torch's own does."""
        calls: Calls = self.submod.calls  # type: ignore[assignment]  # a Caller's
        if calls.shortage is None:
            with calls.computing():
                return super().backward_maybe_with_nosync(backward_type, bwd_kwargs, *rest, **more)
        received = bwd_kwargs["input_values"]
        return tuple(torch.zeros_like(each) if each.requires_grad else None for each in received), None


_NOTHING = Shape((), torch.float32, requires_grad=True)
