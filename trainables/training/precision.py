"""In which number format a rank computes: autocast, the scaled loss of fp16, and what a GPU may round to.

Weights, gradients and optimizer state stay fp32. Which format it is, the configuration says (`settings`).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import torch

from trainables.training.settings import Precision

_AUTOCAST = {"bf16": torch.bfloat16, "fp16": torch.float16}


class Arithmetic:
    """How one attempt computes on one device.

    Args:
        precision: See `TrainingSettings`.
        device: What it computes on.

    Attributes:
        scaler: Scales the loss of fp16, so that small gradients do not vanish; does nothing for the others.
    """

    def __init__(self, precision: Precision, device: torch.device) -> None:
        self._precision = precision
        self._device = device
        self.scaler = torch.amp.GradScaler(device.type, enabled=precision == "fp16")

    def autocast(self) -> AbstractContextManager[Any]:
        """Return the context of a forward pass and its loss."""
        dtype = _AUTOCAST.get(self._precision)
        return torch.autocast(self._device.type, dtype=dtype) if dtype else nullcontext()

    @contextmanager
    def matrix_products(self) -> Iterator[None]:
        """Let a GPU's matrix products and convolutions round to tf32, or not at all, inside; a CPU never does."""
        if self._device.type != "cuda":
            yield
            return
        products, convolutions = torch.backends.cuda.matmul, torch.backends.cudnn
        before = products.allow_tf32, convolutions.allow_tf32
        try:
            products.allow_tf32 = convolutions.allow_tf32 = self._precision == "tf32"
            yield
        finally:
            products.allow_tf32, convolutions.allow_tf32 = before
