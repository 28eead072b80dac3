"""When a parameter is active: conditions on the values of earlier parameters, nested as deep as one likes.

A condition is a clause on one parent, or all or any of several conditions; forbidden combinations are said the same
way. Reading them from JSON is in `clauses`, what ConfigSpace makes of them in `encodings`, which points they leave to
a grid in `grid`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from typing_extensions import override

from search_spaces.scalars import Scalar, identity, show


class Condition(ABC):
    """What may hold of a configuration."""

    @abstractmethod
    def clauses(self) -> Iterator[Clause]:
        """Every clause in it, in order, however deep."""

    @abstractmethod
    def holds(self, config: Mapping[str, Any]) -> bool:
        """Whether it holds of `config`; a parent that is missing is inactive and meets no clause."""

    @abstractmethod
    def replaced(self, change: Callable[[Clause], Condition]) -> Condition:
        """The condition with something in the place of each clause, simplified."""

    @abstractmethod
    def to_dict(self) -> dict[str, Any]:
        """The condition as the spec writes it."""

    @abstractmethod
    def __str__(self) -> str:
        """The condition as a message says it, e.g. ``optimizer is "sgd"``."""

    @property
    def parents(self) -> tuple[str, ...]:
        """The names of the parameters it looks at, each once."""
        return tuple(dict.fromkeys(clause.parent for clause in self.clauses()))

    def decided(self, parent: str, is_met: Callable[[Clause], bool]) -> Condition:
        """What is left of it once the clauses on `parent` are known; `ALWAYS` or `NEVER` if nothing is."""

        def change(clause: Clause) -> Condition:
            if clause.parent != parent:
                return clause
            return ALWAYS if is_met(clause) else NEVER

        return self.replaced(change)


class Clause(Condition):
    """One demand on one parameter: it is active and its value is allowed."""

    parent: str

    @abstractmethod
    def allows(self, value: Scalar) -> bool:
        """Whether the parent may have `value`."""

    @abstractmethod
    def named(self) -> tuple[Scalar, ...]:
        """The values it names."""

    @abstractmethod
    def to_json(self) -> Any:
        """The demand as the spec writes it beside the parent's name."""

    @abstractmethod
    def said(self) -> str:
        """The values it allows, as a message says them."""

    @override
    def clauses(self) -> Iterator[Clause]:
        yield self

    @override
    def holds(self, config: Mapping[str, Any]) -> bool:
        return self.parent in config and self.allows(config[self.parent])

    @override
    def replaced(self, change: Callable[[Clause], Condition]) -> Condition:
        return change(self)

    @override
    def to_dict(self) -> dict[str, Any]:
        return {self.parent: self.to_json()}

    @override
    def __str__(self) -> str:
        return f"{self.parent} is {self.said()}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Among(Clause):
    """The parent's value is one of some.

    Attributes:
        parent: Name of a parameter.
        values: Values the parent can take, without repetition; at least one.
    """

    parent: str
    values: tuple[Scalar, ...]

    @override
    def allows(self, value: Scalar) -> bool:
        return identity(value) in {identity(allowed) for allowed in self.values}

    @override
    def named(self) -> tuple[Scalar, ...]:
        return self.values

    @override
    def to_json(self) -> Scalar | list[Scalar]:
        return self.values[0] if len(self.values) == 1 else list(self.values)

    @override
    def said(self) -> str:
        return " or ".join(show(value) for value in self.values)


@dataclass(frozen=True, kw_only=True, slots=True)
class Beyond(Clause):
    """The parent's value is strictly greater, or strictly less, than another.

    Attributes:
        parent: Name of a parameter whose values have an order.
        threshold: A value the parent can take; itself not allowed.
        is_greater: Whether greater values are allowed, rather than lesser ones.
        order: The choices of an ordinal, least first; empty for numbers.
    """

    parent: str
    threshold: Scalar
    is_greater: bool
    order: tuple[Scalar, ...] = ()

    @override
    def allows(self, value: Scalar) -> bool:
        distance = self._rank(value) - self._rank(self.threshold)
        return distance > 0 if self.is_greater else distance < 0

    def _rank(self, value: Scalar) -> float:
        if self.order:
            return [identity(choice) for choice in self.order].index(identity(value))
        assert isinstance(value, int | float)
        return value

    @override
    def named(self) -> tuple[Scalar, ...]:
        return (self.threshold,)

    @override
    def to_json(self) -> dict[str, Scalar]:
        return {"greater" if self.is_greater else "less": self.threshold}

    @override
    def said(self) -> str:
        return f"{'greater' if self.is_greater else 'less'} than {show(self.threshold)}"


@dataclass(frozen=True, slots=True)
class AllOf(Condition):
    """All of its parts together; without any, always. Made by `all_of`.

    Attributes:
        parts: Clauses and alternatives, without repetition, in the order in which the spec writes them.
    """

    parts: tuple[Condition, ...] = ()

    @override
    def clauses(self) -> Iterator[Clause]:
        return (clause for part in self.parts for clause in part.clauses())

    @override
    def holds(self, config: Mapping[str, Any]) -> bool:
        return all(part.holds(config) for part in self.parts)

    @override
    def replaced(self, change: Callable[[Clause], Condition]) -> Condition:
        return all_of(*(part.replaced(change) for part in self.parts))

    @override
    def to_dict(self) -> dict[str, Any]:
        written, rest = _first_by_key(self.parts)
        entry: dict[str, Any] = {}
        for part in written:
            entry |= part.to_dict()
        if rest:
            entry["all"] = [part.to_dict() for part in rest]
        return entry

    @override
    def __str__(self) -> str:
        return " and ".join(f"({part})" if isinstance(part, AnyOf) else str(part) for part in self.parts)


@dataclass(frozen=True, slots=True)
class AnyOf(Condition):
    """At least one of its parts; without any, never. Made by `any_of`.

    Attributes:
        parts: The alternatives, without repetition.
    """

    parts: tuple[Condition, ...] = ()

    @override
    def clauses(self) -> Iterator[Clause]:
        return (clause for part in self.parts for clause in part.clauses())

    @override
    def holds(self, config: Mapping[str, Any]) -> bool:
        return any(part.holds(config) for part in self.parts)

    @override
    def replaced(self, change: Callable[[Clause], Condition]) -> Condition:
        return any_of(*(part.replaced(change) for part in self.parts))

    @override
    def to_dict(self) -> dict[str, Any]:
        return {"any": [part.to_dict() for part in self.parts]}

    @override
    def __str__(self) -> str:
        return " or ".join(f"({part})" if isinstance(part, AllOf) else str(part) for part in self.parts)


ALWAYS: Final = AllOf()
"""The condition of a parameter that is in every configuration."""

NEVER: Final = AnyOf()
"""The condition that no configuration meets."""


def all_of(*parts: Condition) -> Condition:
    """All of `parts`, simplified: the plain clauses first, as the spec writes them, each condition once."""
    flat = [inner for part in parts for inner in (part.parts if isinstance(part, AllOf) else (part,))]
    if NEVER in flat:
        return NEVER
    ordered: list[Condition] = []
    rest: Any = dict.fromkeys(flat)
    while rest:  # in the order in which what is written is read again
        first, rest = _first_by_key(rest)
        ordered += first
    return ordered[0] if len(ordered) == 1 else AllOf(tuple(ordered))


def any_of(*parts: Condition) -> Condition:
    """At least one of `parts`, simplified: each alternative once."""
    flat = [inner for part in parts for inner in (part.parts if isinstance(part, AnyOf) else (part,))]
    if ALWAYS in flat:
        return ALWAYS
    distinct = tuple(dict.fromkeys(flat))
    return distinct[0] if len(distinct) == 1 else AnyOf(distinct)


def _first_by_key(parts: Any) -> tuple[list[Condition], list[Condition]]:
    """The parts that fit into one JSON object, clauses before alternatives, and those whose key is taken by then."""
    first: dict[str, Condition] = {}
    rest = []
    for part in parts:
        key = part.parent if isinstance(part, Clause) else ""
        if first.setdefault(key, part) is not part:
            rest.append(part)
    alternatives = [first.pop("")] if "" in first else []
    return [*first.values(), *alternatives], rest
