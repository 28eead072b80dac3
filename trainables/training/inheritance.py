"""What a clone takes over from its parent's training state: the past, and not the parent's configuration.

The weights are in `weights`; that a trial resumes from its own checkpoint, which is another matter, is in `rank`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler


def inherit(optimizer: Optimizer, schedule: LRScheduler | None, state: Mapping[str, Any]) -> None:
    """Give a clone's new optimizer and schedule their parent's past.

    Moments are taken over where both optimizers are of one kind; learning rate and other settings are the clone's own.
    A schedule goes on from the parent's epoch: each learning rate is the clone's initial one, times what the schedule
    has made of the parent's.

    Args:
        optimizer: as the clone's configuration makes it.
        schedule: of that optimizer, or None.
        state: what rank 0 of the parent saved, with its optimizer's and its schedule's state dicts.
    """
    settings = [_settings(group) for group in optimizer.param_groups]
    theirs = [_settings(group) for group in state["optimizer"]["param_groups"]]
    if [group.keys() for group in settings] == [group.keys() for group in theirs]:
        optimizer.load_state_dict(state["optimizer"])
        for group, own in zip(optimizer.param_groups, settings, strict=True):
            group.update(own)
    if schedule is not None and state["schedule"] is not None:
        past = {key: state["schedule"][key] for key in ("last_epoch", "_step_count") if key in state["schedule"]}
        for group, own, their in zip(optimizer.param_groups, settings, theirs, strict=False):
            if their.get("initial_lr"):
                group["lr"] = own["initial_lr"] * their["lr"] / their["initial_lr"]
        schedule.load_state_dict({**past, "_last_lr": [group["lr"] for group in optimizer.param_groups]})


def _settings(group: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in group.items() if name != "params"}
