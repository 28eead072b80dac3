"""Plain functions to train with: one that counts and saves, and ones that misbehave on request."""

from __future__ import annotations

import contextlib
import json
import random
import threading
import time
from pathlib import Path
from typing import Any

from trainables import Config, Run, Stopped, trainable

COUNTING = "tests.support.counting:counting"
MISBEHAVING = "tests.support.counting:misbehaving"


def note(config: Config, text: str) -> None:
    """Add a line to the log that the configuration names, if it names one."""
    if config.get("log"):
        with Path(config["log"]).open("a") as log:
            log.write(text + "\n")


def saved(folder: Path) -> Any:
    return json.loads((folder / "deep" / "state.json").read_text())


@trainable(
    space={"step": {"type": "int", "low": 1, "high": 9}},
    budget={"trials": 4, "epochs": 5},
    metrics=("total", "drawn"),
    shape_parameters=("step",),
    load=saved,
)
def counting(config: Config, run: Run) -> None:
    """Add `step` to a total in each epoch, and draw a number."""
    total = saved(run.resume_from)["total"] if run.resume_from else 0
    note(config, f"begin {run.epoch} rank {run.rank} of {run.world}")

    def save(folder: Path) -> None:
        (folder / "deep").mkdir()
        (folder / "deep" / "state.json").write_text(json.dumps({"total": total}))
        note(config, f"save {run.epoch}")

    try:
        for epoch in run.epochs():
            total += config.get("step", 1)
            if epoch % config.get("saves_every", 1) == 0:
                run.report({"loss": 1 / total}, total=total, drawn=random.random(), checkpoint=save)
            else:
                run.report({"loss": 1 / total}, total=total, drawn=random.random())
        note(config, "end")
    finally:
        note(config, "finally")


@trainable()
def misbehaving(config: Config, run: Run) -> None:
    """Do what `how` says in epoch 2."""
    for epoch in run.epochs():
        if epoch == 2:
            if config["how"] == "skips its report":
                continue
            _HOW[config["how"]](run)
        run.report(loss=1.0)


def _raise(error: BaseException) -> Any:
    raise error


may_end = threading.Event()


def _swallow(_: Run) -> None:
    while not may_end.is_set():
        with contextlib.suppress(Stopped):
            time.sleep(0.01)


_HOW: dict[str, Any] = {
    "raises": lambda _: _raise(ValueError("this was asked for")),
    "exits": lambda _: _raise(SystemExit(0)),
    "runs out of memory": lambda _: _raise(MemoryError("no room")),
    "interrupts": lambda _: _raise(KeyboardInterrupt()),
    "reports another metric": lambda run: run.report(accuracy=1.0),
    "reports a text": lambda run: run.report(loss="low"),
    "sleeps": lambda _: [time.sleep(0.01) for _ in range(100_000)],
    "swallows": _swallow,
}
