"""When a parameter is active: conditions on the values of earlier parameters.

What ConfigSpace makes of a condition is in `encodings`; which points conditions leave to a grid is in `grid`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from search_spaces.scalars import Scalar, identity


@dataclass(frozen=True, kw_only=True, slots=True)
class Clause:
    """One demand on one parent: it is active and its value is one of `values`.

    Attributes:
        parent: Name of a parameter declared earlier.
        values: Values the parent can take, without repetition; at least one.
    """

    parent: str
    values: tuple[Scalar, ...]

    def holds(self, config: Mapping[str, Any]) -> bool:
        """Whether `config` meets the demand; a parent that is missing is inactive and meets none."""
        return self.parent in config and self.allows(config[self.parent])

    def allows(self, value: Scalar) -> bool:
        """Whether the parent may have `value`."""
        return identity(value) in {identity(allowed) for allowed in self.values}

    def to_json(self) -> Scalar | list[Scalar]:
        """The demand as the spec writes it: a lone value, or a list of alternatives."""
        return self.values[0] if len(self.values) == 1 else list(self.values)


@dataclass(frozen=True, kw_only=True, slots=True)
class When:
    """All of its clauses together; without any, always.

    Attributes:
        clauses: At most one for each parent.
    """

    clauses: tuple[Clause, ...] = ()

    @property
    def parents(self) -> tuple[str, ...]:
        """The names of the parameters it looks at."""
        return tuple(clause.parent for clause in self.clauses)

    def holds(self, config: Mapping[str, Any]) -> bool:
        """Whether a parameter with this condition is active beside the parameters of `config`."""
        return all(clause.holds(config) for clause in self.clauses)

    def unmet(self, config: Mapping[str, Any]) -> Clause:
        """The first clause that `config` does not meet.

        Raises:
            StopIteration: It meets them all.
        """
        return next(clause for clause in self.clauses if not clause.holds(config))

    def to_dict(self) -> dict[str, Any]:
        """The condition as the spec writes it, e.g. ``{"optimizer": "sgd"}``."""
        return {clause.parent: clause.to_json() for clause in self.clauses}


ALWAYS = When()
"""The condition of a parameter that is in every configuration."""
