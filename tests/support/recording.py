"""A trainable that notes which samples each process saw, and that can fail, stall or return NaN on request."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn import functional
from torch.optim import SGD, Optimizer
from torch.optim.lr_scheduler import LRScheduler, StepLR
from torch.utils.data import TensorDataset

from trainables import Config, Datasets, Trainable

IMPORT_PATH = "tests.support.recording:Recording"


def my_rank() -> int:
    return dist.get_rank() if dist.is_initialized() else 0


def note(config: Config, event: str, ids: list[int]) -> None:
    """Add a line to the process's own log, if the configuration names a folder for logs."""
    if config.get("log"):
        with Path(config["log"], f"{os.getpid()}.jsonl").open("a") as log:
            log.write(json.dumps({"rank": my_rank(), "event": event, "ids": ids}) + "\n")


def notes(folder: Path) -> list[dict[str, Any]]:
    """Return all lines of all processes' logs."""
    return [json.loads(line) for log in sorted(folder.glob("*.jsonl")) for line in log.read_text().splitlines()]


def fail_if_asked(config: Config, place: str) -> None:
    if config.get("fail") == place and config.get("fail_rank", my_rank()) == my_rank():
        raise ERRORS[config.get("error", "value")]


ERRORS: dict[str, BaseException] = {
    "value": ValueError("this was asked for"),
    "oom": torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
    "exit": SystemExit(0),
}


class RecordingModel(nn.Module):
    """A regression model whose inputs carry the sample's id in their last column."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        self.hidden = nn.Linear(3, 4)
        self.norm: nn.Module = nn.BatchNorm1d(4) if config.get("batch_norm") else nn.Identity()
        self.dropout = nn.Dropout(config.get("dropout", 0.0))
        self.out = nn.Linear(4, 4 if config.get("tied") else 1)
        if config.get("idle"):
            self.idle = nn.Linear(1, 1)
        if config.get("tied"):
            self.again = nn.Linear(4, 4)
            self.again.weight = self.out.weight

    def forward(self, inputs: Tensor) -> Tensor:
        place = "train" if self.training else "evaluate"
        note(self.config, place, [int(value) for value in inputs[:, -1]])
        fail_if_asked(self.config, place)
        if self.training:
            time.sleep(self.config.get("sleep", 0.0))
        output: Tensor = self.out(self.dropout(self.norm(self.hidden(inputs[:, :-1]))))
        if self.config.get("tied"):
            output = self.again(output).mean(dim=1, keepdim=True)
        return output * float("nan") if self.config.get("fail") == "nan" else output


class Recording(Trainable):
    """33 samples to learn from and 11 to validate on."""

    metrics = ("absolute",)
    data_parameters = ("data_seed",)

    def datasets(self, config: Config) -> Datasets:
        note(config, "datasets", [])
        fail_if_asked(config, "datasets")
        generator = torch.Generator().manual_seed(config.get("data_seed", 0))
        inputs = torch.randn(44, 3, generator=generator)
        targets = inputs.sum(dim=1, keepdim=True) + 0.1 * torch.randn(44, 1, generator=generator)
        inputs = torch.cat([inputs, torch.arange(44.0)[:, None]], dim=1)
        return Datasets(
            train=TensorDataset(inputs[:33], targets[:33]), validation=TensorDataset(inputs[33:], targets[33:])
        )

    def model(self, config: Config) -> nn.Module:
        fail_if_asked(config, "model")
        return RecordingModel(config)

    def optimizer(self, config: Config, model: nn.Module) -> Optimizer:
        return SGD(model.parameters(), lr=config.get("lr", 0.05), momentum=config.get("momentum", 0.0))

    def schedule(self, config: Config, optimizer: Optimizer) -> LRScheduler | None:
        return StepLR(optimizer, step_size=1, gamma=0.9) if config.get("schedule") else None

    def loss(self, output: Tensor, target: Tensor) -> Tensor:
        return functional.mse_loss(output, target)

    def evaluate(self, output: Tensor, target: Tensor) -> Mapping[str, Tensor]:
        return {"absolute": (output - target).abs().sum()}
