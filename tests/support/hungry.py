"""A trainable whose steps take some memory for each sample, or send their process a signal."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.optim import SGD, Optimizer
from torch.utils.data import TensorDataset

from trainables import Config, Datasets, Trainable

IMPORT_PATH = "tests.support.hungry:Hungry"
BYTES_PER_SAMPLE = 8_000_000


class _Eats(nn.Module):
    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        self.linear = nn.Linear(1, 1)

    def forward(self, inputs: Tensor) -> Tensor:
        if len(inputs) > self.config.get("dies_above", 1_000_000):
            os.kill(os.getpid(), getattr(signal, self.config["signal"]))
        hidden: Tensor = self.linear(inputs)
        # Written and kept for the way back: one copy of so many floats for each sample.
        return (hidden.expand(-1, BYTES_PER_SAMPLE // 4) * 1.0).pow(2).mean(dim=1, keepdim=True)


class Hungry(Trainable):
    """Takes memory."""

    space: ClassVar[Mapping[str, Any]] = {
        "lr": {"type": "float", "low": 0.1, "high": 0.2},
        "kind": {"type": "constant", "value": "plain"},
    }

    def datasets(self, config: Config) -> Datasets:
        print("user code prints")
        data: Any = TensorDataset(torch.ones(4096, 1), torch.ones(4096, 1))
        return Datasets(train=data, validation=data)

    def model(self, config: Config) -> nn.Module:
        return _Eats(config)

    def optimizer(self, config: Config, model: nn.Module) -> Optimizer:
        return SGD(model.parameters(), lr=config["lr"])

    def loss(self, output: Tensor, target: Tensor) -> Tensor:
        return nn.functional.mse_loss(output, target)
