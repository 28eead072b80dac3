"""Whether processes live: each is asked for its pulse, and one that does not answer for too long is silent.

An answer comes from a thread of its own, so that a process answers while it computes. Silent are: a stopped process, a
machine that swaps itself to death, and code in C that holds Python's lock for so long. An endless loop in Python
answers; such a one shows in a collective that times out. What becomes of the silent, others decide.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import ray
from ray.exceptions import RayError

GROUP = "pulse"
"""Concurrency group of the actors' method `pulse`."""

K = TypeVar("K", bound=Hashable)


@dataclass(slots=True)
class _Asked:
    ref: Any
    since: float
    has_answered: bool


class Beats(Generic[K]):
    """The pulses of some actors, looked at from time to time.

    Args:
        silence_s: Seconds without an answer after which an actor is silent.
        start_s: The same for its first answer, before which it starts.
        on_answer: Told each answer.
        clock: Seconds that never go back.
    """

    def __init__(
        self,
        silence_s: float,
        start_s: float,
        *,
        on_answer: Callable[[K, Any], None] = lambda *_: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._silence_s = silence_s
        self._start_s = start_s
        self._on_answer = on_answer
        self._clock = clock
        self._asked: dict[K, _Asked] = {}
        self._looked = clock()

    @property
    def interval_s(self) -> float:
        """Seconds between two looks that are fine enough."""
        return min(1.0, self._silence_s / 5)

    def has_heard_of_all(self, actors: Mapping[K, Any]) -> bool:
        """Whether each of these has answered once."""
        return all(key in self._asked and self._asked[key].has_answered for key in actors)

    def silent(self, actors: Mapping[K, Any]) -> list[K]:
        """Look once: ask who is new or has answered, and return who has been silent for too long. Never waits.

        Args:
            actors: Those that should live now.
        """
        now = self._clock()
        overslept = now - self._looked > self._silence_s / 2
        self._looked = now
        self._asked = {key: asked for key, asked in self._asked.items() if key in actors}
        for asked in self._asked.values() if overslept else ():
            asked.since = now  # who looks too seldom cannot tell silence from answers that lie about
        for key in actors.keys() - self._asked.keys():
            self._asked[key] = _Asked(self._ask(actors[key]), now, has_answered=False)
        for key, asked in self._asked.items():
            if self._has_answered(key, asked):
                self._asked[key] = _Asked(self._ask(actors[key]), now, has_answered=True)
        return [key for key, asked in self._asked.items() if now - asked.since >= self._limit_s(asked)]

    def _limit_s(self, asked: _Asked) -> float:
        return self._silence_s if asked.has_answered else self._start_s

    def _has_answered(self, key: K, asked: _Asked) -> bool:
        ready, _ = ray.wait([asked.ref], timeout=0)
        if not ready:
            return False
        try:
            self._on_answer(key, ray.get(ready[0]))
        except RayError:
            return False  # it is dead, which whoever waits for its work is told
        return True

    @staticmethod
    def _ask(actor: Any) -> Any:
        return actor.pulse.options(concurrency_group=GROUP).remote()
