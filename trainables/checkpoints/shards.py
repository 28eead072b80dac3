"""Weights in several files: a shard for each part of a model, and an index that says which tensor is in which.

The layout is the one that transformers and safetensors' own tools know. Weights in a single file are in `weights`, and
so is reading either.

    model-00001-of-00002.safetensors    the tensors of part 0, by their names in the whole model
    model-00002-of-00002.safetensors    those of part 1
    model.safetensors.index.json        {"metadata": {"total_size": bytes}, "weight_map": {tensor: file}}
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from trainables.checkpoints.checkpoint import FileEntry, write_sealed

INDEX = "model.safetensors.index.json"
"""The index; a checkpoint that has it has its weights in shards."""


def shard_name(part: int, count: int) -> str:
    """Return the file name of the shard of one part, from 0, of `count`."""
    return f"model-{part + 1:05d}-of-{count:05d}.safetensors"


def write_index(folder: Path, layout: Sequence[Sequence[str]], total_bytes: int) -> FileEntry:
    """Write the index, make it durable and measure it.

    Args:
        folder: Folder of the checkpoint.
        layout: For each part, the names of its tensors in the whole model.
        total_bytes: Size of all tensors together.
    """
    names = {name: shard_name(part, len(layout)) for part, own in enumerate(layout) for name in own}
    return write_sealed(folder / INDEX, {"metadata": {"total_size": total_bytes}, "weight_map": names})


def shard_files(folder: Path) -> dict[str, list[str]]:
    """Return which tensors each shard in a folder holds, by file name, as its index says."""
    files: dict[str, list[str]] = {}
    for name, file in json.loads((folder / INDEX).read_text())["weight_map"].items():
        files.setdefault(file, []).append(name)
    return files
