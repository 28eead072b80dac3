"""A script of decisions for the simulator, and what comes of it: how code_hash.py knows whether results still hold.

The script starts, pauses, resumes, stops and completes trials by fixed draws, with ties in time, lost trials, values
that are not finite, idle workers and an end by the clock. Nothing here is a contestant.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np

from service.algorithms.actions import Action, ActionKind
from service.algorithms.events import Event, Failed, Reported
from service.algorithms.proposals import Origin, OriginKind, Proposal, Resume, Start, Wait
from service.algorithms.simulator import Step, simulate

EPOCHS, WORKERS, SECONDS = 9, 3, 400.0


class _Curves:
    """Seconds of few distinct values, so that trials report at the same moment."""

    def step(self, config: Mapping[str, Any], epoch: int) -> Step:
        """Return an epoch, drawn from the trial and its number."""
        draw = np.random.default_rng((config["trial"], epoch))
        value = None if draw.random() < 0.1 else float(draw.random())
        lost = "lost" if draw.random() < 0.03 else ""
        return Step(value=value, seconds=float(draw.integers(0, 3)), failure=lost)


class _Script:
    """Decides by draws."""

    def __init__(self) -> None:
        self._draw = np.random.default_rng(0)
        self._paused: list[int] = []
        self._count = self._running = 0

    def next(self) -> Proposal:
        """Start, resume or, while others run, wait."""
        choice = self._draw.random()
        if self._running and choice < 0.2:
            return Wait(reason="script")
        self._running += 1
        if self._paused and choice < 0.6:
            return Resume(trial=self._paused.pop(0), epochs=EPOCHS, reason="script")
        self._count += 1
        origin = Origin(kind=OriginKind.RANDOM, text="script")
        return Start(trial=self._count - 1, config={"trial": self._count - 1}, epochs=EPOCHS, origin=origin)

    def tell(self, event: Event) -> list[Action]:
        """Go on, pause or end the trial, and now and then end a paused one."""
        if isinstance(event, Failed):
            self._running -= 1
            return []
        assert isinstance(event, Reported), event
        kinds = [ActionKind.CONTINUE, ActionKind.PAUSE, ActionKind.STOP]
        kind = kinds[self._draw.choice(3, p=[0.6, 0.3, 0.1])] if event.epoch < EPOCHS else ActionKind.COMPLETE
        actions = [Action(trial=event.trial, kind=kind, reason="script")]
        self._running -= kind is not ActionKind.CONTINUE
        if self._paused and self._draw.random() < 0.1:
            actions.append(Action(trial=self._paused.pop(), kind=ActionKind.STOP, reason="script"))
        if kind is ActionKind.PAUSE:
            self._paused.append(event.trial)
        return actions


@cache
def replayed() -> str:
    """Return the digest of what the simulator makes of the script: all observations, and how it ended."""
    simulation = simulate(_Script(), _Curves(), workers=WORKERS, seconds=SECONDS)
    facts = [tuple(observation) for observation in simulation.observations]
    return hashlib.sha256(repr((facts, simulation.seconds, simulation.done)).encode()).hexdigest()
