"""A built-in example that can be cut into stages: a small decoder-only transformer that writes on where a text ends."""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.optim import AdamW, Optimizer
from torch.utils.data import TensorDataset

from trainables.protocol import Config, Datasets, Trainable

VOCABULARY = 256
"""Symbols: the values of a byte. So any text will do, and a checkpoint is whole without a table of characters."""

CONTEXT = 64
"""Characters that the model sees at once where the configuration has no `context`."""

CHARACTERS = 200_000
"""How much of the text is used where the configuration has no `characters`: little enough for a CPU."""

DATA_FILE = Path("tinyshakespeare", "input.txt")
"""The text used where the configuration has no `text_file`, in the folder that RUNG_DATA_DIR names."""


class CharTransformer(Trainable):
    """A small GPT-like transformer (Radford et al. 2019) that predicts the next character of a text.

    The text is the file that the parameter `text_file` names, else `tinyshakespeare/input.txt` in the folder
    `RUNG_DATA_DIR`; nothing is downloaded. The first nine tenths of it are trained on, in windows of `context`
    characters, and the last tenth is validated on. A character is a byte of the file. With its defaults an epoch takes
    seconds on a CPU core, and the loss on tiny Shakespeare falls below 2.0 in ten epochs; guessing gives 5.5.

    The model is an `nn.Sequential` of embedding, blocks and head. So it trains with a copy on every worker, or with
    `parallel: pipeline` cut into a stage for each, as a model would that no single GPU can hold.

    Parameters: `lr`, `width`, `layers`, `heads` (must divide `width`), `dropout`, `weight_decay`, `batch_size` (in
    windows, over all workers), `context`, `characters` (how many of the text are used, from its beginning) and
    `text_file`. Any may be left out of a space. Metrics: "loss" (cross entropy in nats per character) and "accuracy"
    (of the next character, between 0 and 1).
    """

    space: ClassVar[Mapping[str, Any]] = {
        "lr": {"type": "float", "low": 3e-4, "high": 1e-2, "log": True},
        "width": {"type": "categorical", "choices": [32, 64, 128]},
        "layers": {"type": "int", "low": 2, "high": 4},
        "heads": {"type": "categorical", "choices": [2, 4]},
        "dropout": {"type": "float", "low": 0.0, "high": 0.3, "step": 0.1},
        "weight_decay": {"type": "float", "low": 1e-3, "high": 1e-1, "log": True},
        "batch_size": {"type": "categorical", "choices": [16, 32, 64]},
        "context": {"type": "constant", "value": CONTEXT},
        "characters": {"type": "constant", "value": CHARACTERS},
    }
    objective: ClassVar[Mapping[str, str]] = {"metric": "loss", "mode": "min"}
    budget: ClassVar[Mapping[str, int]] = {"trials": 16, "epochs": 9}
    metrics = ("accuracy",)
    data_parameters = ("text_file", "context", "characters")
    shape_parameters = ("width", "layers", "heads", "context")

    def datasets(self, config: Config) -> Datasets:
        """Cut the text into windows; the target of each character is the next one.

        Raises:
            FileNotFoundError: There is no text.
            ValueError: It is too short for one window to train on and one to validate on.
        """
        path, context = _text_file(config), config.get("context", CONTEXT)
        if not path.is_file():
            raise FileNotFoundError(
                f"config.text_file: got {path}, must be a text file on every node; give the parameter text_file one, "
                f"or set RUNG_DATA_DIR to a folder with {DATA_FILE}"
            )
        text = np.fromfile(path, dtype=np.uint8, count=config.get("characters", CHARACTERS))
        symbols = torch.from_numpy(text.astype(np.int64))
        begin = len(symbols) * 9 // 10
        if len(symbols) - begin <= context:
            raise ValueError(
                f"config.text_file: got {len(symbols)} characters of {path}, must be > {10 * context}, ten times the "
                "context; give a longer text, more characters or a shorter context"
            )
        return Datasets(train=_windows(symbols[:begin], context), validation=_windows(symbols[begin:], context))

    def model(self, config: Config) -> nn.Module:
        """Build embedding -> `layers` blocks -> head, from `context` symbols to a score for each next one.

        Raises:
            ValueError: `heads` does not divide `width`.
        """
        width, heads, dropout = config.get("width", 64), config.get("heads", 4), config.get("dropout", 0.0)
        if width % heads:
            raise ValueError(f"config.heads: got {heads}, must divide width ({width}); correct the space")
        parts: OrderedDict[str, nn.Module] = OrderedDict()
        parts["embedding"] = Embedding(width, config.get("context", CONTEXT))
        for number in range(config.get("layers", 2)):
            parts[f"block{number}"] = Block(width, heads, dropout)
        parts["norm"] = nn.LayerNorm(width)
        parts["head"] = nn.Linear(width, VOCABULARY, bias=False)
        model = nn.Sequential(parts)
        model.apply(_begin_small)
        return model

    def optimizer(self, config: Config, model: nn.Module) -> Optimizer:
        """Build AdamW; only matrices decay."""
        matrices = [parameter for parameter in model.parameters() if parameter.dim() >= 2]
        vectors = [parameter for parameter in model.parameters() if parameter.dim() < 2]
        groups = [
            {"params": matrices, "weight_decay": config.get("weight_decay", 0.01)},
            {"params": vectors, "weight_decay": 0.0},
        ]
        return AdamW(groups, lr=config.get("lr", 3e-3), betas=(0.9, 0.95))

    def loss(self, output: Tensor, target: Tensor) -> Tensor:
        """Return the mean cross entropy per character."""
        return functional.cross_entropy(output.flatten(0, 1), target.flatten())

    def evaluate(self, output: Tensor, target: Tensor) -> Mapping[str, Tensor]:
        """Sum up each window's share of characters foreseen."""
        return {"accuracy": (output.argmax(dim=2) == target).double().mean(dim=1).sum()}


class Embedding(nn.Module):
    """Symbols (batch, length) to vectors (batch, length, width), which know their positions."""

    def __init__(self, width: int, context: int) -> None:
        super().__init__()
        self.symbols = nn.Embedding(VOCABULARY, width)
        self.positions = nn.Embedding(context, width)

    def forward(self, symbols: Tensor) -> Tensor:
        """Add up the embeddings of what and where."""
        where = torch.arange(symbols.shape[1], device=symbols.device)
        vectors: Tensor = self.symbols(symbols) + self.positions(where)
        return vectors


class Block(nn.Module):
    """Causal self-attention and a perceptron, each after a normalisation and added to what came in."""

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.dropout = dropout
        self.norm1 = nn.LayerNorm(width)
        self.queries_keys_values = nn.Linear(width, 3 * width)
        self.mixed = nn.Linear(width, width)
        self.norm2 = nn.LayerNorm(width)
        self.perceptron = nn.Sequential(
            nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width), nn.Dropout(dropout)
        )

    def forward(self, vectors: Tensor) -> Tensor:
        """Return vectors of the same shape, (batch, length, width)."""
        vectors = vectors + self._attended(self.norm1(vectors))
        output: Tensor = vectors + self.perceptron(self.norm2(vectors))
        return output

    def _attended(self, vectors: Tensor) -> Tensor:
        batch, length, width = vectors.shape
        each = self.queries_keys_values(vectors).view(batch, length, 3, self.heads, width // self.heads)
        queries, keys, values = each.permute(2, 0, 3, 1, 4)
        dropout = self.dropout if self.training else 0.0
        seen = functional.scaled_dot_product_attention(queries, keys, values, dropout_p=dropout, is_causal=True)
        mixed: Tensor = self.mixed(seen.transpose(1, 2).reshape(batch, length, width))
        return functional.dropout(mixed, self.dropout, self.training)


def _text_file(config: Config) -> Path:
    return Path(config.get("text_file") or Path(os.environ.get("RUNG_DATA_DIR", "."), DATA_FILE))


def _windows(symbols: Tensor, context: int) -> TensorDataset:
    windows = symbols.unfold(0, context + 1, context)
    return TensorDataset(windows[:, :-1], windows[:, 1:])


def _begin_small(module: nn.Module) -> None:
    if isinstance(module, (nn.Linear, nn.Embedding)):
        nn.init.normal_(module.weight, std=0.02)
    if isinstance(module, nn.Linear) and module.bias is not None:
        nn.init.zeros_(module.bias)
