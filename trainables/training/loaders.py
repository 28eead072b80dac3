"""How batches get from a trainable's data to a rank: torch's DataLoader, as the configuration and the trainable say.

Which samples are in a batch is said by `sampler`. The promise kept here is that batches are the same with any number of
loading workers that draw nothing, and that a resumed trial gets the very batches it would have had, workers or not.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch.utils.data import DataLoader, Dataset, get_worker_info

from trainables.protocol import Config, Datasets, Trainable
from trainables.training.sampler import Batch, GlobalBatchSampler
from trainables.training.seeds import derived_seed, seed_everything
from trainables.training.settings import TrainingSettings

OPTIONS = ("collate_fn", "multiprocessing_context", "sampler", "worker_init_fn")
"""What `Trainable.loader_options` may return; the rest of DataLoader's arguments are set by the configuration."""


class WorkerData(Dataset[Any]):
    """A data set as loading workers hold it: random choices in it depend on the batch, not on the worker's past.

    Attributes:
        data: The trainable's data set.
    """

    def __init__(self, data: Dataset[Any]) -> None:
        self.data = data

    def __getitems__(self, batch: Batch) -> list[Any]:
        """Load the samples of a batch."""
        if get_worker_info() is not None:
            seed_everything(batch.seed)
        together = getattr(self.data, "__getitems__", None)
        return list(together(list(batch)) if together else (self.data[index] for index in batch))

    def __getitem__(self, index: int) -> Any:
        return self.data[index]


def checked_options(trainable: Trainable, config: Config, data: Datasets) -> dict[str, Any]:
    """Return what a trainable's `loader_options` says.

    Raises:
        ValueError: It names an argument that is not its to set.
    """
    options = dict(trainable.loader_options(config, data))
    for name in sorted(options.keys() - set(OPTIONS)):
        raise ValueError(
            f"{type(trainable).__name__}.loader_options: got {name!r}, must be among {', '.join(OPTIONS)}; "
            "num_workers and the like are parameters of the configuration"
        )
    return options


def train_loader(
    data: Dataset[Any],
    sampler: GlobalBatchSampler,
    settings: TrainingSettings,
    options: Mapping[str, Any],
    device: torch.device,
) -> DataLoader[Any]:
    """Return the loader of this rank's part of each global batch; `options` as `checked_options` returned them."""
    return _loader(data, sampler, settings, options, device)


def validation_loader(
    data: Dataset[Any],
    size: int,
    *,
    rank: int,
    world: int,
    settings: TrainingSettings | None = None,
    options: Mapping[str, Any] | None = None,
    device: torch.device | None = None,
) -> DataLoader[Any]:
    """Return a loader of this rank's share of the validation data: every W-th sample, none twice, `size` at a time.

    Raises:
        ValueError: There are no validation samples.
    """
    num_samples = len(data)  # type: ignore[arg-type]  # torch's Dataset declares no __len__; map-style ones have it
    if num_samples == 0:
        raise ValueError("datasets.validation: got 0 samples, must be >= 1; split some off the training data")
    own = range(rank, num_samples, world)
    batches = [
        Batch(own[start : start + size], derived_seed(0, "validation", start, rank))
        for start in range(0, len(own), size)
    ]
    return _loader(data, batches, settings or TrainingSettings(), options or {}, device or torch.device("cpu"))


def _loader(
    data: Dataset[Any], batches: Any, settings: TrainingSettings, options: Mapping[str, Any], device: torch.device
) -> DataLoader[Any]:
    given = {name: value for name, value in options.items() if name != "sampler"}
    if settings.num_workers > 0:
        data = WorkerData(data)
        given |= {
            "num_workers": settings.num_workers,
            "persistent_workers": settings.persistent_workers,
            "prefetch_factor": settings.prefetch_factor,
            "timeout": settings.loader_timeout,
        }
    else:
        given.pop("multiprocessing_context", None)
    return DataLoader(
        data,
        batch_sampler=batches,
        pin_memory=settings.pin_memory and device.type == "cuda",
        generator=torch.Generator().manual_seed(0),  # so that loading draws nothing from the model's generator
        **given,
    )
