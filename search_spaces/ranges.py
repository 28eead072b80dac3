"""Domains of numbers between two bounds: all floats, or all integers. Numbers with a step are in `indexed`."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from ConfigSpace import UniformFloatHyperparameter, UniformIntegerHyperparameter
from ConfigSpace.hyperparameters import Hyperparameter
from typing_extensions import override

from search_spaces.domains import Domain, bin_of
from search_spaces.errors import SpaceError
from search_spaces.scalars import Scalar, is_number, is_whole, show
from search_spaces.scales import Normal, Scale, scale

SIGNIFICANT_DIGITS = 12
"""Digits kept of a drawn float: far below any learning curve's noise, and exact on the way to a vector and back."""


@dataclass(frozen=True, kw_only=True)
class Interval(Domain):
    """All floats between two bounds, uniform or normal, in themselves or in their logarithm.

    ConfigSpace gets the unit coordinate: it rounds floats and their bounds to 13 decimals, which moves values out of
    their range and makes nothing of a range of small numbers.

    Attributes:
        low: Lowest value, included; above 0 with `log`.
        high: Highest value, included; above `low`.
        log: Whether the distribution is that of the logarithm.
        prior: The normal distribution that the bounds cut; None: uniform.
    """

    low: float
    high: float
    log: bool
    prior: Normal | None = None

    @cached_property
    def _scale(self) -> Scale:
        return scale(self.low, self.high, log=self.log, prior=self.prior)

    @property
    @override
    def size(self) -> int | None:
        return None

    @override
    def canonical(self, value: object, path: str) -> float:
        if not is_number(value) or not self.low <= value <= self.high:
            raise SpaceError(path, f"got {show(value)}, must be a number from {self.low} to {self.high}")
        return float(value)

    @override
    def at(self, index: int) -> float:
        raise TypeError(f"an interval has no value number {index}: it is not countable")

    @override
    def index(self, value: Scalar) -> int:
        raise TypeError(f"{value} has no number in an interval: it is not countable")

    @override
    def share(self, first: int, count: int) -> float:
        raise TypeError(f"an interval has no values from number {first}, {count} of them: it is not countable")

    @override
    def from_unit(self, unit: float) -> float:
        if unit <= 0:
            return self.low
        if unit >= 1:
            return self.high
        return min(max(self._rounded(self._scale.at(unit)), self.low), self.high)

    def _rounded(self, value: float) -> float:
        if self.log:
            return float(f"{value:.{SIGNIFICANT_DIGITS}g}")
        return round(value, SIGNIFICANT_DIGITS - math.ceil(math.log10(self.high - self.low)))

    @override
    def to_unit(self, value: Scalar) -> float:
        assert isinstance(value, int | float)
        return min(max(self._scale.share_below(value), 0.0), 1.0)

    @override
    def encode(self, value: Scalar) -> float:
        return self.to_unit(value)

    @override
    def decode(self, encoded: float) -> float:
        return self.from_unit(encoded)

    @override
    def hyperparameter(self, name: str, default: int | float | None) -> Hyperparameter[Any, Any]:
        return UniformFloatHyperparameter(name, 0.0, 1.0, default_value=default)


@dataclass(frozen=True, kw_only=True)
class Integers(Domain):
    """All integers between two bounds, each equally likely.

    Attributes:
        low: Lowest value, included.
        high: Highest value, included; above `low`.
    """

    low: int
    high: int

    @property
    @override
    def size(self) -> int:
        return self.high - self.low + 1

    @override
    def canonical(self, value: object, path: str) -> int:
        if not is_whole(value) or not self.low <= value <= self.high:
            raise SpaceError(path, f"got {show(value)}, must be an integer from {self.low} to {self.high}")
        return int(value)

    @override
    def at(self, index: int) -> int:
        return self.low + index

    @override
    def index(self, value: Scalar) -> int:
        assert isinstance(value, int)
        return value - self.low

    @override
    def share(self, first: int, count: int) -> float:
        return count / self.size

    @override
    def from_unit(self, unit: float) -> int:
        return self.low + bin_of(unit, self.size)

    @override
    def to_unit(self, value: Scalar) -> float:
        return self.index(value) / (self.high - self.low)

    @override
    def encode(self, value: Scalar) -> int | float:
        assert isinstance(value, int)
        return value

    @override
    def decode(self, encoded: float) -> int:
        return min(max(round(encoded), self.low), self.high)

    @override
    def hyperparameter(self, name: str, default: int | float | None) -> Hyperparameter[Any, Any]:
        return UniformIntegerHyperparameter(name, self.low, self.high, default_value=default)


@dataclass(frozen=True, kw_only=True)
class UnequalIntegers(Integers):
    """All integers between two bounds, normal or uniform in their logarithm.

    An integer k has the share of [k - 0.5, k + 0.5] in a distribution from low - 0.5 to high + 0.5, so that the ends
    are not halved (as Optuna's logarithmic integers). ConfigSpace gets the unit coordinate: its own logarithmic
    integers are distributed otherwise.

    Attributes:
        log: Whether the distribution is that of the logarithm; `low` is then at least 1.
        prior: The normal distribution that the bounds cut; None: uniform.
    """

    log: bool
    prior: Normal | None = None

    @cached_property
    def _scale(self) -> Scale:
        return scale(self.low - 0.5, self.high + 0.5, log=self.log, prior=self.prior)

    @override
    def share(self, first: int, count: int) -> float:
        start = self.low - 0.5 + first
        return self._scale.share_below(start + count) - self._scale.share_below(start)

    @override
    def from_unit(self, unit: float) -> int:
        if unit <= 0:
            return self.low
        if unit >= 1:
            return self.high
        return self.low + min(max(math.floor(self._scale.at(unit) - self.low + 0.5), 0), self.size - 1)

    @override
    def to_unit(self, value: Scalar) -> float:
        assert isinstance(value, int)
        return min(max(self._scale.share_below(value), 0.0), 1.0)

    @override
    def encode(self, value: Scalar) -> float:
        return self.to_unit(value)

    @override
    def decode(self, encoded: float) -> int:
        return self.from_unit(encoded)

    @override
    def hyperparameter(self, name: str, default: int | float | None) -> Hyperparameter[Any, Any]:
        return UniformFloatHyperparameter(name, 0.0, 1.0, default_value=default)
