"""A trainable whose configuration says which parts are frozen until when, and where its weights come from."""

from __future__ import annotations

from collections.abc import Iterable

from torch import nn
from torch.optim import Adam, Optimizer

from tests.support.recording import Recording
from trainables import Config

IMPORT_PATH = "tests.support.thawing:Thawing"


class Thawing(Recording):
    """`frozen` is {"<name>": epoch until whose end it is frozen}; `pretrained` is a path."""

    def optimizer(self, config: Config, model: nn.Module) -> Optimizer:
        return Adam(model.parameters(), lr=0.01, weight_decay=0.1)

    def frozen(self, config: Config, epoch: int) -> Iterable[str]:
        return [name for name, until in config.get("frozen", {}).items() if epoch <= until]

    def pretrained(self, config: Config) -> str | None:
        return config.get("pretrained")
