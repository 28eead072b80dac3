"""A runner in miniature: W workers, a seeded order of events, and a journal of all facts as JSON.

No clock: which of the running trials reports next is drawn at random, so trials overtake one another as they like.
"""

import json
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import log10
from typing import Any, Literal

from search_spaces import Space
from service.algorithms import (
    Action,
    ActionKind,
    AlgorithmSpec,
    Cancelled,
    Enqueued,
    Event,
    Failed,
    Objective,
    Reported,
    Resume,
    Start,
    Study,
    Wait,
    audit,
    event_from_dict,
    proposal_from_dict,
)

SPACE = Space.parse(
    {
        "lr": {"type": "float", "low": 1e-4, "high": 1e-1, "log": True},
        "width": {"type": "int", "low": 1, "high": 8},
        "optimizer": {"type": "categorical", "choices": ["sgd", "adam"]},
        "momentum": {"type": "float", "low": 0.0, "high": 0.9, "step": 0.1, "when": {"optimizer": "sgd"}},
        "version": {"type": "constant", "value": 7},
    }
)
FINITE = Space.parse(
    {
        "width": {"type": "int", "low": 1, "high": 4},
        "optimizer": {"type": "categorical", "choices": ["sgd", "adam"]},
        "nesterov": {"type": "bool", "when": {"optimizer": "sgd"}},
    }
)

Curve = Callable[[Mapping[str, Any], int], float | None]
Entry = tuple[str, dict[str, Any], list[dict[str, Any]]]


def study(algorithm: Mapping[str, Any], space: Space = SPACE, **changes: Any) -> Study:
    """Return a fresh Study: minimise, 9 epochs, 12 trials, seed 0, unless changed."""
    given: dict[str, Any] = {
        "objective": Objective(metric="loss"),
        "max_trials": 12,
        "max_epochs": 9,
        "seed": 0,
        **changes,
    }
    return Study(space=space, algorithm=AlgorithmSpec.parse(algorithm), **given)


def report(study: Study, trial: int, epoch: int, value: float | None) -> list[Action]:
    return study.tell(Reported(trial=trial, epoch=epoch, value=value))


def valley(config: Mapping[str, Any], epoch: int) -> float:
    """Return a loss that is best at lr 0.01, width 8 and adam, and falls with the epochs."""
    distance = abs(log10(config["lr"]) + 2) + (8 - config["width"]) / 7 + (config["optimizer"] == "sgd")
    return distance + 1 / epoch


@dataclass(repr=False)  # hypothesis would print the journal
class Simulation:
    """Runs a Study to its end.

    Attributes:
        journal: what a ledger would hold, each entry as (kind, fact, actions), Wait and Done included.
        starts: the Start of every trial.
        epochs: how many epochs were trained in all.
    """

    study: Study
    curve: Curve = valley
    num_workers: int = 4
    seed: int = 0
    failure_rate: float = 0.0
    cancel_rate: float = 0.0
    enqueue_rate: float = 0.0
    journal: list[Entry] = field(default_factory=list)
    starts: list[Start] = field(default_factory=list)
    epochs: int = 0
    actions: list[Action] = field(default_factory=list)
    _running: dict[int, tuple[int, int]] = field(default_factory=dict)
    _paused: dict[int, int] = field(default_factory=dict)

    def run(self, steps: int | None = None) -> "Simulation":
        """Run to the end, or for so many steps."""
        rng = random.Random(self.seed)
        num = 0
        while num != steps and (self._fill() or self._running):
            num += 1
            self._disturb(rng)
            if self._running:
                self._step(rng, rng.choice(sorted(self._running)))
        return self

    def end(self) -> None:
        """Let go of whatever lives, as a search that ends at once does."""
        self._running.clear()
        self._paused.clear()

    def tell(self, event: Event) -> None:
        actions = self.study.tell(event)
        self.journal.append(("event", _json(event.to_dict()), [_json(action.to_dict()) for action in actions]))
        for action in actions:
            self._obey(action)

    def _fill(self) -> bool:
        """Give every free worker a trial; return whether any was given."""
        given = False
        while len(self._running) < self.num_workers:
            proposal = self.study.next()
            self.journal.append(("proposal", _json(proposal.to_dict()), []))
            match proposal:
                case Start():
                    self.starts.append(proposal)
                    self._running[proposal.trial] = (proposal.from_epoch, proposal.epochs)
                case Resume():
                    self._running[proposal.trial] = (self._paused.pop(proposal.trial), proposal.epochs)
                case _:
                    assert self._running or not isinstance(proposal, Wait), "waits although nothing runs"
                    return given
            given = True
        return given

    def _disturb(self, rng: random.Random) -> None:
        if rng.random() < self.enqueue_rate:
            self.tell(Enqueued(config={"width": rng.randint(1, 4)}))
        live = sorted({**self._running, **self._paused})
        if live and rng.random() < self.cancel_rate:
            trial = rng.choice(live)
            self._forget(trial)
            self.tell(Cancelled(trial=trial))

    def _step(self, rng: random.Random, trial: int) -> None:
        if rng.random() < self.failure_rate:
            self._forget(trial)
            self.tell(Failed(trial=trial, reason="CUDA out of memory"))
            return
        epoch, limit = self._running[trial]
        assert epoch < limit, "trains beyond what it was allowed"
        self._running[trial] = (epoch + 1, limit)
        self.epochs += 1
        self.tell(Reported(trial=trial, epoch=epoch + 1, value=self.curve(self.starts[trial].config, epoch + 1)))

    def _obey(self, action: Action) -> None:
        self.actions.append(action)
        match action.kind:
            case ActionKind.PAUSE:
                self._paused[action.trial] = self._running.pop(action.trial)[0]
            case ActionKind.PROMOTE:
                assert action.trial in self._paused, "promotes a trial that does not wait"
            case ActionKind.CONTINUE:
                assert action.trial in self._running, "continues a trial that does not run"
            case ActionKind.STOP | ActionKind.COMPLETE:
                assert action.trial in self._running or action.trial in self._paused, "ends a trial that has ended"
                self._forget(action.trial)

    def _forget(self, trial: int) -> None:
        self._running.pop(trial, None)
        self._paused.pop(trial, None)

    @property
    def paused(self) -> list[int]:
        return sorted(self._paused)


def replay(study: Study, journal: list[Entry]) -> None:
    """Feed recorded facts to a fresh Study, as a recovery does."""
    for kind, fact, actions in journal:
        if kind == "proposal":
            study.accept(proposal_from_dict(fact))
        else:
            study.accept_event(event_from_dict(fact), [Action.from_dict(action) for action in actions])


@dataclass(frozen=True, kw_only=True)
class Recorded:
    """An entry as an audit reads it."""

    seq: int
    kind: Literal["proposal", "fact"]
    data: Mapping[str, Any]
    actions: Sequence[Mapping[str, Any]]
    trial: int | None


def recorded(journal: list[Entry]) -> list[Recorded]:
    """A journal as an audit reads it."""
    return [
        Recorded(
            seq=seq,
            kind="proposal" if kind == "proposal" else "fact",
            data=fact,
            actions=actions,
            trial=fact.get("trial"),
        )
        for seq, (kind, fact, actions) in enumerate(journal, start=1)
    ]


def decide_again(study: Study, journal: list[Entry]) -> None:
    """Assert that a Study decides each of these entries as it was decided."""
    assert audit.decide_again(study, recorded(journal)).difference is None


def _json(fact: dict[str, Any]) -> dict[str, Any]:
    plain: dict[str, Any] = json.loads(json.dumps(fact, allow_nan=False))
    assert plain == fact, "not plain JSON"
    return plain
