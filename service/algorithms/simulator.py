"""A search without a cluster: whoever decides it, known curves, W workers and a virtual clock. No Ray, no threads.

It drives a `Study` exactly as a runner does: a free worker asks `next()`, every epoch is told before its trial goes on,
and what was decided is obeyed at once. Moving a trial to a worker costs nothing here; what a real gang costs is in the
benchmarks. Where curves come from is the caller's matter.
"""

import heapq
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any, NamedTuple, Protocol

from service.algorithms.actions import Action, ActionKind
from service.algorithms.events import Event, Failed, Reported
from service.algorithms.proposals import Proposal, Resume, Start, Wait


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """One epoch of one configuration."""

    value: float | None
    """The metric after it; None where it is not finite."""
    seconds: float
    """How long this epoch alone takes, at least 0."""
    failure: str = ""
    """Why the trial is lost in this epoch, after those seconds; empty: it is not."""


class Curves(Protocol):
    """What training would bring: a table, a surrogate or a function."""

    def step(self, config: Mapping[str, Any], epoch: int) -> Step:
        """Return the epoch (from 1) of a configuration; asked once per trial and epoch, in order."""


class Decider(Protocol):
    """Whoever decides: a Study, or anything that speaks as it does."""

    def next(self) -> Proposal:
        """Return what a free worker should run."""

    def tell(self, event: Event) -> list[Action]:
        """Take in what happened; return the verdict on the reporting trial, and what follows for others."""


class Observation(NamedTuple):
    """A report with the moment at which it came."""

    at: float
    """Seconds since the search began."""
    trial: int
    epoch: int
    value: float | None


class Decision(NamedTuple):
    """One entry of a search's log, as a ledger holds it: a proposal, or an event with the actions that followed."""

    at: float
    fact: Proposal | Event
    actions: Sequence[Action]


@dataclass(kw_only=True, slots=True)
class Simulation:
    """What happened."""

    observations: list[Observation] = field(default_factory=list)
    decisions: list[Decision] = field(default_factory=list)
    """In order; `Wait` and `Done` are not part of it, as in a ledger."""
    seconds: float = 0.0
    """When the last event happened, or the time limit."""
    busy_seconds: float = 0.0
    """Worker-seconds spent training, those of an epoch that the time limit cut off included."""
    done: bool = False
    """Whether the search came to its own end, rather than to the time limit."""


def simulate(decider: Decider, curves: Curves, *, workers: int, seconds: float = math.inf) -> Simulation:
    """Run a search to its end.

    Trials that report at the same moment do so in the order in which their epochs began.

    Args:
        decider: a fresh Study.
        curves: what each configuration's epochs bring and cost.
        workers: how many trials train at once, at least 1.
        seconds: when to break off, by the virtual clock.

    Raises:
        RuntimeError: the decider waits although nothing runs, trains a trial beyond what it allowed, or decides about a
            trial that cannot be in that position. That is a fault of the decider.
    """
    return _Simulator(decider, curves, workers, seconds).run()


@dataclass(slots=True)
class _Trial:
    config: Mapping[str, Any]
    epoch: int
    limit: int
    turn: int = 0
    """Number of the epoch that is under way, over all trials; 0 where the trial is paused."""
    began: float = 0.0


class _Simulator:
    def __init__(self, decider: Decider, curves: Curves, workers: int, seconds: float) -> None:
        self._decider = decider
        self._curves = curves
        self._workers = workers
        self._limit = seconds
        self._now = 0.0
        self._turns = count(1)
        self._trials: dict[int, _Trial] = {}
        self._num_running = 0
        self._agenda: list[tuple[float, int, int, Step]] = []
        self._result = Simulation()

    def run(self) -> Simulation:
        self._fill()
        while self._agenda:
            at, turn, number, step = heapq.heappop(self._agenda)
            trial = self._trials.get(number)
            if trial is None or trial.turn != turn:
                continue  # it was ended while this epoch was under way
            if at > self._limit:
                return self._cut_off()
            self._now = at
            self._result.busy_seconds += at - trial.began
            self._report(number, trial, step)
            self._fill()
        self._result.seconds, self._result.done = self._now, True
        return self._result

    def _cut_off(self) -> Simulation:
        self._result.seconds = self._limit
        self._result.busy_seconds += sum(self._limit - trial.began for trial in self._trials.values() if trial.turn)
        return self._result

    def _fill(self) -> None:
        while self._num_running < self._workers:
            proposal = self._decider.next()
            match proposal:
                case Start():
                    self._trials[proposal.trial] = _Trial(proposal.config, proposal.from_epoch, proposal.epochs)
                case Resume():
                    self._trials[proposal.trial].limit = proposal.epochs
                case _:
                    if isinstance(proposal, Wait) and not self._num_running:
                        raise RuntimeError(f"simulation: got {proposal} while nothing runs, must propose or be done")
                    return
            self._result.decisions.append(Decision(self._now, proposal, ()))
            self._num_running += 1
            self._train(proposal.trial)

    def _train(self, number: int) -> None:
        trial = self._trials[number]
        if trial.epoch >= trial.limit:
            raise RuntimeError(f"simulation: got trial {number} at epoch {trial.limit}, must have been told to stop")
        step = self._curves.step(trial.config, trial.epoch + 1)
        trial.turn, trial.began = next(self._turns), self._now
        heapq.heappush(self._agenda, (self._now + step.seconds, trial.turn, number, step))

    def _report(self, number: int, trial: _Trial, step: Step) -> None:
        if step.failure:
            self._end(number)
            self._tell(Failed(trial=number, reason=step.failure))
            return
        trial.epoch += 1
        self._result.observations.append(Observation(self._now, number, trial.epoch, step.value))
        self._tell(Reported(trial=number, epoch=trial.epoch, value=step.value))

    def _tell(self, event: Event) -> None:
        actions = self._decider.tell(event)
        self._result.decisions.append(Decision(self._now, event, actions))
        for action in actions:
            self._obey(action)

    def _obey(self, action: Action) -> None:
        trial = self._trials.get(action.trial)
        if trial is None:
            raise RuntimeError(f"simulation: got {action}, must concern a trial that lives")
        match action.kind:
            case ActionKind.CONTINUE:
                self._train(action.trial)
            case ActionKind.PAUSE:
                trial.turn = 0
                self._num_running -= 1
            case ActionKind.STOP | ActionKind.COMPLETE:
                self._end(action.trial)
            case ActionKind.PROMOTE:
                pass  # next() resumes it

    def _end(self, number: int) -> None:
        if self._trials.pop(number).turn:
            self._num_running -= 1
