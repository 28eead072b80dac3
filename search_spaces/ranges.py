"""Domains of numbers between two bounds: all floats, or all integers. Numbers with a step are in `indexed`."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from ConfigSpace import UniformFloatHyperparameter, UniformIntegerHyperparameter
from ConfigSpace.hyperparameters import Hyperparameter
from typing_extensions import override

from search_spaces.domains import Domain, bin_of
from search_spaces.errors import SpaceError
from search_spaces.scalars import Scalar, is_number, is_whole, show

SIGNIFICANT_DIGITS = 12
"""Digits kept of a drawn float: far below any learning curve's noise, and exact on the way to a vector and back."""


COORDINATE_ERROR = 4e-16
"""How far a coordinate may be from an integer's own and still mean it; large integers lie at the edge of their bin."""


@dataclass(frozen=True, kw_only=True)
class Interval(Domain):
    """All floats between two bounds, uniform or uniform in their logarithm.

    ConfigSpace gets the unit coordinate: it rounds floats and their bounds to 13 decimals, which moves values out of
    their range and makes nothing of a range of small numbers.

    Attributes:
        low: Lowest value, included; above 0 with `log`.
        high: Highest value, included; above `low`.
        log: Whether equal ratios are equally likely, rather than equal differences.
    """

    low: float
    high: float
    log: bool

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
    def from_unit(self, unit: float) -> float:
        if unit <= 0:
            return self.low
        if unit >= 1:
            return self.high
        return min(max(self._rounded(unit), self.low), self.high)

    def _rounded(self, unit: float) -> float:
        if self.log:
            low, high = math.log(self.low), math.log(self.high)
            return float(f"{math.exp(low + unit * (high - low)):.{SIGNIFICANT_DIGITS}g}")
        decimals = SIGNIFICANT_DIGITS - math.ceil(math.log10(self.high - self.low))
        return round(self.low + unit * (self.high - self.low), decimals)

    @override
    def to_unit(self, value: Scalar) -> float:
        return _position(value, self.low, self.high, log=self.log)

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
    """All integers between two bounds, uniform or, with `log`, as ConfigSpace's logarithmic integers are.

    Attributes:
        low: Lowest value, included; at least 1 with `log`.
        high: Highest value, included; above `low`.
        log: Whether small values are likelier: their logarithm is drawn uniformly, then one of `size` equal bins taken.
    """

    low: int
    high: int
    log: bool

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
    def from_unit(self, unit: float) -> int:
        if not self.log:
            return self.low + bin_of(unit, self.size)
        low, high = math.log(self.low), math.log(self.high)
        number = math.exp(low + min(max(unit, 0.0), 1.0) * (high - low))
        if abs(self.to_unit(round(number)) - unit) < COORDINATE_ERROR:
            return round(number)
        return self.low + bin_of((number - self.low) / (self.high - self.low), self.size)

    @override
    def to_unit(self, value: Scalar) -> float:
        return _position(value, self.low, self.high, log=self.log)

    @override
    def encode(self, value: Scalar) -> int:
        assert isinstance(value, int)
        return value

    @override
    def decode(self, encoded: float) -> int:
        return min(max(round(encoded), self.low), self.high)

    @override
    def hyperparameter(self, name: str, default: int | float | None) -> Hyperparameter[Any, Any]:
        return UniformIntegerHyperparameter(name, self.low, self.high, log=self.log, default_value=default)


def _position(value: Scalar, low: float, high: float, *, log: bool) -> float:
    """How far `value` is on the way from `low` to `high`, from 0 to 1."""
    assert isinstance(value, int | float)
    if log:
        return min(max((math.log(value) - math.log(low)) / (math.log(high) - math.log(low)), 0.0), 1.0)
    return (value - low) / (high - low)
