"""The kinds of parameters a space may declare: the facts of the spec, one class for each `type`.

What values they allow is in `domains`; reading them from JSON, with all their faults, is in `spec`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from typing import Any, ClassVar, TypeAlias

from typing_extensions import override

from search_spaces.conditions import ALWAYS, Condition
from search_spaces.domains import Domain
from search_spaces.indexed import Choices, Lattice
from search_spaces.ranges import Integers, Interval, UnequalIntegers
from search_spaces.scalars import Scalar
from search_spaces.scales import Normal


class Absent(Enum):
    """What stands for a default that was not given, since null may be one."""

    ABSENT = "absent"


ABSENT = Absent.ABSENT
Default: TypeAlias = Scalar | Absent


@dataclass(frozen=True, kw_only=True)
class Parameter(ABC):
    """One dimension of a space.

    Attributes:
        name: Unique in its space.
        when: On which values of earlier parameters it is active.
        default: The value to start from where an algorithm asks for one.
    """

    type: ClassVar[str]
    """The word that the spec uses."""

    name: str
    when: Condition = ALWAYS
    default: Default = ABSENT

    @cached_property
    @abstractmethod
    def domain(self) -> Domain:
        """The values it takes when it is active."""

    @abstractmethod
    def facts(self) -> dict[str, Any]:
        """Its entries in the spec beside type, default and when."""

    @property
    def varies(self) -> bool:
        """Whether it takes more than one value; models never see the others, whose density has no width."""
        return self.domain.size != 1

    def to_dict(self) -> dict[str, Any]:
        """The canonical entry of the spec: what has its default value is left out."""
        entry = {"type": self.type, **self.facts()}
        if not isinstance(self.default, Absent):
            entry["default"] = self.default
        if self.when != ALWAYS:
            entry["when"] = self.when.to_dict()
        return entry


@dataclass(frozen=True, kw_only=True)
class Float(Parameter):
    """A float between two bounds.

    Attributes:
        low: Lowest value, included.
        high: Highest value, included; with `step`, reached only by a whole number of steps.
        log: Whether it is its logarithm that is distributed as said; only without `step`.
        step: Distance of neighbouring values, each equally likely; None: all floats.
        prior: The normal distribution that the bounds cut; only without `step`. None: uniform.
    """

    type: ClassVar[str] = "float"

    low: float
    high: float
    log: bool = False
    step: float | None = None
    prior: Normal | None = None

    @cached_property
    @override
    def domain(self) -> Domain:
        if self.step is None:
            return Interval(low=self.low, high=self.high, log=self.log, prior=self.prior)
        return Lattice(low=self.low, high=self.high, step=self.step, is_whole=False)

    @override
    def facts(self) -> dict[str, Any]:
        return _bounds(self)


@dataclass(frozen=True, kw_only=True)
class Int(Parameter):
    """An integer between two bounds.

    Attributes:
        low: Lowest value, included.
        high: Highest value, included; with `step`, reached only by a whole number of steps.
        log: Whether it is its logarithm that is distributed as said; only without `step`.
        step: Distance of neighbouring values; None: 1.
        prior: The normal distribution that the bounds cut; only without `step`. None: uniform.
    """

    type: ClassVar[str] = "int"

    low: int
    high: int
    log: bool = False
    step: int | None = None
    prior: Normal | None = None

    @cached_property
    @override
    def domain(self) -> Domain:
        if self.log or self.prior is not None:
            return UnequalIntegers(low=self.low, high=self.high, log=self.log, prior=self.prior)
        if self.step is None:
            return Integers(low=self.low, high=self.high)
        return Lattice(low=self.low, high=self.high, step=self.step, is_whole=True)

    @override
    def facts(self) -> dict[str, Any]:
        return _bounds(self)


@dataclass(frozen=True, kw_only=True)
class Categorical(Parameter):
    """One of several values without order.

    Attributes:
        choices: JSON scalars, without repetition; 1 and true are two, 1 and 1.0 are one.
        weights: How likely each is in proportion to the others, above 0; empty: all the same.
    """

    type: ClassVar[str] = "categorical"

    choices: tuple[Scalar, ...]
    weights: tuple[float, ...] = ()

    @cached_property
    @override
    def domain(self) -> Domain:
        return Choices(values=self.choices, is_numeric=False, weights=self.weights)

    @override
    def facts(self) -> dict[str, Any]:
        weights = {"weights": list(self.weights)} if self.weights else {}
        return {"choices": list(self.choices), **weights}


@dataclass(frozen=True, kw_only=True)
class Ordinal(Parameter):
    """One of several values in order, each equally likely: models take neighbours for similar.

    Attributes:
        choices: JSON scalars in their order, without repetition.
    """

    type: ClassVar[str] = "ordinal"

    choices: tuple[Scalar, ...]

    @cached_property
    @override
    def domain(self) -> Domain:
        return Choices(values=self.choices, is_numeric=True)

    @override
    def facts(self) -> dict[str, Any]:
        return {"choices": list(self.choices)}


@dataclass(frozen=True, kw_only=True)
class Bool(Parameter):
    """False or true."""

    type: ClassVar[str] = "bool"

    @cached_property
    @override
    def domain(self) -> Domain:
        return Choices(values=(False, True), is_numeric=False)

    @override
    def facts(self) -> dict[str, Any]:
        return {}


@dataclass(frozen=True, kw_only=True)
class Constant(Parameter):
    """A value that trials see and models do not.

    Attributes:
        value: A JSON scalar.
    """

    type: ClassVar[str] = "constant"

    value: Scalar

    @cached_property
    @override
    def domain(self) -> Domain:
        return Choices(values=(self.value,), is_numeric=False)

    @override
    def facts(self) -> dict[str, Any]:
        return {"value": self.value}


def _bounds(parameter: Float | Int) -> dict[str, Any]:
    facts: dict[str, Any] = {"low": parameter.low, "high": parameter.high}
    if parameter.log:
        facts["log"] = True
    if parameter.step is not None:
        facts["step"] = parameter.step
    if parameter.prior is not None:
        facts["prior"] = {"normal": {"mean": parameter.prior.mean, "std": parameter.prior.std}}
    return facts
