"""A trainable that breaks its own process in the middle of an epoch, once: in one rank, in the first attempt."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn import functional
from torch.optim import SGD, Optimizer
from torch.utils.data import Dataset, get_worker_info

from trainables import Config, Datasets, Trainable

IMPORT_PATH = "tests.support.faulty:Faulty"

FAULT_EPOCH = 3
"""The epoch in which the fault happens."""

WORKER = "loading-worker-"


def loop_for_ever() -> None:
    while True:
        pass


FAULTS: Mapping[str, Callable[[], Any]] = {
    "kill": lambda: os.kill(os.getpid(), signal.SIGKILL),
    "stop": lambda: os.kill(os.getpid(), signal.SIGSTOP),
    "leave": lambda: os._exit(0),
    "exit": lambda: sys.exit(0),
    "segfault": lambda: ctypes.string_at(0),
    "loop": loop_for_ever,
    "stdout": lambda: [print("x" * 999) for _ in range(10_000)],
    "nothing": lambda: None,
}


class Samples(Dataset[Any]):
    """Numbers and their doubles. Reading one fails while the file `broken` is there, in a loading worker of `rank`.

    A loading worker leaves a file with its process id in its name beside that one.
    """

    def __init__(self, size: int, broken: Path | None = None, rank: int | None = None) -> None:
        self.size = size
        self.broken = broken
        self.rank = rank

    def __len__(self) -> int:
        return self.size

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        if self.broken is not None and self.broken.exists() and self.rank in (None, _worker_of()):
            raise ValueError("this sample cannot be read")
        return torch.tensor([index / self.size]), torch.tensor([2 * index / self.size])

    def __getitems__(self, indices: Any) -> list[Any]:
        if self.broken is not None and get_worker_info() is not None:
            self.broken.with_name(f"{WORKER}{os.getpid()}").touch()
        return [self[index] for index in indices]


def _worker_of() -> int | None:
    """The rank whose loading worker this process is."""
    if get_worker_info() is None:
        return None
    return dist.get_rank() if dist.is_initialized() else 0


class FaultyModel(nn.Module):
    """Counts its epochs by its batches, and breaks when the time has come."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        self.linear = nn.Linear(1, 1)
        self.register_buffer("batches", torch.zeros((), dtype=torch.long))

    def forward(self, inputs: Tensor) -> Tensor:
        if self.training:
            self.batches += 1
            time.sleep(self.config.get("sleep", 0.02))
            self._break_if_due()
        output: Tensor = self.linear(inputs)
        nan = fault_of(self.config)[0] == "nan" and self.batches > 8 * (FAULT_EPOCH - 1)
        return output * float("nan") if nan else output

    def _break_if_due(self) -> None:
        rank = dist.get_rank() if dist.is_initialized() else 0
        mark, (fault, fault_rank) = mark_of(self.config), fault_of(self.config)
        due = self.batches == 8 * (FAULT_EPOCH - 1) + 4 and rank == fault_rank
        if due and not mark.exists():
            mark.touch()
            FAULTS.get(fault, FAULTS["nothing"])()


class Faulty(Trainable):
    """Eight batches an epoch. `fault` is what happens and on which rank ("kill@1", the 1 may be left out), `folder` is
    where it is noted that it has happened.
    """

    data_parameters = ("fault", "folder")

    def datasets(self, config: Config) -> Datasets:
        fault, rank = fault_of(config)
        train = {
            "loader": lambda: Samples(64, mark_of(config)),
            "worker": lambda: Samples(64, mark_of(config), rank),
        }.get(fault, lambda: Samples(64))
        return Datasets(train=train(), validation=Samples(8))

    def model(self, config: Config) -> nn.Module:
        return FaultyModel(config)

    def optimizer(self, config: Config, model: nn.Module) -> Optimizer:
        return SGD(model.parameters(), lr=0.01)

    def loss(self, output: Tensor, target: Tensor) -> Tensor:
        return functional.mse_loss(output, target)


def fault_of(config: Config) -> tuple[str, int]:
    """What happens, and on which rank."""
    fault, _, rank = config["fault"].partition("@")
    return fault, int(rank or config.get("fault_rank", 1))


def mark_of(config: Config) -> Path:
    """The file that is there from the fault on."""
    return Path(config["folder"], config["fault"])


def loading_workers(folder: Path) -> list[int]:
    """Process ids of all the loading workers that there were."""
    return [int(file.name.removeprefix(WORKER)) for file in folder.glob(f"{WORKER}*")]
