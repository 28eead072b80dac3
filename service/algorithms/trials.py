"""The table of trials that samplers read: configurations, curves so far, results at the rungs.

It only holds facts. What becomes of a trial is decided by the schedulers, what is tried next by the samplers.
"""

import json
import math
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple

from service.algorithms.objective import Objective
from service.algorithms.proposals import OriginKind, Start


class Phase(StrEnum):
    """Where a trial stands, as far as decisions care."""

    RUNNING = "running"
    PAUSED = "paused"
    ENDED = "ended"
    FAILED = "failed"
    CANCELLED = "cancelled"


LIVE = frozenset({Phase.RUNNING, Phase.PAUSED})


@dataclass(kw_only=True, slots=True)
class TrialRecord:
    """One trial: its configuration and the two ends of its curve that any scope needs."""

    trial: int
    config: Mapping[str, Any]
    parent: int | None = None
    """The trial whose weights it began with."""
    from_epoch: int = 0
    """The epoch of its parent's checkpoint that it began with."""
    continues: int | None = None
    """The first trial of those that it goes on with, one after the other; None: it is a trial of its own."""
    phase: Phase = Phase.RUNNING
    """Changed by `Trials.move` only."""
    last_epoch: int = 0
    last_loss: float = math.inf
    best_epoch: int = 0
    best_loss: float = math.inf

    def report(self, epoch: int, loss: float) -> None:
        """Append to the curve; the first of equal values stays the best."""
        self.last_epoch, self.last_loss = epoch, loss
        if loss < self.best_loss:
            self.best_epoch, self.best_loss = epoch, loss

    def result(self, objective: Objective) -> tuple[float, int]:
        """Return the loss that counts under the objective's scope, and its epoch."""
        return {"best": (self.best_loss, self.best_epoch), "last": (self.last_loss, self.last_epoch)}[objective.scope]


class RungResult(NamedTuple):
    """What a trial came to at a rung."""

    trial: int
    epochs: int
    loss: float


class Trials:
    """All trials of a search by number, and the results at the rungs by epoch.

    What other searches found out has its place in the results, under negative numbers: -1, -2 and so on. Such a trial
    is found by its number and through the results, and nowhere else: it is none of this search's.
    """

    def __init__(self) -> None:
        self._records: list[TrialRecord] = []
        self._prior: list[TrialRecord] = []
        self._own_rungs: set[int] = set()
        self._first_with: dict[str, int] = {}
        self._origins: Counter[OriginKind] = Counter()
        self._rungs: defaultdict[int, dict[int, float]] = defaultdict(dict)
        self.rung_results: list[RungResult] = []
        """All results at rungs, in the order they came in."""
        self._live: dict[Phase, dict[int, TrialRecord]] = {phase: {} for phase in LIVE}

    def __len__(self) -> int:
        return len(self._records)

    def __iter__(self) -> Iterator[TrialRecord]:
        return iter(self._records)

    def __getitem__(self, trial: int) -> TrialRecord:
        """Return a trial; ValueError for a number that was never proposed."""
        if -len(self._prior) <= trial < 0:
            return self._prior[-trial - 1]
        if not 0 <= trial < len(self._records):
            raise ValueError(f"trial: got {trial}, must be one of the {len(self)} trials proposed so far")
        return self._records[trial]

    def add(self, start: Start) -> None:
        """Enter a trial; ValueError where a number was left out or repeated."""
        if start.trial != len(self):
            raise ValueError(f"start.trial: got {start.trial}, must be {len(self)}; replay proposals in order")
        record = TrialRecord(
            trial=start.trial,
            config=start.config,
            parent=start.parent,
            from_epoch=start.from_epoch,
            last_epoch=start.from_epoch,
            continues=start.origin.data["root"] if start.origin.kind is OriginKind.CONTINUED else None,
        )
        self._records.append(record)
        self._live[record.phase][start.trial] = record
        self._first_with.setdefault(_key(start.config), start.trial)
        self._origins[start.origin.kind] += 1

    def move(self, trial: int, phase: Phase) -> None:
        """Put a trial into a phase."""
        record = self._records[trial]
        self._live.get(record.phase, {}).pop(trial, None)
        record.phase = phase
        if phase in LIVE:
            self._live[phase][trial] = record

    def num_from(self, kind: OriginKind) -> int:
        """Return how many trials came from one kind of origin."""
        return self._origins[kind]

    def first_with(self, config: Mapping[str, Any]) -> int | None:
        """Return the first trial of exactly this configuration."""
        return self._first_with.get(_key(config))

    def record_rung(self, trial: int, epochs: int, loss: float) -> None:
        """Enter a result at a rung; +inf for a trial that failed on the way to it."""
        self._enter(trial, epochs, loss)
        self._own_rungs.add(epochs)

    def observe(self, config: Mapping[str, Any], points: Sequence[tuple[int, float]]) -> None:
        """Enter what another search's trial came to, as pairs of epoch and loss."""
        record = TrialRecord(trial=-len(self._prior) - 1, config=config, phase=Phase.ENDED)
        self._prior.append(record)
        for epochs, loss in points:
            record.report(epochs, loss)
            self._enter(record.trial, epochs, loss)

    def _enter(self, trial: int, epochs: int, loss: float) -> None:
        self._rungs[epochs][trial] = loss
        self.rung_results.append(RungResult(trial, epochs, loss))

    @property
    def num_own_rungs(self) -> int:
        """At how many epochs trials of this search have results."""
        return len(self._own_rungs)

    def rungs(self) -> Mapping[int, Mapping[int, float]]:
        """Return the losses at the rungs: epochs -> trial -> loss, in the order they came in."""
        return self._rungs

    def in_phase(self, *phases: Phase) -> list[TrialRecord]:
        """Return the trials in any of these phases, by number; those that live are found without a look at the rest."""
        if LIVE.issuperset(phases):
            found = [record for phase in phases for record in self._live[phase].values()]
            return sorted(found, key=lambda record: record.trial)
        return [record for record in self._records if record.phase in phases]


def _key(config: Mapping[str, Any]) -> str:
    return json.dumps(config, sort_keys=True)
