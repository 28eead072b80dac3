"""A trained model back from its checkpoint, in a bare process: no Ray, no process group, no GPU needed.

Going on with training is `rank`'s matter; here a checkpoint is only used.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn

from trainables.checkpoints.checkpoint import Checkpoint, read
from trainables.checkpoints.weights import load_weights
from trainables.protocol import Trainable
from trainables.registry import load_trainable
from trainables.training.loaders import checked_options, validation_loader
from trainables.training.loop import evaluate_model, load_datasets
from trainables.training.precision import Arithmetic
from trainables.training.seeds import kept_random_state
from trainables.training.settings import TrainingSettings


def load(path: str | Path) -> nn.Module:
    """Return the trained module in eval mode on the CPU; the checkpoint's hashes are verified first.

    The trainable's class must be importable. The process's random state is left as it was.

    Raises:
        CheckpointError: The checkpoint is incomplete or damaged.
        BrokenTrainableError: Its trainable cannot be imported.
    """
    checkpoint = read(path)
    return _load(checkpoint, load_trainable(checkpoint.manifest["import_path"]))


def evaluate(path: str | Path) -> dict[str, float]:
    """Compute a checkpoint's validation metrics anew on this process's CPU: "loss" and the trainable's own.

    For a model trained on CPUs they agree with the reported ones to 1e-6, whatever the number of ranks was.

    Raises:
        CheckpointError: The checkpoint is incomplete or damaged.
        BrokenTrainableError: Its trainable cannot be imported.
    """
    checkpoint = read(path)
    trainable = load_trainable(checkpoint.manifest["import_path"])
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
