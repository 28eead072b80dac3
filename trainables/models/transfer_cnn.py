"""A built-in example of transfer: what `fashion_cnn` learned of some classes, gone on with on others."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from torch import nn

from trainables.models.fashion_cnn import FashionCnn
from trainables.protocol import Config

BLOCKS = ("features.block3", "features.block2", "features.block1")
"""What thaws, in order: the last block first, as it is the most of the old task."""

UNFREEZE_EPOCH = 3
"""The epoch in which the first block thaws where the configuration has no `unfreeze_epoch`."""


class TransferCnn(FashionCnn):
    """Fine-tuning of a trained fashion_cnn on other classes of clothes, with gradual unfreezing.

    Begins with the blocks of a backbone and a new last layer. That layer learns alone until `unfreeze_epoch`; then the
    third block thaws, and `unfreeze_every` epochs later each of the others (Howard and Ruder, "Universal Language Model
    Fine-tuning for Text Classification", 2018, section 3.3). As it comes it learns classes 5 to 9 from about 1,000
    images, for a backbone that was trained with `last_class` 4.

    Parameters: those of fashion_cnn; `backbone`, which a space must have (a constant: a checkpoint's folder, such as
    `rung best ID --download DIR` makes of another search, or a .safetensors file; the same path on every node), with
    the `width` it was trained with; `unfreeze_epoch` (default 3; beyond the last epoch: never) and `unfreeze_every`
    (default 1; 0: all blocks at once). Metrics: "loss" (cross entropy) and "accuracy" (between 0 and 1).
    """

    space: ClassVar[Mapping[str, Any]] = {
        "lr": {"type": "float", "low": 1e-4, "high": 1e-1, "log": True},
        "dropout": {"type": "float", "low": 0.0, "high": 0.6, "step": 0.1},
        "weight_decay": {"type": "float", "low": 1e-5, "high": 1e-1, "log": True},
        "unfreeze_epoch": {"type": "int", "low": 1, "high": 6},
        "unfreeze_every": {"type": "int", "low": 0, "high": 2},
        "train_samples": {"type": "constant", "value": 2000},
        "first_class": {"type": "constant", "value": 5},
    }
    data_parameters = FashionCnn.data_parameters

    def model(self, config: Config) -> nn.Module:
        """Build fashion_cnn's network; its last layer has another name, so that it begins anew."""
        parts = OrderedDict(super().model(config).named_children())
        parts["new_classifier"] = parts.pop("classifier")
        return nn.Sequential(parts)

    def pretrained(self, config: Config) -> str:
        """Return the backbone's path.

        Raises:
            ValueError: The configuration has none.
        """
        backbone = config.get("backbone")
        if not backbone:
            raise ValueError(
                f"config.backbone: got {backbone!r}, must be a checkpoint's folder or a .safetensors file; add "
                "`backbone: {type: constant, value: PATH}` to the space"
            )
        return str(backbone)

    def frozen(self, config: Config, epoch: int) -> Sequence[str]:
        """Return the blocks whose epoch has not come."""
        first, every = config.get("unfreeze_epoch", UNFREEZE_EPOCH), config.get("unfreeze_every", 1)
        return [name for number, name in enumerate(BLOCKS) if epoch < first + number * every]
