"""A LightningModule as a trainable: its steps, optimizer and data, in Rung's own loop, without Lightning's Trainer.

Called are `training_step`, `validation_step`, `configure_optimizers` and the data loaders' data sets and collate
functions; batch size, workers, precision, accumulation, clipping, DDP and checkpoints are the configuration's and the
loop's. Not called are other hooks (`on_train_epoch_start` and the like), and there is no `self.trainer`. Where a module
needs those, train it with Lightning's Trainer in a plain function (`trainables.functions`).
"""

from __future__ import annotations

import inspect
from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler
from torch.utils.data import Dataset, default_collate

from trainables.protocol import Config, Datasets, Trainable


class LightningTrainable(Trainable):
    """Subclass it and build the LightningModule; name what its `validation_step` logs.

        class Net(LightningTrainable):
            "What it is, for /v1/trainables."
            space = {"lr": {"type": "float", "low": 1e-4, "high": 1e-1, "log": True}}
            metrics = ("val_acc",)

            def module(self, config): return LitNet(lr=config["lr"])
            def data(self, config): return MnistDataModule()

    Rung's metric "loss" is what `validation_step` logs under `validation_loss`, and each of `metrics` what it logs
    under that name; all must be means over the batch. `trainables.load(checkpoint).module` is the LightningModule.
    """

    validation_loss: ClassVar[str] = "val_loss"
    """Name under which `validation_step` logs the loss; where it does not, the loss that it returns."""

    @abstractmethod
    def module(self, config: Config) -> Any:
        """Build the LightningModule."""

    def data(self, config: Config) -> Any:
        """Build a LightningDataModule, or anything else with `train_dataloader` and `val_dataloader`.

        The default is the module itself.
        """
        return self.module(config)

    def datasets(self, config: Config) -> Datasets:
        """Take the data sets out of the data module's loaders."""
        source = self.data(config)
        for hook, arguments in (("prepare_data", ()), ("setup", ("fit",))):
            getattr(source, hook, lambda *_: None)(*arguments)
        return Datasets(train=_Samples(source.train_dataloader()), validation=_Samples(source.val_dataloader()))

    def loader_options(self, config: Config, data: Datasets) -> Mapping[str, Any]:  # noqa: ARG002  (the protocol's)
        """Collate as the training loader does."""
        assert isinstance(data.train, _Samples)
        return {"collate_fn": _Collate(data.train.collate)}

    def model(self, config: Config) -> nn.Module:
        """Wrap the module."""
        return LightningSteps(self.module(config))

    def optimizer(self, config: Config, model: nn.Module) -> Optimizer:  # noqa: ARG002  (the protocol's)
        """Take the only optimizer that `configure_optimizers` returns.

        Raises:
            ValueError: It returns several, or a schedule that is not stepped once an epoch.
        """
        assert isinstance(model, LightningSteps)
        optimizer, schedule = _unpacked(model.module.configure_optimizers())
        optimizer.__dict__["lightning_schedule"] = (
            schedule  # where `schedule` below finds it: both are made in one call
        )
        return optimizer

    def schedule(self, config: Config, optimizer: Optimizer) -> LRScheduler | None:  # noqa: ARG002  (the protocol's)
        """Take the schedule that `configure_optimizers` returned beside the optimizer."""
        schedule: LRScheduler | None = optimizer.__dict__.pop("lightning_schedule")
        return schedule

    def loss(self, output: Any, target: Tensor) -> Tensor:  # noqa: ARG002  (the step has seen the target)
        """Return the loss of the step."""
        loss: Tensor = output.get(self.validation_loss, output.get("loss"))
        return loss

    def evaluate(self, output: Any, target: Tensor) -> Mapping[str, Tensor]:
        """Return what the step logged, times the number of samples.

        Raises:
            ValueError: The step did not log one of `metrics`.
        """
        missing = [name for name in self.metrics if name not in output]
        if missing:
            raise ValueError(
                f"validation_step: got no log of {', '.join(missing)}, must be all of {type(self).__name__}.metrics; "
                f"logged are {', '.join(sorted(output.keys() - {'loss'})) or 'none'}"
            )
        return {name: output[name] * len(target) for name in self.metrics}


class LightningSteps(nn.Module):
    """A LightningModule whose forward pass is a step: of training or, in eval mode, of validation.

    Its state has the module's own names. Returned is the step's loss as "loss", in eval mode also all that was logged.
    """

    def __init__(self, module: Any) -> None:
        super().__init__()
        self.module = module
        self._logged: dict[str, Tensor] = {}
        self._batch_index = 0
        module.log = self._log
        module.log_dict = self._log_dict

    def forward(self, batch: Any) -> dict[str, Tensor]:
        """Take a step on a batch."""
        self._logged.clear()
        step = self.module.training_step if self.training else self.module.validation_step
        takes_index = "batch_idx" in inspect.signature(step).parameters
        result = step(batch, self._batch_index) if takes_index else step(batch)
        self._batch_index = self._batch_index + 1 if self.training else 0
        loss = result.get("loss") if isinstance(result, Mapping) else result
        if self.training and loss is None:
            raise ValueError(
                "training_step: got no loss, must return one: optimize by hand in a plain function instead"
            )
        own = {} if loss is None else {"loss": loss}
        return own if self.training else {**own, **self._logged}

    def to(self, *args: Any, **kwargs: Any) -> LightningSteps:
        """Move the module by its own method, which keeps `self.device` of it right."""
        self.module.to(*args, **kwargs)
        return self

    def state_dict(self, *args: Any, **kwargs: Any) -> Any:
        """Return the module's own."""
        return self.module.state_dict(*args, **kwargs)

    def load_state_dict(self, *args: Any, **kwargs: Any) -> Any:
        """Load the module's own."""
        return self.module.load_state_dict(*args, **kwargs)

    def _log(self, name: str, value: Any, **_: Any) -> None:
        if not isinstance(value, (Tensor, int, float)):
            raise TypeError(
                f"self.log: got {name} of type {type(value).__name__}, must be a number or a tensor; log what it "
                "computes on the batch"
            )
        self._logged[name] = torch.as_tensor(value).detach()

    def _log_dict(self, values: Mapping[str, Any], **_: Any) -> None:
        for name, value in values.items():
            self._log(name, value)


class _Samples(Dataset[Any]):
    """A loader's data set, its samples paired with a target that only counts: the steps take whole batches."""

    def __init__(self, loader: Any) -> None:
        self._data = loader.dataset
        self.collate = getattr(loader, "collate_fn", None) or default_collate

    def __len__(self) -> int:
        return len(self._data)

    def __getitem__(self, index: int) -> tuple[Any, int]:
        return self._data[index], 0


class _Collate:
    """Collates the samples as their loader would, and the targets into as many zeros; can be sent to a worker."""

    def __init__(self, collate: Any) -> None:
        self._collate = collate

    def __call__(self, pairs: list[tuple[Any, int]]) -> tuple[Any, Tensor]:
        return self._collate([sample for sample, _ in pairs]), torch.zeros(len(pairs))


def _unpacked(configured: Any) -> tuple[Optimizer, LRScheduler | None]:
    """Return optimizer and schedule from any form that `configure_optimizers` may return them in."""
    optimizers, schedules = configured, ()
    if isinstance(configured, Mapping):
        optimizers, schedules = configured["optimizer"], configured.get("lr_scheduler") or ()
    elif isinstance(configured, tuple) and len(configured) == 2 and isinstance(configured[0], (list, tuple)):
        optimizers, schedules = configured
    several = [value if isinstance(value, (list, tuple)) else [value] for value in (optimizers, schedules)]
    if len(several[0]) != 1 or len(several[1]) > 1:
        raise ValueError(
            f"configure_optimizers: got {len(several[0])} optimizers and {len(several[1])} schedules, must be one and "
            "at most one; optimize by hand in a plain function instead"
        )
    schedule = several[1][0] if several[1] else None
    if isinstance(schedule, Mapping):
        pace = schedule.get("interval", "epoch"), schedule.get("frequency", 1)
        if pace != ("epoch", 1):
            raise ValueError(
                f"configure_optimizers: got a schedule for each {pace[1]} {pace[0]}, must be for each epoch; "
                "set interval='epoch' and frequency=1"
            )
        schedule = schedule["scheduler"]
    return several[0][0], schedule
