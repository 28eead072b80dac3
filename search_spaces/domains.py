"""The sets of values parameters range over, and their coordinates.

A domain knows four faces of a value: the value itself as trials see it; for a finite domain its `index`; its `unit`
coordinate in [0, 1]; and its encoded form inside ConfigSpace. Ranges of numbers are in
`ranges`, what has an index for its encoded form in `indexed`; names and conditions belong to `parameters`.

Unit coordinates agree with ConfigSpace's vectors, and a unit drawn uniformly gives the declared distribution, edges
included: with rounding instead of bins, the first and last of three integers would get half the weight of the second.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import Any

from ConfigSpace.hyperparameters import Hyperparameter

from search_spaces.scalars import Scalar

LARGEST_WHOLE = 10**12
"""Integers and numbers of steps beyond this would not all come back from a coordinate in float64, least so with log."""


class Domain(ABC):
    """A set of values."""

    is_numeric: bool = True
    """Whether a vector holds the unit coordinate; else it holds the index of a choice without order."""

    @property
    @abstractmethod
    def size(self) -> int | None:
        """How many values there are; None: infinitely many."""

    @abstractmethod
    def canonical(self, value: object, path: str) -> Scalar:
        """`value` in the form in which trials see it.

        Raises:
            SpaceError: At `path`: it is not in the domain.
        """

    @abstractmethod
    def at(self, index: int) -> Scalar:
        """The value at `index`, which is at least 0 and less than `size`."""

    @abstractmethod
    def index(self, value: Scalar) -> int:
        """The index of a canonical `value`."""

    @abstractmethod
    def share(self, first: int, count: int) -> float:
        """How likely one of `count` neighbouring values from the index `first` on is."""

    @abstractmethod
    def from_unit(self, unit: float) -> Scalar:
        """The value at a coordinate; beyond [0, 1] the nearest value."""

    @abstractmethod
    def to_unit(self, value: Scalar) -> float:
        """The coordinate of a canonical `value`, in [0, 1].

        `from_unit` leads back, unless a normal makes the value so unlikely that no float64 coordinate is its own.
        """

    @abstractmethod
    def encode(self, value: Scalar) -> int | float:
        """What ConfigSpace holds for a canonical `value`."""

    @abstractmethod
    def decode(self, encoded: float) -> Scalar:
        """The value that ConfigSpace holds as `encoded`."""

    @abstractmethod
    def hyperparameter(self, name: str, default: int | float | None) -> Hyperparameter[Any, Any]:
        """The set of encoded values, for ConfigSpace; `default` is encoded."""


def bin_of(unit: float, size: int) -> int:
    """Which of `size` equal parts of [0, 1] holds `unit`; beyond it, the first or the last."""
    return min(max(math.floor(unit * size), 0), size - 1)
