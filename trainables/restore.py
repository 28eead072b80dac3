"""A trained model back from its checkpoint, in a bare process: no Ray, no process group, no GPU needed.

Going on with training is `rank`'s matter; here a checkpoint is only used.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import nn

from trainables.checkpoints.checkpoint import Checkpoint, read
from trainables.checkpoints.folders import FILES
from trainables.checkpoints.weights import load_weights
from trainables.protocol import Trainable
from trainables.registry import load_trainable
from trainables.training.loaders import checked_options, validation_loader
from trainables.training.loop import evaluate_model, load_datasets
from trainables.training.precision import Arithmetic
from trainables.training.seeds import kept_random_state
from trainables.training.settings import TrainingSettings


def load(path: str | Path) -> Any:
    """Return what was trained; the checkpoint's hashes are verified first.

    That is the torch.nn.Module in eval mode on the CPU; or, of a plain function's checkpoint, whatever the function's
    `load` makes of the folder that was saved. The trainable must be importable. The process's random state is left as
    it was.

    Raises:
        CheckpointError: The checkpoint is incomplete or damaged.
        BrokenTrainableError: Its trainable cannot be imported.
        TypeError: It is a function's that has no `load`; the message says where the files are.
    """
    checkpoint = read(path)
    trainable = load_trainable(checkpoint.manifest["import_path"])
    if isinstance(trainable, Trainable):
        return _load(checkpoint, trainable)
    if trainable.load is None:
        raise TypeError(
            f"{checkpoint.manifest['import_path']}: got no load, must be a function of a folder to load with; give "
            f"@trainable(load=...) one, or read the files yourself, they are in {checkpoint.path / FILES}"
        )
    with kept_random_state():
        return trainable.load(checkpoint.path / FILES)


def evaluate(path: str | Path) -> dict[str, float]:
    """Compute a checkpoint's validation metrics anew on this process's CPU: "loss" and the trainable's own.

    For a model trained on CPUs they agree with the reported ones to 1e-6, whatever the number of ranks was.

    Raises:
        CheckpointError: The checkpoint is incomplete or damaged.
        BrokenTrainableError: Its trainable cannot be imported.
        TypeError: It is a plain function's, which has no validation data that is known here.
    """
    checkpoint = read(path)
    trainable = load_trainable(checkpoint.manifest["import_path"])
    if not isinstance(trainable, Trainable):
        raise TypeError(
            f"{checkpoint.manifest['import_path']}: got a plain function, must be a Trainable to be evaluated anew; "
            "load the checkpoint and compute what you need"
        )
    config = checkpoint.manifest["config"]
    settings, data, cpu = TrainingSettings.parse(config), load_datasets(trainable, config), torch.device("cpu")
    loader = validation_loader(
        data.validation,
        settings.batch_size,
        rank=0,
        world=1,
        settings=settings,
        options=checked_options(trainable, config, data),
    )
    arithmetic = Arithmetic(settings.precision, cpu)
    return evaluate_model(trainable, _load(checkpoint, trainable), loader, cpu, world=1, arithmetic=arithmetic)


def _load(checkpoint: Checkpoint, trainable: Trainable) -> nn.Module:
    with kept_random_state():
        model = trainable.model(checkpoint.manifest["config"])
    load_weights(model, checkpoint)
    return model.eval()
