"""Better and worse: the one place that knows whether a metric should be small or large.

Everything else in this package compares losses, of which smaller is better.
"""

import math
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, kw_only=True, slots=True)
class Objective:
    """What a search looks for.

    Raises:
        ValueError: mode or scope is not one of the words below.
    """

    metric: str
    """The name under which trials report it."""
    mode: Literal["min", "max"] = "min"
    scope: Literal["best", "last"] = "best"
    """Which value of a trial's curve counts when trials are compared at the end: its best, or its last."""

    def __post_init__(self) -> None:
        if self.mode not in ("min", "max"):
            raise ValueError(f"objective.mode: got {self.mode!r}, must be 'min' or 'max'")
        if self.scope not in ("best", "last"):
            raise ValueError(f"objective.scope: got {self.scope!r}, must be 'best' or 'last'")

    def loss(self, value: float | None) -> float:
        """Return the value as a loss; None, NaN and the infinities are +inf, the worst there is."""
        if value is None or not math.isfinite(value):
            return math.inf
        return value if self.mode == "min" else -value

    def value(self, loss: float) -> float | None:
        """Return the metric of a loss, None for +inf: the inverse of `loss`."""
        if not math.isfinite(loss):
            return None
        return loss if self.mode == "min" else -loss

    def show(self, loss: float) -> str:
        """Return the metric of a loss for people, e.g. '0.412'."""
        value = self.value(loss)
        return "not a finite number" if value is None else f"{value:.6g}"
