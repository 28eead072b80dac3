"""The ranks' copies of one model: gradients summed over them, and word of a rank that ran out of memory.

DDP does the summing while the backward pass still runs. What is added to it here is that a rank may leave a pass in the
middle without the others hanging: it contributes zeros to the sums that it still owes them, and a flag that travels
with the last one tells all of them to forget the pass. That costs no collective of its own, save for one of a few
bytes that runs beside the last sum. What is done after such a pass is in `step`.
"""

from __future__ import annotations

import inspect
import time
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Protocol

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch._C._distributed_c10d import GradBucket  # what torch.distributed gives out under the same name, with types
from torch.futures import Future
from torch.nn.parallel import DistributedDataParallel

from trainables.training.attempt import Place

_SYNC_BUFFERS = "forward_sync_buffers"
_KNOWS_IT = _SYNC_BUFFERS in inspect.signature(DistributedDataParallel).parameters
_OPTIONS: dict[str, Any] = {
    # Rank 0's buffers count, and they are shared at the end of an epoch, not in every pass. Newer torch has a new name.
    _SYNC_BUFFERS if _KNOWS_IT else "broadcast_buffers": False,
    "gradient_as_bucket_view": True,
}


class Copies(Protocol):
    """One rank's copy, tied to the others.

    Attributes:
        model: What to call in a training pass.
        wait_s: Seconds for which this rank has waited for sums after its own last gradient was done. On a GPU over NCCL
            nobody waits but the GPU, and this says nothing.
    """

    model: nn.Module
    wait_s: float

    def begin(self) -> None:
        """Get ready for the passes of one step; before anything of the step is put into memory."""

    def accumulating(self) -> AbstractContextManager[Any]:
        """Return the context of a pass that is not the step's last: its gradients stay on this rank for now."""

    def agree(self, *, ran_out: bool) -> tuple[int, ...]:
        """Say whether this rank ran out of memory in the step's passes; return those that did, on all ranks alike.

        Where some did, the copies are tied anew and no gradient is left.
        """


class LoneCopy:
    """The copy of the only rank."""

    def __init__(self, model: nn.Module) -> None:
        self.model = model
        self.wait_s = 0.0

    def begin(self) -> None:
        """Nothing to do."""

    def accumulating(self) -> AbstractContextManager[Any]:
        """Return a context that does nothing."""
        return nullcontext()

    def agree(self, *, ran_out: bool) -> tuple[int, ...]:
        """Return this rank if it ran out of memory."""
        if ran_out:
            self.model.zero_grad(set_to_none=True)
        return (0,) if ran_out else ()


class TiedCopies:
    """The copy of one rank of several. All ranks make theirs together.

    Args:
        model: This rank's, on its device.
        place: Where in the gang it stands.
    """

    def __init__(self, model: nn.Module, place: Place) -> None:
        self._bare = model
        self._place = place
        self.wait_s = 0.0
        self._tie()

    def begin(self) -> None:
        """Lay out the sums, which DDP does once and with all ranks; so no rank can be missing when it is done."""
        self._ddp.reducer._rebuild_buckets()
        self._sums.begin()

    def accumulating(self) -> AbstractContextManager[Any]:
        """Return DDP's own context for it."""
        context: AbstractContextManager[Any] = self._ddp.no_sync()
        return context

    def agree(self, *, ran_out: bool) -> tuple[int, ...]:
        """Wait for the step's sums and the flags; a rank that ran out contributes what it owes first.

        Raises:
            RuntimeError: Some parameter took no part in the loss, so that its sum was never formed.
        """
        if ran_out:
            self._sums.contribute_nothing(self._ddp.reducer._get_zeros_like_grad_buckets())
        if not self._sums.complete:
            idle = [name for name, p in self._bare.named_parameters() if p.requires_grad and p.grad is None]
            raise RuntimeError(
                f"model: got parameters that took no part in the loss ({', '.join(idle[:5])}), must have none where a "
                "trial has several workers; name their modules in `frozen`, or train with one worker"
            )
        ended_at, flags = self._sums.wait()
        self.wait_s += time.perf_counter() - ended_at
        short = tuple(rank for rank, flag in enumerate(flags) if flag)
        if short:
            self._bare.zero_grad(set_to_none=True)
            self._tie()
        return short

    def _tie(self) -> None:
        # DDP's own hooks on the parameters go with the old wrapper, which nothing may hold any more by then.
        self._ddp: Any = None
        self._sums = _Sums(self._place)
        self.model = self._bare
        self.model = self._ddp = DistributedDataParallel(
            self._bare,
            device_ids=[0] if self._place.device.type == "cuda" else None,
            **_OPTIONS,
        )
        self._ddp.register_comm_hook(self._sums, lambda sums, bucket: sums.add(bucket))


class _Sums:
    """What this rank has contributed to the step in hand. It must not know the DDP wrapper, which knows it."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self.begin()

    def begin(self) -> None:
        self._flags = torch.zeros(self._place.world)
        self._works: list[dist.Work] = []
        self.complete = False
        self._ended_at = 0.0

    def add(self, bucket: GradBucket) -> Future[Tensor]:
        """Begin to sum a bucket over the ranks: DDP's communication hook, which by itself would average."""
        work = dist.all_reduce(bucket.buffer(), async_op=True)
        assert work is not None
        self._works.append(work)
        if bucket.is_last():
            self._ended_at = time.perf_counter()
            told = dist.all_reduce(self._flags, async_op=True)
            assert told is not None
            self._works.append(told)
            self.complete = True
        summed: Future[Tensor] = work.get_future().then(lambda sums: sums.value()[0])
        return summed

    def contribute_nothing(self, zeros: list[GradBucket]) -> None:
        assert not self.complete, "nothing is left to run out of memory for once the last gradient is there"
        self._flags[self._place.rank] = 1
        for bucket in zeros[len(self._works) :]:
            self.add(bucket)
        for work in self._works:
            work.wait()

    def wait(self) -> tuple[float, list[float]]:
        self._works[-1].wait()
        return self._ended_at, self._flags.tolist()
