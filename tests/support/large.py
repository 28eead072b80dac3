"""A trainable with as many weights as asked for, and epochs as long as asked for."""

from __future__ import annotations

import time
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.optim import SGD, Optimizer
from torch.utils.data import TensorDataset

from trainables import Config, Datasets, Trainable

IMPORT_PATH = "tests.support.large:Large"


class LargeModel(nn.Module):
    """A table of weights of which each batch touches a few, so that an epoch costs what `sleep` says."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.sleep = config.get("sleep", 0.0)
        self.table = nn.Embedding(config.get("rows", 1000), 256, sparse=bool(config.get("sparse", False)))
        self.out = nn.Linear(256, 1)

    def forward(self, rows: Tensor) -> Tensor:
        if self.training:
            time.sleep(self.sleep)
        output: Tensor = self.out(self.table(rows))
        return output


class Large(Trainable):
    """Four batches an epoch; 256 weights for each of `rows`."""

    def datasets(self, config: Config) -> Datasets:
        rows = torch.arange(64) % config.get("rows", 1000)
        return Datasets(
            train=TensorDataset(rows, rows[:, None] / 64), validation=TensorDataset(rows, rows[:, None] / 64)
        )

    def model(self, config: Config) -> nn.Module:
        return LargeModel(config)

    def optimizer(self, config: Config, model: nn.Module) -> Optimizer:
        return SGD(model.parameters(), lr=config.get("lr", 0.01))

    def loss(self, output: Tensor, target: Tensor) -> Tensor:
        return functional.mse_loss(output, target)

    def evaluate(self, output: Tensor, target: Tensor) -> dict[str, Any]:
        return {}
