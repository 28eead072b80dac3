"""What the searches under fire train: an epoch of some hundredths of a second, and a note of each answered report."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

from trainables import Config, Run, trainable

IMPORT_PATH = "tests.chaos.real.trainable:curve"

EPOCH_S = 0.03
"""Seconds that an epoch takes."""


def loaded(folder: Path) -> Any:
    return json.loads((folder / "state.json").read_text())


@trainable(
    space={"lr": {"type": "float", "low": 0.001, "high": 0.1, "log": True}, "log": {"type": "constant", "value": ""}},
    budget={"trials": 8, "epochs": 20},
    metrics=("loss",),
    load=loaded,
)
def curve(config: Config, run: Run) -> None:
    """A loss that depends on rate and epoch only; `config["log"]` is the file in which answered reports are noted."""
    for epoch in run.epochs():
        time.sleep(EPOCH_S)

        def save(folder: Path, epoch: int = epoch) -> None:
            (folder / "state.json").write_text(json.dumps({"epoch": epoch}))

        run.report({"loss": abs(config["lr"] - 0.02) + 1 / epoch}, checkpoint=save)
        note(Path(config["log"]), run.seed, epoch)  # the next epoch was asked for, so this one was answered


def note(log: Path, seed: int, epoch: int) -> None:
    """Appends one line in one write: many processes write to the file, and each of them may be killed at any moment."""
    descriptor = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(descriptor, f"{seed} {epoch}\n".encode())
    finally:
        os.close(descriptor)
