"""What figures and tables are made from: one search at one moment, read from the ledger when it is first asked for."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

from service.models import Search
from service.states import TrialState
from service.store import Ledger, Milestone, Point, Span, TrialRow, VerdictRow

EXACT_UP_TO = 50_000
"""Reports up to which the history is read report by report; beyond it, trial by trial."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Axis:
    """A parameter of the space, as an axis.

    Attributes:
        name: the parameter's.
        is_log: whether equal ratios are equal distances.
        choices: its values in their order, None where it is a number.
    """

    name: str
    is_log: bool
    choices: tuple[Any, ...] | None


class Source:
    """One search, as figures read it. Not shared between threads, and short-lived: nothing is read twice."""

    def __init__(self, ledger: Ledger, search: Search) -> None:
        self._ledger = ledger
        self.search = search

    @property
    def metric(self) -> str:
        """The objective's metric."""
        return str(self.search.spec["objective"]["metric"])

    @property
    def is_min(self) -> bool:
        """Whether smaller is better."""
        return bool(self.search.spec["objective"]["mode"] == "min")

    @property
    def began(self) -> datetime:
        """When time begins to count."""
        return self.search.started_at or self.search.created_at

    @property
    def epochs(self) -> int:
        """Epochs of a trial that nothing ends early."""
        return int(self.search.spec["budget"]["epochs"])

    @cached_property
    def trials(self) -> list[TrialRow]:
        """All trials by number."""
        return self._ledger.trial_rows(self.search.id)

    @cached_property
    def valued(self) -> list[TrialRow]:
        """The trials that have a finite value, the best first."""
        sign = 1 if self.is_min else -1
        found = [trial for trial in self.trials if trial.value is not None]
        return sorted(found, key=lambda trial: (sign * (trial.value or 0.0), trial.number))

    @cached_property
    def axes(self) -> list[Axis]:
        """The parameters that vary, in the order of the space."""
        parameters = {name: entry for name, entry in self.search.spec["space"].items() if name != "__forbidden__"}
        return [_axis(name, entry) for name, entry in parameters.items() if entry["type"] != "constant"]

    @cached_property
    def verdicts(self) -> list[VerdictRow]:
        """What was decided at rungs, in its order."""
        return self._ledger.verdicts(self.search.id)

    @cached_property
    def rungs(self) -> list[int]:
        """The epochs at which the scheduler has decided so far."""
        return list(self._ledger.rungs(self.search.id))

    @cached_property
    def milestones(self) -> list[Milestone]:
        """The course of the search, in the order of time: all records, and what each trial counts by.

        Of a search of more than EXACT_UP_TO reports only the latter, with nothing counted as spent.
        """
        reports = sum(trial.epoch for trial in self.trials)
        read = self._ledger.milestones if reports <= EXACT_UP_TO else self._ledger.bests
        return read(self.search.id)

    def curves(self, numbers: Collection[int]) -> list[Point]:
        """The curves of some trials."""
        return self._ledger.curves(self.search.id, numbers)

    def reports(self, trial: int) -> Sequence[Any]:
        """All that one trial reported, repeated epochs included."""
        return self._ledger.reports(self.search.id, trial)

    def spans(self, limit: int) -> list[Span]:
        """The newest attempts."""
        return self._ledger.spans(self.search.id, limit)

    @cached_property
    def num_attempts(self) -> int:
        """Attempts of all trials together."""
        return sum(trial.attempts for trial in self.trials)


def is_live(trial: TrialRow) -> bool:
    """Whether the trial may still train."""
    return not TrialState(trial.state).is_terminal


def _axis(name: str, entry: dict[str, Any]) -> Axis:
    choices = (False, True) if entry["type"] == "bool" else entry.get("choices")
    return Axis(name=name, is_log=bool(entry.get("log")), choices=None if choices is None else tuple(choices))
