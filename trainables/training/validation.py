"""What a batch adds to the validation metrics: sums over its samples, so that no sample counts more than another.

Going through the validation data is in `loop`, and for stages in `pipelined`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from trainables.protocol import Trainable


def metric_names(trainable: Trainable) -> tuple[str, ...]:
    """Return the names of the validation metrics, in the order of `sums_of`: "loss" and the trainable's own."""
    return ("loss", *trainable.metrics)


def sums_of(trainable: Trainable, output: Any, target: Any, size: int, device: torch.device) -> Tensor:
    """Return each metric's sum over the `size` samples of a batch, float64 on the device.

    Raises:
        ValueError: `evaluate` returned other names than the trainable's `metrics`.
    """
    loss = trainable.loss(output, target)
    sums: Mapping[str, Any] = {"loss": loss.double() * size, **trainable.evaluate(output, target)}
    names = metric_names(trainable)
    if sums.keys() != set(names):
        raise ValueError(
            f"{type(trainable).__name__}.evaluate: got {sorted(sums.keys() - {'loss'})}, must be the names in "
            f"`metrics`, {sorted(trainable.metrics)}; make the two agree"
        )
    return torch.stack([torch.as_tensor(sums[name], dtype=torch.float64, device=device) for name in names])
