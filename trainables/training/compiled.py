"""torch.compile for the training pass, where the configuration asks for it; evaluation runs the model as it is.

Where no compiler can be had, the error says so in terms of the configuration.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn


class Compiled(nn.Module):
    """A model that is compiled when it is first called.

    Args:
        model: The bare model; its parameters are this module's.
    """

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model
        self._call = torch.compile(model)

    def forward(self, *args: Any) -> Any:
        """Call the compiled model.

        Raises:
            ValueError: It cannot be compiled here.
        """
        try:
            return self._call(*args)
        except Exception as error:
            if not type(error).__module__.startswith(("torch._dynamo", "torch._inductor")):
                raise
            reason = str(error).strip().splitlines()[0]
            raise ValueError(
                f"config.compile: got true, must be false where the model or this node cannot compile ({reason}); "
                "leave it out, or install what torch.compile needs (a C++ compiler, on a GPU Triton)"
            ) from error
