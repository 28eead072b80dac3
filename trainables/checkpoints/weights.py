"""A model's weights as safetensors: plain names, no pickle, tensors that are one and the same stored once.

The checkpoint around them (manifest, hashes) is in `checkpoint`, the layout of several files in `shards`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path

from safetensors import safe_open
from torch import Tensor, nn

from trainables.checkpoints.checkpoint import WEIGHTS, Checkpoint
from trainables.checkpoints.shards import INDEX, shard_files


def copied_weights(model: nn.Module) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Copy the state of a bare module (not its DDP wrapper) to host memory, for `save_file` of safetensors.

    Returns:
        The tensors to store by name, and aliases: the name of each tensor that was left out -> the name of the stored
        tensor it is one with.

    Raises:
        TypeError: The module keeps state that is not a tensor.
    """
    stored: dict[str, Tensor] = {}
    aliases: dict[str, str] = {}
    first_name: dict[tuple[object, ...], str] = {}
    for name, tensor in model.state_dict().items():
        if not isinstance(tensor, Tensor):
            raise TypeError(
                f"model state {name}: got {type(tensor).__name__}, must be a tensor; "
                "keep such state out of get_extra_state"
            )
        identity = (tensor.untyped_storage().data_ptr(), tensor.storage_offset(), tensor.shape, tensor.stride())
        original = first_name.setdefault(identity, name) if tensor.numel() else name
        if original == name:
            # A clone, since views into one storage that are not the same tensor may not be stored as they are.
            stored[name] = tensor.detach().to("cpu", copy=True).contiguous()
        else:
            aliases[name] = original
    return stored, aliases


def read_weights(checkpoint: Checkpoint, names: Collection[str] | None = None) -> dict[str, Tensor]:
    """Return the tensors that a checkpoint stores, by name, be they in one file or in shards; aliases are left out.

    Args:
        checkpoint: A verified checkpoint.
        names: Those wanted; default None is all. A shard that has none of them is not opened.

    Raises:
        KeyError: A name is none of a stored tensor.
    """
    sharded = INDEX in checkpoint.manifest["files"]
    files = shard_files(checkpoint.path) if sharded else {WEIGHTS: _names_in(checkpoint.path / WEIGHTS)}
    places = {name: file for file, stored in files.items() for name in stored}
    wanted: dict[str, list[str]] = {}
    for name in places if names is None else names:
        wanted.setdefault(places[name], []).append(name)
    state: dict[str, Tensor] = {}
    for file, own in wanted.items():
        with safe_open(checkpoint.path / file, framework="pt") as stored:
            state.update((name, stored.get_tensor(name)) for name in own)
    return state


def load_weights(model: nn.Module, checkpoint: Checkpoint) -> None:
    """Load the weights of a checkpoint into a whole module of the same architecture.

    Raises:
        RuntimeError: Names or shapes differ (torch's own message lists them).
    """
    state = read_weights(checkpoint)
    aliases: Mapping[str, str] = checkpoint.manifest["aliases"]
    model.load_state_dict(state | {name: state[original] for name, original in aliases.items()})


def _names_in(path: Path) -> list[str]:
    with safe_open(path, framework="pt") as stored:
        return list(stored.keys())
