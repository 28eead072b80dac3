"""Finite domains whose values go by their index: numbers with a step, and listed choices."""

from __future__ import annotations

from abc import abstractmethod
from bisect import bisect_right
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from itertools import accumulate
from typing import Any

from ConfigSpace import CategoricalHyperparameter, UniformIntegerHyperparameter
from ConfigSpace.hyperparameters import Hyperparameter
from typing_extensions import override

from search_spaces.domains import Domain, bin_of
from search_spaces.errors import SpaceError
from search_spaces.scalars import Scalar, identity, is_number, is_scalar, show

LATTICE_TOLERANCE = Decimal("1e-9")
"""How far, in steps, a number may lie from its place on a lattice: binary floats are rarely on it exactly."""


class Indexed(Domain):
    """A finite domain whose encoded form is the index."""

    @property
    @abstractmethod
    @override
    def size(self) -> int: ...

    @override
    def share(self, first: int, count: int) -> float:
        return count / self.size

    @override
    def from_unit(self, unit: float) -> Scalar:
        return self.at(bin_of(unit, self.size))

    @override
    def to_unit(self, value: Scalar) -> float:
        return self.index(value) / max(self.size - 1, 1)

    @override
    def encode(self, value: Scalar) -> int:
        return self.index(value)

    @override
    def decode(self, encoded: float) -> Scalar:
        return self.at(min(max(round(encoded), 0), self.size - 1))

    @override
    def hyperparameter(self, name: str, default: int | float | None) -> Hyperparameter[Any, Any]:
        return UniformIntegerHyperparameter(name, 0, self.size - 1, default_value=default)


@dataclass(frozen=True, kw_only=True)
class Lattice(Indexed):
    """The numbers low, low + step, low + 2 step, ... that are not above high, each equally likely.

    They are computed in decimal, so that 0.1 + 2 x 0.1 is 0.3.

    Attributes:
        low: The first value.
        high: No value is above it; itself a value only if a whole number of steps leads there.
        step: Distance of neighbours; above 0, at most high - low.
        is_whole: Whether the values are integers rather than floats.
    """

    low: float
    high: float
    step: float
    is_whole: bool

    @cached_property
    def _low(self) -> Decimal:
        return Decimal(str(self.low))

    @cached_property
    def _step(self) -> Decimal:
        return Decimal(str(self.step))

    @cached_property
    def _steps_to_high(self) -> Decimal:
        return (Decimal(str(self.high)) - self._low) / self._step

    @cached_property
    def _ends_high(self) -> bool:
        return abs(self._steps_to_high - (self.size - 1)) <= LATTICE_TOLERANCE

    @cached_property
    @override
    def size(self) -> int:
        return int(self._steps_to_high + LATTICE_TOLERANCE) + 1

    @override
    def canonical(self, value: object, path: str) -> Scalar:
        problem = f"got {show(value)}, must be one of {self.low}, {self.at(1)}, ..., {self.at(self.size - 1)}"
        if not is_number(value):
            raise SpaceError(path, problem)
        steps = (Decimal(str(value)) - self._low) / self._step
        nearest = self.at(min(max(round(steps), 0), self.size - 1))
        if abs(steps - round(steps)) > LATTICE_TOLERANCE or not 0 <= round(steps) < self.size:
            raise SpaceError(path, f"{problem}; the nearest is {nearest}")
        return nearest

    @override
    def at(self, index: int) -> int | float:
        if self._ends_high and index == self.size - 1:
            return self.high
        value = self._low + index * self._step
        return int(value) if self.is_whole else float(value)

    @override
    def index(self, value: Scalar) -> int:
        return round((Decimal(str(value)) - self._low) / self._step)


@dataclass(frozen=True, kw_only=True)
class Choices(Indexed):
    """Listed values.

    Attributes:
        values: At least one, without repetition.
        is_numeric: Whether neighbours in the list are near each other.
        weights: How likely each is in proportion to the others, above 0; empty: all the same.
    """

    values: tuple[Scalar, ...]
    is_numeric: bool
    weights: tuple[float, ...] = ()

    @cached_property
    def _ends(self) -> list[float]:
        return [end / sum(self.weights) for end in accumulate(self.weights)]

    @cached_property
    def _indices(self) -> dict[tuple[bool, Scalar], int]:
        return {identity(value): index for index, value in enumerate(self.values)}

    @property
    @override
    def size(self) -> int:
        return len(self.values)

    @override
    def canonical(self, value: object, path: str) -> Scalar:
        index = self._indices.get(identity(value)) if is_scalar(value) else None
        if index is None:
            raise SpaceError(path, f"got {show(value)}, must be one of {show(list(self.values))}")
        return self.values[index]

    @override
    def at(self, index: int) -> Scalar:
        return self.values[index]

    @override
    def index(self, value: Scalar) -> int:
        return self._indices[identity(value)]

    @override
    def share(self, first: int, count: int) -> float:
        if not self.weights:
            return super().share(first, count)
        return sum(self.weights[first : first + count]) / sum(self.weights)

    @override
    def from_unit(self, unit: float) -> Scalar:
        if not self.weights:
            return super().from_unit(unit)
        return self.at(min(bisect_right(self._ends, unit), self.size - 1))

    @override
    def hyperparameter(self, name: str, default: int | float | None) -> Hyperparameter[Any, Any]:
        if self.is_numeric:
            return super().hyperparameter(name, default)
        weights = self.weights or None
        return CategoricalHyperparameter(name, range(self.size), weights=weights, default_value=default or 0)
