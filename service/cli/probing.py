"""What is asked of the programs of `trainables.inspection`, and what becomes of their answers. Prints nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from search_spaces import Space
from service.cli.child import Answer, Child, Ended
from service.cli.fitting import largest
from service.settings import Settings

PROGRAMS = "trainables.inspection"
"""Package of the programs."""

_SEED = 0
"""Seed of the values that nobody gave."""


def summarised(name: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """The layers of a trainable's model.

    Args:
        name: the trainable.
        given: parameters of its configuration; the others are drawn from its own space, with seed 0.

    Raises:
        ValueError: it cannot be built.
    """
    with Child(f"{PROGRAMS}.summary") as child:
        try:
            config = _configuration(child, name, given)
            told = child.ask(config=config)
        except Ended as ended:
            raise ValueError(f"{name}: got no summary, {ended}; see what it says above") from ended
    return {"trainable": name, "config": config} | _facts(told)


class Probing:
    """A search for the largest micro-batch that fits.

    A process that took steps is asked for larger ones only, as its peak of memory never goes down; another one takes
    over after a step that did not fit.

    Args:
        name: the trainable.
        given: as for `summarised`.
        limit_bytes: resident memory that a process may take; needed on a CPU, None where there is a GPU.
    """

    def __init__(self, name: str, given: Mapping[str, Any], limit_bytes: int | None) -> None:
        self._name = name
        self._given = given
        self._limit_bytes = limit_bytes
        self._child: Child | None = None
        self._config: Mapping[str, Any] = {}
        self._ready: Answer = {}

    def run(self, most: int | None, tell: Callable[[Mapping[str, Any]], None]) -> dict[str, Any]:
        """Takes steps until the largest size is known.

        Args:
            most: the largest size to try; None: all the samples there are to train on.
            tell: gets each step taken: micro_batch, fits, peak_bytes, seconds of a step or None, and why it did not.

        Returns:
            What fits, what does not, and what was measured.

        Raises:
            ValueError: the trainable cannot be built or trained, or the limit is not as it must be.
        """
        steps: list[Mapping[str, Any]] = []

        def fits(size: int) -> bool:
            steps.append(self._step(size))
            tell(steps[-1])
            return bool(steps[-1]["fits"])

        try:
            self._sound()
            limit = min(self._ready["num_samples"], most or self._ready["num_samples"])
            fit = largest(fits, limit)
        finally:
            self._end()
        return {
            "trainable": self._name,
            "config": self._config,
            **_facts(self._ready),
            "memory_limit_bytes": self._limit_bytes,
            "largest": fit.most or None,
            "smallest_too_large": fit.too_much,
            "steps": steps,
        }

    def _step(self, size: int) -> dict[str, Any]:
        child = self._sound()
        try:
            told = dict(_facts(child.ask(micro_batch=size)))
        except Ended as ended:
            if not ended.by_memory:
                raise ValueError(
                    f"{self._name}: {ended} with {size} samples at once; see what it says above"
                ) from ended
            told = {"fits": False, "seconds": None, "peak_bytes": ended.peak_bytes, "why": str(ended)}
        if told["fits"] and self._limit_bytes is not None and told["peak_bytes"] > self._limit_bytes:
            told |= {"fits": False, "why": "its peak is above the limit"}
        if not told["fits"]:
            self._end()
        return {"micro_batch": size, **told}

    def _sound(self) -> Child:
        """A process that has all but the batch."""
        if self._child is None:
            self._child = Child(f"{PROGRAMS}.probe", self._limit_bytes)
            try:
                self._config = _configuration(self._child, self._name, self._given)
                self._ready = self._child.ask(config=self._config)
            except Ended as ended:
                message = f"{self._name}: got no model, {ended} with {ended.peak_bytes:,} bytes before the first step"
                raise ValueError(f"{message}; raise --memory-gb, or see what it says above") from ended
            self._check_limit()
        return self._child

    def _check_limit(self) -> None:
        if self._ready["is_gpu"] and self._limit_bytes is not None:
            raise ValueError("--memory-gb: got one where there is a GPU, whose memory is the limit; leave it out")
        if not self._ready["is_gpu"] and self._limit_bytes is None:
            raise ValueError("--memory-gb: got none, must be given where there is no GPU; e.g. --memory-gb 2")

    def _end(self) -> None:
        if self._child is not None:
            self._child.close()
            self._child = None


def _configuration(child: Child, name: str, given: Mapping[str, Any]) -> dict[str, Any]:
    space = child.ask(name=name, trainables=Settings.from_env().trainables)["space"]
    return {**Space.parse(space).sample(_SEED), **given} if space else dict(given)


def _facts(answer: Answer) -> dict[str, Any]:
    return {name: value for name, value in answer.items() if name != "event"}
