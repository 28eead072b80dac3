"""What a person writes to have something trained: the Trainable protocol and the Datasets it returns.

Nothing here runs a trial. The loop, the gang of processes and the checkpoints live in their own modules, and this one
imports neither torch nor Ray, so that asking what is available stays cheap.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor, nn
    from torch.optim import Optimizer
    from torch.optim.lr_scheduler import LRScheduler
    from torch.utils.data import Dataset

Config = Mapping[str, Any]
"""One configuration: the values of a trial's active parameters, by name."""


@dataclass(frozen=True, slots=True)
class Datasets:
    """The data of one trainable; both are map-style data sets whose items are `(input, target)` pairs.

    Attributes:
        train: Samples to learn from; each epoch sees every one of them at most once, in a seeded order.
        validation: Samples the reported metrics are computed on; each exactly once per epoch.
    """

    train: Dataset[Any]
    validation: Dataset[Any]


class Trainable(ABC):
    """One kind of model that can be searched over. Subclass it, and the docstring becomes its public documentation.

    An instance holds no state of a trial: every method gets the configuration it works for, and a warm gang uses one
    instance for many trials, in several processes at once. Code in these methods may use the global random generators
    of torch, numpy and `random`; they are seeded for each trial and rank and are part of every checkpoint.

    Some parameters of a configuration are the loop's own: `batch_size` (default 64), `micro_batch_size`, `precision`,
    `clip_norm`, `compile`, `parallel`, and those of the loader (`trainables.training.settings` has them all).
    `batch_size` is the *global* batch: it is divided over the ranks of a gang, and a trial learns the same whatever the
    number of ranks and the size of micro-batches. Excepted are models whose samples see each other in a pass, as batch
    normalisation has it (per rank and micro-batch), and what is drawn at random in a pass.
    """

    space: ClassVar[Mapping[str, Any]] = {}
    """Default search space in the form of a search spec's `space`."""

    objective: ClassVar[Mapping[str, str]] = {"metric": "loss", "mode": "min"}
    """Default objective: `metric` is "loss", "train_loss" or one of `metrics`; `mode` is "min" or "max"."""

    budget: ClassVar[Mapping[str, int]] = {"trials": 16, "epochs": 10}
    """Default budget: how many trials, and how many epochs at most for each."""

    metrics: ClassVar[tuple[str, ...]] = ()
    """Names of the validation metrics that `evaluate` returns, beside "loss"."""

    data_parameters: ClassVar[tuple[str, ...]] = ()
    """Names of the parameters that `datasets` depends on; a warm gang loads its data again only when one changes."""

    shape_parameters: ClassVar[tuple[str, ...]] = ()
    """Names of the parameters that give the weights their shape: a clone, as PBT makes them, keeps its parent's."""

    @abstractmethod
    def datasets(self, config: Config) -> Datasets:
        """Load or build the data. Every rank calls it, and all must get the same samples in the same order."""

    @abstractmethod
    def model(self, config: Config) -> nn.Module:
        """Build the model on the CPU. Every rank starts from the same seed, so all build the same weights."""

    def stages(self, config: Config, model: nn.Module, count: int) -> Sequence[nn.Module] | None:  # noqa: ARG002  (a default)
        """Cut `model`, just built, into `count` stages that together do what it does: for what no single GPU can hold.

        Asked for only where the configuration's `parallel` is "pipeline". Each rank then holds one stage, and gives
        what it makes of a micro-batch to the next: a tensor, or a tuple of two tensors or more, with the samples along
        the first dimension. Stages are made of the model's own modules; each tensor of the model is in exactly one.

        Returns:
            The stages in order; or None (the default) to have an nn.Sequential cut between its children, into stages
            of about equal numbers of parameters.
        """
        return None

    @abstractmethod
    def optimizer(self, config: Config, model: nn.Module) -> Optimizer:
        """Build the optimizer of `model`, which is already on its device; in a pipeline it is this rank's stage."""

    def schedule(self, config: Config, optimizer: Optimizer) -> LRScheduler | None:  # noqa: ARG002  (a default)
        """Build a learning-rate schedule, stepped once at the end of each epoch, or None (the default) for none."""
        return None

    def loader_options(self, config: Config, data: Datasets) -> Mapping[str, Any]:  # noqa: ARG002  (a default)
        """Return arguments of torch's DataLoader that no configuration can hold; none by default.

        `collate_fn`, `worker_init_fn` and `multiprocessing_context` go to the loaders of both data sets; with workers,
        `get_worker_info().dataset.data` is the trainable's. `sampler` is an iterable that yields an epoch's training
        samples, for *all* ranks, in order: each global batch of it is divided over them as the usual permutation is.
        What it draws from the global generators is seeded by trial and epoch; if it has a `set_epoch`, that is called.
        """
        return {}

    def frozen(self, config: Config, epoch: int) -> Iterable[str]:  # noqa: ARG002  (a default)
        """Return dotted names of modules or parameters that do not learn in this epoch (from 1); none by default.

        Their gradients are not computed, and their batch normalisation keeps its statistics. Give `optimizer` all
        parameters from the start, those that thaw later included.
        """
        return ()

    def pretrained(self, config: Config) -> str | Path | None:  # noqa: ARG002  (a default)
        """Return where to begin from: a .safetensors file, the folder of any checkpoint, or None (the default).

        Tensors are taken over by name and must have the model's shapes; a trial's warnings name those not found. The
        path must be there on every node. A trial that resumes does not look at it.
        """
        return None

    @abstractmethod
    def loss(self, output: Tensor, target: Tensor) -> Tensor:
        """Return the *mean* loss over a batch as a scalar tensor; `output` is what the model made of the inputs."""

    def evaluate(self, output: Tensor, target: Tensor) -> Mapping[str, Tensor]:  # noqa: ARG002  (a default)
        """Return each of `metrics` as its *sum* over the batch's samples (a scalar tensor); what is reported is the
        sum over the validation data divided by its number of samples. The default has no metrics.
        """
        return {}

    def images(self, config: Config, model: nn.Module, batch: Any) -> Mapping[str, Any]:  # noqa: ARG002  (a default)
        """Return pictures of what the model makes of a few validation samples, for TensorBoard; none by default.

        The model is in eval mode, without gradients, and `batch` is an (input, target) pair on its device. Each picture
        is an array or tensor of (channels, height, width): floats from 0 to 1, or bytes.
        """
        return {}

    def meshes(self, config: Config, model: nn.Module, batch: Any) -> Mapping[str, Mapping[str, Any]]:  # noqa: ARG002  (a default)
        """Return meshes or point clouds, as `images` does pictures; none by default.

        Each is `vertices` of shape (batch, points, 3) and maybe `colors`, bytes of the same shape, and `faces` of shape
        (batch, faces, 3).
        """
        return {}
