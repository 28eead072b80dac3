"""Ray Tune's own PopulationBasedTraining, driven as its controller drives it; no Ray is started.

Whom to exploit, what to explore and whose turn it is are the stock scheduler's decisions, with its defaults but for the
number of epochs between them. A trial that exploits another one becomes a new trial of the simulator's, which begins
where the donor's checkpoint was. Its draws come from `random` and from numpy's global generator, seeded here.
"""

from __future__ import annotations

import logging
import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np

from benchmarks.quality.contestants.peer import METRIC, TIME
from benchmarks.quality.contestants.translation import Raw, tune_flat
from service.algorithms.actions import Action, ActionKind
from service.algorithms.events import Event, Failed, Reported
from service.algorithms.proposals import Done, Origin, OriginKind, Proposal, Resume, Start, Wait


class Saved(NamedTuple):
    """A checkpoint, as Tune hands it around."""

    number: int
    """The simulator's trial."""
    epoch: int


@dataclass(eq=False)
class _Member:
    """What the scheduler looks at in a trial, and the simulator's number for it; None: it is to begin anew."""

    trial_id: str
    config: dict[str, Any]
    number: int | None = None
    status: str = "PENDING"
    experiment_tag: str = ""
    exploits: bool = False
    evaluated_params: dict[str, Any] = field(default_factory=dict)
    temporary_state: Any = field(default_factory=lambda: SimpleNamespace(saving_to=None))
    run_metadata: Any = field(
        default_factory=lambda: SimpleNamespace(
            checkpoint_manager=SimpleNamespace(
                checkpoint_config=SimpleNamespace(num_to_keep=None), _latest_checkpoint_result=None
            )
        )
    )

    @property
    def checkpoint(self) -> Saved | None:
        """The one to go on from."""
        latest = self.run_metadata.checkpoint_manager._latest_checkpoint_result
        return None if latest is None else latest.checkpoint

    @checkpoint.setter
    def checkpoint(self, saved: Saved) -> None:
        self.run_metadata.checkpoint_manager._latest_checkpoint_result = SimpleNamespace(checkpoint=saved)

    def is_finished(self) -> bool:
        """Return whether it has ended."""
        return self.status in ("TERMINATED", "ERROR")

    def set_experiment_tag(self, tag: str) -> None:
        """Take a name for people."""
        self.experiment_tag = tag

    def set_config(self, config: dict[str, Any]) -> None:
        """Take what was explored; only a trial that exploits another one is given any."""
        self.config, self.exploits = config, True


class _Controller:
    """What the scheduler calls on a controller."""

    search_alg = None

    def __init__(self) -> None:
        self.members: list[_Member] = []

    def get_trials(self) -> list[_Member]:
        """Return all trials."""
        return self.members

    def get_live_trials(self) -> list[_Member]:
        """Return those that have not ended."""
        return [member for member in self.members if not member.is_finished()]

    def pause_trial(self, trial: _Member, should_checkpoint: bool) -> None:
        """Take a trial off its worker."""
        del should_checkpoint  # it is about to get another one's
        trial.status = "PAUSED"

    def _schedule_trial_save(self, trial: _Member, result: Mapping[str, Any]) -> Saved:
        assert trial.number is not None, "a trial that saves has trained"
        return Saved(trial.number, result[TIME])


class TunePbt:
    """The scheduler under the stand-in, as a `Decider`."""

    def __init__(
        self, space: Raw, configs: Sequence[Mapping[str, Any]], *, epochs: int, interval: int, synch: bool, seed: int
    ) -> None:
        """Begin.

        Args:
            space: what is explored.
            configs: those of the first population.
            epochs: where a trial is complete.
            interval: epochs between two decisions about a trial.
            synch: whether all wait for each other there.
            seed: of the global generators from which it draws.
        """
        from ray.tune.schedulers import PopulationBasedTraining

        logging.getLogger("ray").setLevel(logging.CRITICAL)
        random.seed(seed)
        np.random.seed(seed)
        self._scheduler = PopulationBasedTraining(
            time_attr=TIME,
            metric=METRIC,
            mode="min",
            perturbation_interval=interval,
            hyperparam_mutations=tune_flat(space),
            log_config=False,  # into files
            synch=synch,
        )
        self._epochs = epochs
        self._controller = _Controller()
        self._by_number: list[_Member] = []
        for index, config in enumerate(configs):
            member = _Member(f"{index:05d}", dict(config))
            self._controller.members.append(member)
            self._scheduler.on_trial_add(self._controller, member)

    def next(self) -> Proposal:
        """Return what the scheduler chooses to run."""
        member = self._scheduler.choose_trial_to_run(self._controller)
        if member is None:
            trains = any(other.status == "RUNNING" for other in self._controller.members)
            return Wait(reason="members train") if trains else Done(reason="nobody is left to run")
        member.status = "RUNNING"
        if member.number is not None:
            return Resume(trial=member.number, epochs=self._epochs, reason="its turn")
        return self._start(member)

    def _start(self, member: _Member) -> Start:
        member.number = len(self._by_number)
        self._by_number.append(member)
        saved = member.checkpoint
        return Start(
            trial=member.number,
            config=dict(member.config),
            epochs=self._epochs,
            origin=Origin(kind=OriginKind.CLONE if saved else OriginKind.RANDOM, text=member.experiment_tag),
            parent=saved.number if saved else None,
            from_epoch=saved.epoch if saved else 0,
        )

    def tell(self, event: Event) -> list[Action]:
        """Hand a result to the scheduler and carry out what it decides; trials that exploit others end here."""
        match event:
            case Reported():
                return self._reported(event, self._by_number[event.trial])
            case Failed():
                self._by_number[event.trial].status = "ERROR"
                self._scheduler.on_trial_error(self._controller, self._by_number[event.trial])
        return []

    def _reported(self, event: Reported, member: _Member) -> list[Action]:
        if event.epoch >= self._epochs:  # Tune's stopping criterion, which spares the scheduler the question
            member.status = "TERMINATED"
            return [_action(event.trial, ActionKind.COMPLETE)]
        value = math.nan if event.value is None else event.value
        decision = self._scheduler.on_trial_result(self._controller, member, {TIME: event.epoch, METRIC: value})
        kind = ActionKind.CONTINUE
        if decision == "PAUSE":
            member.status, kind = "PAUSED", ActionKind.PAUSE
            member.checkpoint = Saved(event.trial, event.epoch)
        ended = self._end_exploiting()
        verdict = ActionKind.STOP if event.trial in ended else kind
        return [
            _action(event.trial, verdict),
            *(_action(number, ActionKind.STOP) for number in ended if number != event.trial),
        ]

    def _end_exploiting(self) -> list[int]:
        """Return the numbers under which those trained that exploit others from now on."""
        ended = []
        for member in self._controller.members:
            if member.exploits:
                assert member.number is not None, "a trial that exploits another one has trained"
                ended.append(member.number)
                member.number, member.exploits = None, False
        return ended


def _action(trial: int, kind: ActionKind) -> Action:
    return Action(trial=trial, kind=kind, reason="PopulationBasedTraining")
