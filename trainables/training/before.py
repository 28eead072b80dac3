"""What the passes of a step change besides gradients, as it was before, so that the step can be taken again."""

from __future__ import annotations

from torch import nn

from trainables.training.seeds import random_state, restore_random_state


class Before:
    """Running statistics and random state at the moment it is made.

    Args:
        model: The bare model, or this rank's part of it.
    """

    def __init__(self, model: nn.Module) -> None:
        self._buffers = [(buffer, buffer.clone()) for buffer in model.buffers()]
        self._random = random_state()

    def restore(self) -> None:
        """Put all of it back."""
        for buffer, kept in self._buffers:
            buffer.copy_(kept)
        restore_random_state(self._random)
