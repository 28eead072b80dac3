"""Whether the gangs' own actors live, and why they ended. The ranks behind them are watched by the gangs themselves.

Ray tells of a process that has ended, but not how; and of one that is stopped it tells nothing.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from typing import Any

import ray
from ray.exceptions import RayActorError

from trainables.gang.beats import Beats
from trainables.gang.exits import Watched
from trainables.gang.gang import Pulse

log = logging.getLogger(__name__)


_START_S = 300.0
"""Seconds that a new gang may take until its first pulse: it imports torch and the user's code, all ranks at once."""


class GangWatch:
    """Ends gangs that fall silent and keeps the reasons.

    Args:
        silence_s: seconds without a pulse after which a gang is lost.
    """

    def __init__(self, silence_s: float) -> None:
        self._silence_s = silence_s
        self._beats = Beats[str](silence_s, _START_S, on_answer=self._remember)
        self._node = ray.get_runtime_context().get_node_id()
        self._processes: dict[str, list[Watched]] = {}
        self._silent: dict[str, str] = {}
        self._looked = float("-inf")

    @property
    def interval_s(self) -> float:
        """Seconds between two looks that are fine enough."""
        return self._beats.interval_s

    def look(self, actors: Mapping[str, Any]) -> None:
        """Looks, if it is time to or a gang is new, and ends what is silent. Ray tells Tune of it as of any death.

        Args:
            actors: gangs that should live, by the hexadecimal ids of their actors.
        """
        now = time.monotonic()
        if now - self._looked < self.interval_s and self._beats.has_heard_of_all(actors):
            return
        self._looked = now
        for name in self._beats.silent(actors):
            if name in self._silent:
                continue
            self._silent[name] = f"rank 0 was silent for {self._silence_s:g} s"
            log.warning("a gang is ended: %s", self._silent[name])
            for process in self._processes.get(name, ()):
                process.kill()
            ray.kill(actors[name])

    def why(self, exception: Exception) -> str | None:
        """What is known of a gang's end besides Ray's own text; None if it is another error, or on another node."""
        if not isinstance(exception, RayActorError) or exception.actor_id is None:
            return None
        name = str(exception.actor_id)
        if name in self._silent:
            return self._silent[name]
        processes = self._processes.get(name)
        return f"rank 0 {processes[0].how_it_ended()}" if processes else None

    def _remember(self, name: str, pulse: Pulse) -> None:
        known = tuple(process.pid for process in self._processes.get(name, ()))
        if pulse.node == self._node and pulse.pids != known:
            self._processes[name] = [Watched(pid) for pid in pulse.pids]
