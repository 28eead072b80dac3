"""A trainable that runs out of memory where the configuration says: on a rank, in a pass, above a number of samples."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import TensorDataset

from tests.support.recording import Recording, RecordingModel, my_rank
from trainables import Config, Datasets

IMPORT_PATH = "tests.support.shortage:Shortage"


class _RunsOutBackwards(torch.autograd.Function):
    @staticmethod
    def forward(_ctx: Any, inputs: Tensor) -> Tensor:
        return inputs.clone()

    @staticmethod
    def backward(_ctx: Any, _gradient: Tensor) -> Tensor:
        raise torch.OutOfMemoryError("CUDA out of memory, backwards")


class ShortModel(RecordingModel):
    """`short`: {"rank", "where" (forward, backward or evaluate), "above" (samples), "after" (passes of that kind)}."""

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.first = nn.Linear(4, 4)
        self.passes = 0

    def forward(self, inputs: Tensor) -> Tensor:
        short = self.config.get("short")
        here = short and short["rank"] in (my_rank(), "all") and len(inputs) > short["above"]
        kind = "train" if self.training else "evaluate"
        if here and kind == ("evaluate" if short["where"] == "evaluate" else "train"):
            self.passes += 1
            here = self.passes > short.get("after", 0)
        else:
            here = False
        # The draw is there to see whether it is the same again when the step is begun again.
        noise = torch.rand(()) if self.training and self.config.get("noise") else 0.0
        if here and short["where"] in ("forward", "evaluate"):
            raise RuntimeError(
                "[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"
            )
        ids = inputs[:, -1:]
        hidden = self.first(torch.cat([inputs[:, :-1], torch.ones_like(ids)], dim=1))
        if here:
            hidden = _RunsOutBackwards.apply(hidden)
        return super().forward(torch.cat([hidden[:, :3], ids], dim=1)) + noise


class Shortage(Recording):
    """Recording, with a model that runs out of memory on request; in float64, so that sums of any order agree."""

    def datasets(self, config: Config) -> Datasets:
        data = super().datasets(config)
        return Datasets(train=_doubled(data.train), validation=_doubled(data.validation))

    def model(self, config: Config) -> nn.Module:
        return ShortModel(config).double()


def _doubled(data: Any) -> TensorDataset:
    return TensorDataset(*(tensor.double() for tensor in data.tensors))
