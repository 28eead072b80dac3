"""Distributions on a stretch of the line, as coordinates in [0, 1]: the share of what lies below.

A coordinate drawn uniformly gives the distribution. What is rounded to digits or integers is in `ranges`.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property

from scipy.special import log_ndtr, ndtri_exp
from typing_extensions import override


@dataclass(frozen=True, kw_only=True, slots=True)
class Normal:
    """A normal distribution before it is cut to the bounds of a parameter.

    Attributes:
        mean: Where it is densest; with `log`, of the natural logarithm of the value.
        std: Its standard deviation, above 0; with `log`, of the natural logarithm.
    """

    mean: float
    std: float


class Scale(ABC):
    """A distribution between two bounds."""

    @abstractmethod
    def share_below(self, value: float) -> float:
        """How much of the distribution lies below `value`, from 0 to 1."""

    @abstractmethod
    def at(self, share: float) -> float:
        """The value below which `share` lies; strictly between 0 and 1."""


@dataclass(frozen=True, kw_only=True)
class Uniform(Scale):
    """Equal differences are equally likely.

    Attributes:
        low: Lower bound.
        high: Upper bound, above `low`.
    """

    low: float
    high: float

    @override
    def share_below(self, value: float) -> float:
        return (value - self.low) / (self.high - self.low)

    @override
    def at(self, share: float) -> float:
        return self.low + share * (self.high - self.low)


@dataclass(frozen=True, kw_only=True)
class TruncatedNormal(Scale):
    """A normal distribution, conditioned on lying between two bounds.

    Computed with the logarithms of probabilities, in the tail towards which the bounds lean: bounds may lie 30 standard
    deviations to either side of the mean without loss of digits.

    Attributes:
        low: Lower bound.
        high: Upper bound, above `low`.
        normal: The distribution.
    """

    low: float
    high: float
    normal: Normal

    @cached_property
    def _is_mirrored(self) -> bool:
        return self.low + self.high > 2 * self.normal.mean

    @cached_property
    def _log_below_low(self) -> float:
        return float(log_ndtr(self._standard(self.high if self._is_mirrored else self.low)))

    @cached_property
    def _log_between(self) -> float:
        top = float(log_ndtr(self._standard(self.low if self._is_mirrored else self.high)))
        return _log_difference(top, self._log_below_low)

    def _standard(self, value: float) -> float:
        distance = (value - self.normal.mean) / self.normal.std
        return -distance if self._is_mirrored else distance

    @override
    def share_below(self, value: float) -> float:
        below = _log_difference(float(log_ndtr(self._standard(value))), self._log_below_low)
        share = min(math.exp(below - self._log_between), 1.0)
        return 1.0 - share if self._is_mirrored else share

    @override
    def at(self, share: float) -> float:
        log_share = math.log1p(-share) if self._is_mirrored else math.log(share)
        distance = float(ndtri_exp(_log_sum(self._log_below_low, log_share + self._log_between)))
        return self.normal.mean + self.normal.std * (-distance if self._is_mirrored else distance)


@dataclass(frozen=True, kw_only=True)
class Logarithmic(Scale):
    """Another distribution, of the natural logarithm of the value.

    Attributes:
        of_log: The distribution of the logarithm.
    """

    of_log: Scale

    @override
    def share_below(self, value: float) -> float:
        return self.of_log.share_below(math.log(value))

    @override
    def at(self, share: float) -> float:
        return math.exp(self.of_log.at(share))


def scale(low: float, high: float, *, log: bool, prior: Normal | None) -> Scale:
    """The distribution of a parameter from `low` to `high`: uniform without `prior`; of its logarithm with `log`."""
    if log:
        return Logarithmic(of_log=scale(math.log(low), math.log(high), log=False, prior=prior))
    return Uniform(low=low, high=high) if prior is None else TruncatedNormal(low=low, high=high, normal=prior)


def _log_difference(log_larger: float, log_smaller: float) -> float:
    """The logarithm of the difference of two numbers given by theirs; minus infinity if there is none."""
    if log_smaller >= log_larger:
        return -math.inf
    return log_larger + math.log(-math.expm1(log_smaller - log_larger))


def _log_sum(log_one: float, log_other: float) -> float:
    larger, smaller = max(log_one, log_other), min(log_one, log_other)
    return larger + math.log1p(math.exp(smaller - larger))
