"""Trainables for pipelines: a small network in stages, which can fail, forget a shape, or say when it computes what."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.optim import SGD, Adam, Optimizer
from torch.optim.lr_scheduler import LRScheduler, StepLR
from torch.utils.data import TensorDataset

from trainables import Config, Datasets, Trainable

IMPORT_PATH = "tests.support.staged:Staged"
WIDTH = 6


class Timed(torch.autograd.Function):
    """Passes a tensor on, taking its time and noting it, in both directions."""

    @staticmethod
    def forward(ctx: Any, value: Tensor, config: Config, layer: int) -> Tensor:
        ctx.config, ctx.layer = config, layer
        spend(config, layer, "forward")
        return value.clone()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        spend(ctx.config, ctx.layer, "backward")
        return gradients[0], None, None


def spend(config: Config, layer: int, direction: str) -> None:
    """Sleep for `config.sleep` seconds and add a line about it to the process's log in the folder `config.log`."""
    if "log" not in config:
        return
    began = time.monotonic()
    time.sleep(config.get("sleep", 0.0))
    line = {"pid": os.getpid(), "layer": layer, "direction": direction, "began": began, "ended": time.monotonic()}
    with Path(config["log"], f"{os.getpid()}.jsonl").open("a") as log:
        log.write(json.dumps(line) + "\n")


class RunsOutBackwards(torch.autograd.Function):
    """Passes a tensor on; has no memory on the way back."""

    @staticmethod
    def forward(_ctx: Any, value: Tensor) -> Tensor:
        return value.clone()

    @staticmethod
    def backward(_ctx: Any, *_gradients: Tensor) -> Tensor:
        raise torch.OutOfMemoryError("CUDA out of memory, backwards")


class Layer(nn.Module):
    """One layer of the network.

    `short` is where memory runs out: {"layer", "where" (forward, backward, evaluate), "above" (samples), "after"
    (passes of that kind that have room for more)}.
    """

    def __init__(self, config: Config, number: int) -> None:
        super().__init__()
        self.config, self.number = config, number
        self.linear = nn.Linear(WIDTH, WIDTH)
        self.norm: nn.Module = nn.BatchNorm1d(WIDTH) if config.get("batch_norm") else nn.Identity()
        self.dropout = nn.Dropout(config.get("dropout", 0.0))
        self.passes = 0

    def forward(self, inputs: Tensor) -> Tensor:
        short = self.config.get("short", {"layer": None})
        is_short = short["layer"] == self.number and self._runs_out(short, len(inputs))
        if is_short and short["where"] != "backward":
            raise torch.OutOfMemoryError("CUDA out of memory, forwards")
        if self.config.get("fail_layer") == self.number:
            raise {"value": ValueError, "oom": torch.OutOfMemoryError}[self.config.get("error", "value")](
                "as asked for"
            )
        output: Tensor = torch.tanh(self.dropout(self.norm(self.linear(inputs))))
        if is_short:
            output = RunsOutBackwards.apply(output)
        # A layout that cannot be sent as it lies in memory.
        return Timed.apply(output, self.config, self.number).t().contiguous().t()

    def _runs_out(self, short: Mapping[str, Any], num_samples: int) -> bool:
        if self.training != (short["where"] != "evaluate") or num_samples <= short["above"]:
            return False
        self.passes += 1
        return self.passes > short.get("after", 0)


class Whole(nn.Module):
    """The network as one module, whose stages are not its children."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        self.layers = nn.ModuleList(Layer(config, number) for number in range(3))
        self.out = nn.Linear(WIDTH, 1)

    def forward(self, inputs: Tensor) -> Tensor:
        for layer in self.layers:
            inputs = layer(inputs)
        output: Tensor = self.out(inputs)
        return output


class Pairs(nn.Module):
    """A stage that gives away two tensors, or takes two, besides going through layers."""

    def __init__(self, layers: Sequence[nn.Module], *, gives: bool) -> None:
        super().__init__()
        self.layers = nn.Sequential(*layers)
        self.gives = gives

    def forward(self, inputs: Any) -> Any:
        if self.gives:
            hidden = self.layers(inputs)
            return hidden / 2, hidden / 2
        return self.layers(inputs[0] + inputs[1])


class Staged(Trainable):
    """37 samples to learn from and 11 to validate on."""

    metrics = ("absolute",)
    data_parameters = ("augment",)

    def datasets(self, config: Config) -> Datasets:
        generator = torch.Generator().manual_seed(0)
        inputs = torch.randn(48, WIDTH, generator=generator)
        targets = inputs.sum(dim=1, keepdim=True).sin()
        if config.get("augment"):
            return Datasets(train=Augmented(inputs[:37]), validation=TensorDataset(inputs[37:], targets[37:]))
        return Datasets(
            train=TensorDataset(inputs[:37], targets[:37]), validation=TensorDataset(inputs[37:], targets[37:])
        )

    def model(self, config: Config) -> nn.Module:
        return Whole(config)

    def stages(self, config: Config, model: nn.Module, count: int) -> Sequence[nn.Module] | None:
        assert isinstance(model, Whole)
        if config.get("pairs"):
            return [
                Pairs(list(model.layers[:1]), gives=True),
                Pairs([*model.layers[1:], model.out], gives=False),
            ]
        ends = [*range(4 - count, 3), 3]
        parts = [model.layers[begin:end] for begin, end in zip([0, *ends], ends, strict=False)]
        return [nn.Sequential(*part) for part in parts[:-1]] + [nn.Sequential(*parts[-1], model.out)]

    def optimizer(self, config: Config, model: nn.Module) -> Optimizer:
        if config.get("optimizer") == "adam":
            return Adam(model.parameters(), lr=config.get("lr", 0.01))
        return SGD(model.parameters(), lr=config.get("lr", 0.1), momentum=config.get("momentum", 0.0))

    def schedule(self, config: Config, optimizer: Optimizer) -> LRScheduler | None:
        return StepLR(optimizer, step_size=1, gamma=0.9)

    def frozen(self, config: Config, epoch: int) -> Iterable[str]:
        return ["layers.0"] if epoch == config.get("freeze_in_epoch") else []

    def loss(self, output: Tensor, target: Tensor) -> Tensor:
        return functional.mse_loss(output, target)

    def evaluate(self, output: Tensor, target: Tensor) -> Mapping[str, Tensor]:
        return {"absolute": (output - target).abs().sum()}


class Augmented(torch.utils.data.Dataset):  # type: ignore[type-arg]
    """Samples with a random factor, which the target is to find again."""

    def __init__(self, inputs: Tensor) -> None:
        self.inputs = inputs

    def __len__(self) -> int:
        return len(self.inputs)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        factor = torch.rand(1)
        return torch.full((WIDTH,), float(factor)), factor
