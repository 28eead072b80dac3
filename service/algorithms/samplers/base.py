"""The contract of a sampler: a pure function of the table of trials and the new trial's number.

A sampler keeps no state that matters. It reads every observation from the table, to which the Study adds each rung's
result before any verdict on it; so nothing can be lost on the way to a sampler, and a replay has nothing to rebuild.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from search_spaces import Forbidden, Space
from service.algorithms.proposals import Origin, OriginKind
from service.algorithms.seeds import draw_seed
from service.algorithms.trials import Trials

MAX_DRAWS = 10
"""How often a sampler draws before the space does, and how often that does before a repetition is accepted."""


class Sampler(ABC):
    """Proposes configurations, from a search's seed and trial number alone where chance is involved."""

    def __init__(self, space: Space, seed: int) -> None:
        self.space = space
        self.seed = seed

    def propose(self, trial: int, trials: Trials) -> tuple[dict[str, Any], Origin]:
        """Return the configuration of a new trial, and where it came from.

        A draw that an earlier trial had, or that is forbidden, is drawn again, at most `MAX_DRAWS` times; then as often
        from the space's own distribution. A repetition that remains, as it must in a small space, is told.
        """
        for redraw in range(MAX_DRAWS):
            try:
                config, origin = self.draw(draw_seed(self.seed, trial, redraw), trials)
            except Forbidden:
                continue
            if trials.first_with(config) is None:
                return config, origin
        why = f"drawn at random: {MAX_DRAWS} draws gave nothing new that is allowed"
        for redraw in range(MAX_DRAWS, 2 * MAX_DRAWS):
            config, origin = self.draw_random(draw_seed(self.seed, trial, redraw), why)
            if trials.first_with(config) is None:
                return config, origin
        twin = trials.first_with(config)
        text = f"{origin.text}; the same as trial {twin}, as {MAX_DRAWS} more were"
        return config, replace(origin, text=text, data={**origin.data, "same_as": twin})

    @abstractmethod
    def draw(self, seed: int, trials: Trials) -> tuple[dict[str, Any], Origin]:
        """Return one configuration, drawn with this seed."""

    def exhausted(self, trials: Trials) -> bool:
        """Return whether there is nothing left to propose."""
        del trials
        return False

    @staticmethod
    def warm(read: Iterable[int]) -> tuple[str, dict[str, Any]]:
        """Return how many of the trials that a model reads are other searches', in words and as data."""
        num = sum(trial < 0 for trial in read)
        return (f", {num} of them warm start", {"warm_start_points": num}) if num else ("", {})

    def draw_random(self, seed: int, why: str, **data: Any) -> tuple[dict[str, Any], Origin]:
        """Return a configuration from the space's own distribution."""
        return self.space.sample(seed), Origin(kind=OriginKind.RANDOM, text=why, data=data)
