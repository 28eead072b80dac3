"""A batch in parts that fit into memory: cutting what a loader collated, sample by sample along the first axis.

What is computed on the parts, and when they get smaller, is in `step`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from torch import Tensor

from trainables.training.tensors import num_samples_of


def micro_batches(inputs: Any, target: Any, size: int) -> Iterator[tuple[Any, Any, int]]:
    """Yield (inputs, target, number of samples) of each part of a batch, `size` samples but for the last.

    Raises:
        ValueError: The batch has a tensor that cannot be cut.
    """
    num_samples = num_samples_of(target)
    if num_samples <= size:
        yield inputs, target, num_samples
        return
    for start in range(0, num_samples, size):
        part = slice(start, min(start + size, num_samples))
        yield _cut(inputs, part, num_samples), _cut(target, part, num_samples), part.stop - start


def _cut(value: Any, part: slice, num_samples: int) -> Any:
    if isinstance(value, Tensor):
        if value.dim() == 0 or len(value) != num_samples:
            raise ValueError(
                f"micro-batch: got a tensor of shape {tuple(value.shape)}, must have the batch's {num_samples} samples "
                "along its first axis to be cut; collate it so, or lower batch_size until no cut is needed"
            )
        return value[part]
    if isinstance(value, Mapping):
        return {key: _cut(item, part, num_samples) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        if len(value) == num_samples and not any(isinstance(item, (Tensor, Mapping, list, tuple)) for item in value):
            return value[part]  # one text, say, for each sample
        return [_cut(item, part, num_samples) for item in value]
    return value
