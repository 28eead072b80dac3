"""What an integration is to a gang, and all integrations of an attempt as one, which never raises.

An epoch is logged once for a trial, whatever attempts train it again: the first word counts, as it does for the search.
The loggers themselves are the files beside this one.
"""

from __future__ import annotations

import importlib
import json
import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from torch import nn

from trainables.assignment import Assignment
from trainables.protocol import Datasets, Trainable

_log = logging.getLogger(__name__)

JOURNAL = "logged.json"
"""File in a trial's folder for logs: what each integration has to remember, its last epoch above all."""


@dataclass(frozen=True, kw_only=True, slots=True)
class View:
    """A look at what trains, for pictures of it. It must be left as it was found.

    Attributes:
        trainable: Whose hooks are asked.
        model: The whole model, on its device, with the gradients of the last step.
        data: The trainable's data.
    """

    trainable: Trainable
    model: nn.Module
    data: Datasets


@dataclass(frozen=True, kw_only=True, slots=True)
class Moment:
    """The end of an epoch.

    Attributes:
        epoch: From 1.
        metrics: By name.
        resources: What the epoch cost, by name.
        view: The model, where rank 0 has all of it.
    """

    epoch: int
    metrics: Mapping[str, float]
    resources: Mapping[str, float]
    view: View | None


class Logger(Protocol):
    """One integration in one attempt. Any method may raise anything."""

    def log(self, moment: Moment) -> Iterable[str]:
        """Write an epoch down, so that it survives the process; return what else is wrong, in words."""

    def close(self) -> None:
        """Let go of files and connections."""


Memory = dict[str, Any]
"""What an integration remembers of a trial from attempt to attempt, in JSON."""

Opener = Callable[[Assignment, Mapping[str, Any], Path, Memory], Logger]
"""Opens a logger for an assignment with its options, a folder of the trial's that is there, and its memory, which it
may change: the change is kept."""


class Loggers:
    """The integrations that an assignment asks for.

    Args:
        assignment: With their names and options, and the trial's folder for logs.
    """

    def __init__(self, assignment: Assignment) -> None:
        self._assignment = assignment
        self._folder = Path(assignment.logs)
        self._loggers: dict[str, Logger] = {}
        self._memories: dict[str, Memory] = {}
        self._warnings: list[str] = []
        if assignment.integrations:
            self._try("the folder for logs", self._remember)
        for name in assignment.integrations:
            self._try(name, lambda name=name: self._open(name))  # type: ignore[misc]  # mypy cannot infer such lambdas

    def log(self, moment: Moment) -> tuple[str, ...]:
        """Log an epoch; return what went wrong, in words. What fails once is left alone until the next attempt."""
        for name in list(self._loggers):
            if moment.epoch > self._memories[name].get("epoch", 0):
                self._try(name, lambda name=name: self._log(name, moment))  # type: ignore[misc]  # the same
        told = tuple(self._warnings)
        self._warnings.clear()
        return told

    def close(self) -> None:
        """Let go of everything."""
        for name, logger in self._loggers.items():
            self._try(name, logger.close, drop=False)
        self._loggers.clear()

    def _remember(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        journal = self._folder / JOURNAL
        if journal.exists():
            self._memories = json.loads(journal.read_text())

    def _open(self, name: str) -> None:
        opener: Opener = importlib.import_module(f"trainables.integrations.{name}").open_logger
        memory = self._memories.setdefault(name, {})
        self._loggers[name] = opener(self._assignment, self._assignment.integrations[name], self._folder, memory)

    def _log(self, name: str, moment: Moment) -> None:
        self._warnings += self._loggers[name].log(moment)
        self._memories[name]["epoch"] = moment.epoch
        aside = self._folder / f"{JOURNAL}.tmp"
        aside.write_text(json.dumps(self._memories))
        aside.rename(self._folder / JOURNAL)

    def _try(self, name: str, call: Callable[[], None], *, drop: bool = True) -> None:
        try:
            call()
        except Exception as error:  # noqa: BLE001  (other people's libraries, and none of them may stop a trial)
            _log.warning("%s failed", name, exc_info=True)
            if drop:
                self._warnings.append(
                    f"{name}: got {type(error).__name__}: {error}; it logs no more in this attempt, which trains on"
                )
                self._loggers.pop(name, None)
