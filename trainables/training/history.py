"""What attempts at training a PyTorch model share, whatever part of it a rank holds: small steps of begin and end.

What a clone takes over is in `inheritance`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch.optim.lr_scheduler import LRScheduler, ReduceLROnPlateau

from trainables.assignment import Assignment
from trainables.checkpoints.checkpoint import Checkpoint
from trainables.checkpoints.shards import INDEX
from trainables.protocol import Trainable


def check_metric(assignment: Assignment, trainable: Trainable) -> None:
    """Refuse an objective that the trainable does not report.

    Raises:
        ValueError: It is none of "loss", "train_loss" and the trainable's own.
    """
    known = ("loss", "train_loss", *trainable.metrics)
    if assignment.metric not in known:
        raise ValueError(
            f"objective.metric: got {assignment.metric!r}, must be one of {', '.join(known)}; "
            f"or let {assignment.trainable} report it"
        )


def check_stages(checkpoint: Checkpoint, num_stages: int) -> None:
    """Refuse to go on from a checkpoint of another number of stages; a whole model is one.

    Raises:
        ValueError: It has another.
    """
    found = checkpoint.manifest["world_size"] if INDEX in checkpoint.manifest["files"] else 1
    if found != num_stages:
        raise ValueError(
            f"config.parallel, resources.workers: got {num_stages} stages for a checkpoint of {found}, must be as "
            "many, since each has an optimizer of its own; leave both as they were"
        )


def load_state(path: Path) -> dict[str, Any]:
    """Return a rank's training state, in host memory; nothing in the file is executed."""
    state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    return state


def other_shape() -> ValueError:
    """Return the error of a clone that cannot hold its parent's weights."""
    return ValueError(
        "weights: got the parent's, which have another shape, must be of the shape that the clone itself would "
        "have; name the parameters in the trainable's shape_parameters or in algorithm.keep"
    )


def step_schedule(schedule: LRScheduler | None, loss: float) -> None:
    """Step a learning-rate schedule, if there is one, at the end of an epoch with this validation loss."""
    if isinstance(schedule, ReduceLROnPlateau):
        schedule.step(loss)
    elif schedule is not None:
        schedule.step()
