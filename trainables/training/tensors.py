"""Tensors on their way: to a device, in whatever a loader collated, and summed over the ranks. No more."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn

T = TypeVar("T")


def to_device(value: T, device: torch.device) -> T:
    """Move tensors, and those in mappings, lists and tuples, to a device; leave everything else as it is.

    From pinned memory the move to a GPU runs beside the computation.
    """
    moved: Any = value
    if isinstance(value, Tensor):
        moved = value.to(device, non_blocking=True)
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


def summed(values: Tensor, device: torch.device, world: int) -> Tensor:
    """Return the sum over all ranks of a tensor of numbers, on the CPU."""
    if world == 1:
        return values.cpu()
    on_device = values.to(device)
    dist.all_reduce(on_device)
    return on_device.cpu()


def share_buffers(model: nn.Module, world: int) -> None:
    """Give every rank rank 0's buffers (running statistics), which are the ones a checkpoint holds."""
    if world > 1:
        for buffer in model.buffers():
            dist.broadcast(buffer, src=0)
