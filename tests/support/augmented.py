"""A trainable whose data are random each time they are looked at, with loader options of its own on request."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import Dataset, DistributedSampler, WeightedRandomSampler

from tests.support.recording import Recording
from trainables import Config, Datasets

IMPORT_PATH = "tests.support.augmented:Augmented"


class Noisy(Dataset[Any]):
    """Samples with noise from all three global generators."""

    def __init__(self, data: Any, noise: float) -> None:
        self._data, self._noise = data, noise

    def __len__(self) -> int:
        return len(self._data)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        inputs, target = self._data[index]
        if index == 5 and self._noise == 5:
            raise KeyError("no such sample")
        noise = torch.rand(()) + np.random.rand() + random.random()
        return torch.cat([inputs[:-1] + self._noise * noise, inputs[-1:]]).float(), target


class EveryThird:
    """A sampler that yields every third sample, beginning with the epoch's number."""

    def __init__(self, num_samples: int) -> None:
        self._num_samples, self._epoch = num_samples, 0

    def set_epoch(self, epoch: int) -> None:
        self._epoch = epoch

    def __iter__(self) -> Iterator[int]:
        return iter(range(self._epoch, self._num_samples, 3))


def doubled(batch: list[Any]) -> tuple[dict[str, Tensor], Tensor]:
    inputs, targets = torch.utils.data.default_collate(batch)
    return {"x": inputs, "names": [str(number) for number in range(len(targets))]}, 2 * targets


class Reads(nn.Module):
    """Takes what `doubled` collates."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, inputs: Any) -> Tensor:
        if isinstance(inputs, dict):
            assert len(inputs["names"]) == len(inputs["x"])
            inputs = inputs["x"]
        output: Tensor = self.model(inputs)
        return output


SAMPLERS = {
    "every_third": lambda data: EveryThird(len(data)),
    "weighted": lambda data: WeightedRandomSampler(torch.arange(1.0, len(data) + 1), len(data)),
    "distributed": lambda data: DistributedSampler(data, num_replicas=2, rank=0),
}


class Augmented(Recording):
    """Recording on random data; `options` names a sampler, a collate function or a wrong argument."""

    data_parameters = ("data_seed", "noise")

    def datasets(self, config: Config) -> Datasets:
        data = super().datasets(config)
        return Datasets(train=Noisy(data.train, config.get("noise", 0.1)), validation=data.validation)

    def model(self, config: Config) -> nn.Module:
        return Reads(super().model(config))

    def loader_options(self, config: Config, data: Datasets) -> Mapping[str, Any]:
        asked = config.get("options")
        if asked in SAMPLERS:
            return {"sampler": SAMPLERS[asked](data.train)}
        return {"collate": {"collate_fn": doubled}, "wrong": {"num_workers": 3}}.get(asked, {})
