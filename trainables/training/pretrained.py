"""Weights that a trial begins with and did not learn itself: from a safetensors file or a checkpoint of ours.

Going on with a trial's own checkpoint is another matter, see `replicated`.
"""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from trainables.checkpoints.checkpoint import read
from trainables.checkpoints.weights import read_weights

_SHOWN = 5


def load_pretrained(model: nn.Module, path: str | Path) -> str | None:
    """Give a model those tensors of a file whose names it has too.

    Args:
        model: Just built, on the CPU.
        path: A .safetensors file, or the folder of a checkpoint, whose hashes are verified.

    Returns:
        Which of the model's tensors were not in the file, in words; None if all were.

    Raises:
        ValueError: There is no such file, no name is in both, or a tensor has another shape in the file.
        CheckpointError: The checkpoint is incomplete or damaged.
    """
    own: dict[str, Tensor] = model.state_dict()
    given = _tensors(Path(path))
    both = own.keys() & given.keys()
    if not both:
        raise ValueError(
            f"pretrained: got {path} with {_listed(given)}, must have tensors of the model's names, such as "
            f"{_listed(own)}; rename them"
        )
    for name in sorted(both):
        if own[name].shape != given[name].shape:
            raise ValueError(
                f"pretrained: got {name} of shape {tuple(given[name].shape)}, must be {tuple(own[name].shape)} as in "
                "the model; make the model fit, or leave that tensor out of the file"
            )
    with torch.no_grad():
        for name in both:
            own[name].copy_(given[name])
    missing = {name: None for name in own if name not in both}
    if not missing:
        return None
    return f"pretrained: {len(missing)} of {len(own)} tensors are not in {path} and begin anew: {_listed(missing)}"


def _tensors(path: Path) -> dict[str, Tensor]:
    if path.is_dir():
        checkpoint = read(path)
        state = read_weights(checkpoint)
        return state | {name: state[original] for name, original in checkpoint.manifest["aliases"].items()}
    if not path.is_file():
        raise ValueError(
            f"pretrained: got {path}, must be a .safetensors file or a checkpoint's folder on this node; correct it"
        )
    try:
        tensors: dict[str, Tensor] = load_file(path)
    except Exception as error:  # safetensors' own error class derives from Exception alone
        raise ValueError(f"pretrained: got {path}, must be a .safetensors file ({error}); convert it") from error
    return tensors


def _listed(names: dict[str, Tensor] | dict[str, None]) -> str:
    shown = ", ".join(list(names)[:_SHOWN])
    return f"{shown} and {len(names) - _SHOWN} more" if len(names) > _SHOWN else shown
