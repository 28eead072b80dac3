"""The judge's tasks: what there is, and which of it counts."""

from __future__ import annotations

from functools import cache

from benchmarks.quality.tasks.lcbench import LcBench
from benchmarks.quality.tasks.tabular import Tabular
from benchmarks.quality.tasks.task import Curve, Session, Task, evenly
from benchmarks.quality.tasks.taskset import TaskSet
from benchmarks.quality.tasks.xgboost import XgBoost

__all__ = ["KINDS", "Curve", "Session", "Task", "judged", "open_task"]

KINDS: dict[str, tuple[type[LcBench | TaskSet | XgBoost | Tabular], int]] = {
    "lcbench": (LcBench, 6),
    "taskset": (TaskSet, 4),
    "xgboost": (XgBoost, 3),
    "tabular": (Tabular, 3),
}
"""Each kind, and how many of its instances are judged. The others may be used to develop on."""


def judged() -> list[str]:
    """Return the names of the judge's tasks: of each kind, instances at even distances in sorted order.

    Raises:
        DataMissing: the data is not on this machine.
    """
    return [f"{kind}-{name}" for kind, (cls, count) in KINDS.items() for name in evenly(cls.instances(), count)]


@cache
def open_task(name: str) -> Task:
    """Return a task by its name, e.g. `lcbench-3945`.

    Raises:
        ValueError: there is no such task.
        DataMissing: the data is not on this machine.
    """
    kind, _, instance = name.partition("-")
    if kind not in KINDS:
        raise ValueError(f"task: got {name!r}, must begin with one of {', '.join(KINDS)} and a hyphen")
    cls = KINDS[kind][0]
    if instance not in cls.instances():
        raise ValueError(f"task: got {name!r}, must be {kind}- and one of {', '.join(cls.instances())}")
    return cls(instance)
