"""Weights & Biases: a run for each trial in a group for each search, by W&B's own client.

Options: `project` (default "rung"), `entity` (default: the key's), and `mode`: "offline" (default) writes into the
trial's folder `wandb/`, for `wandb sync`; "online" sends. A trial's later attempts go on under the same run id.
Credentials are the operator's, in the workers' environment.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from trainables.assignment import Assignment
from trainables.integrations.logger import Memory, Moment


def open_logger(assignment: Assignment, options: Mapping[str, Any], folder: Path, _: Memory) -> WandbRun:
    """Open the trial's run, or go on with it."""
    return WandbRun(assignment, options, folder)


class WandbRun:
    """The run of one trial."""

    def __init__(self, assignment: Assignment, options: Mapping[str, Any], folder: Path) -> None:
        import wandb

        online = options.get("mode") == "online"
        self._run = wandb.init(
            project=options.get("project", "rung"),
            entity=options.get("entity"),
            id=f"{assignment.search}-{assignment.trial:04d}",
            name=f"trial-{assignment.trial:04d}",
            group=assignment.search,
            config=dict(assignment.config),
            dir=str(folder),
            mode="online" if online else "offline",
            resume="allow" if online else None,
            reinit="create_new",
            settings=wandb.Settings(console="off", silent=True, disable_git=True, save_code=False, init_timeout=15),
        )

    def log(self, moment: Moment) -> tuple[str, ...]:
        """Write an epoch down, or send it."""
        resources = {f"resources/{name}": value for name, value in moment.resources.items()}
        self._run.log({**moment.metrics, **resources}, step=moment.epoch)
        return ()

    def close(self) -> None:
        """End this attempt's part of the run."""
        self._run.finish()
