"""A model's weights as a safetensors file: plain names, no pickle, tensors that are one and the same stored once.

The checkpoint around it (manifest, hashes) is in `checkpoint`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from safetensors.torch import load_file
from torch import Tensor, nn


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


def load_weights(model: nn.Module, path: Path, aliases: Mapping[str, str]) -> None:
    """Load what `copied_weights` returned, from its file, into a module of the same architecture.

    Raises:
        RuntimeError: Names or shapes differ (torch's own message lists them).
    """
    state = load_file(path)
    model.load_state_dict(state | {name: state[original] for name, original in aliases.items()})
