"""A trainable of which one rank takes its time."""

from __future__ import annotations

import time

from torch import Tensor, nn

from tests.support.recording import Recording, RecordingModel, my_rank
from trainables import Config


class SlowModel(RecordingModel):
    """The rank that `slow` names sleeps in each training pass."""

    def forward(self, inputs: Tensor) -> Tensor:
        if self.training and self.config["slow"] == my_rank():
            time.sleep(0.06)
        return super().forward(inputs)


class Slow(Recording):
    """Recording, slow on one rank."""

    def model(self, config: Config) -> nn.Module:
        return SlowModel(config)
