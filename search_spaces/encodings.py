"""A space inside ConfigSpace and as a vector: the form that models learn from. Decisions about values are in `domains`.

Encoded, a float is its coordinate in [0, 1], and so is an integer that is not uniform; other integers are themselves;
every other value, and a float or integer with a step, is its index. A parameter with a single value is left out, since
a density model divides by the width of a dimension. Forbidden combinations are left out too: a model may propose one,
and finds it refused when it is decoded.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
from ConfigSpace import AndConjunction, ConfigurationSpace, OrConjunction
from ConfigSpace.conditions import Condition, ConditionLike
from ConfigSpace.hyperparameters import Hyperparameter
from ConfigSpace.types import NotSet
from numpy.typing import NDArray
from typing_extensions import override

from search_spaces import conditions
from search_spaces.domains import Domain
from search_spaces.parameters import Absent, Parameter
from search_spaces.reachability import roots


def configuration_space(parameters: Sequence[Parameter]) -> ConfigurationSpace:
    """A ConfigSpace of the encoded values, with its own random state (seed it before drawing from it)."""
    domains = {parameter.name: parameter.domain for parameter in parameters}
    encoded = {parameter.name: _hyperparameter(parameter) for parameter in parameters if parameter.varies}
    # With the conditions of all ancestors: from a parameter's own, ConfigSpace 1.2 draws children of inactive
    # parameters when the parents are at different depths.
    rooted = roots(parameters)
    added = [
        _condition(hyperparameter, rooted[name], encoded, domains)
        for name, hyperparameter in encoded.items()
        if rooted[name] != conditions.ALWAYS
    ]
    space = ConfigurationSpace()
    space.add(list(encoded.values()), added)
    return space


def _hyperparameter(parameter: Parameter) -> Hyperparameter[Any, Any]:
    default = None if isinstance(parameter.default, Absent) else parameter.domain.encode(parameter.default)
    return parameter.domain.hyperparameter(parameter.name, default)


def _condition(
    child: Hyperparameter[Any, Any],
    condition: conditions.Condition,
    encoded: Mapping[str, Hyperparameter[Any, Any]],
    domains: Mapping[str, Domain],
) -> ConditionLike:
    if isinstance(condition, conditions.Clause):
        return _Met(child, encoded[condition.parent], condition, domains[condition.parent])
    assert isinstance(condition, conditions.AllOf | conditions.AnyOf)
    join = AndConjunction if isinstance(condition, conditions.AllOf) else OrConjunction
    return join(*(_condition(child, part, encoded, domains) for part in condition.parts))


class _Met(Condition):
    """Whether the parent's value meets a clause: ConfigSpace's own conditions compare coordinates.

    Those of one value differ in the last bit between a drawn vector and the vector of the value, so that a parameter
    would now and then be inactive in a configuration that has it.
    """

    def __init__(
        self,
        child: Hyperparameter[Any, Any],
        parent: Hyperparameter[Any, Any],
        clause: conditions.Clause,
        domain: Domain,
    ) -> None:
        super().__init__(child, parent, clause)
        self._domain = domain

    def __copy__(self) -> Self:
        return self.__class__(self.child, self.parent, self.value, self._domain)

    def __repr__(self) -> str:
        return f"{self.child.name} | {self.value}"

    @override
    def satisfied_by_value(self, values: dict[str, Any]) -> bool:
        encoded = values[self.parent.name]
        return encoded is not NotSet and self.value.allows(self._domain.decode(encoded))

    @override
    def satisfied_by_vector(self, vector: NDArray[np.float64]) -> bool:
        return bool(self.satisfied_by_vector_array(vector[:, np.newaxis])[0])

    @override
    def satisfied_by_vector_array(self, arr: NDArray[np.float64]) -> NDArray[np.bool_]:
        coordinates = arr[self.parent_vector_id]
        satisfied = ~np.isnan(coordinates)
        values = self.parent.to_value(coordinates[satisfied])
        satisfied[satisfied] = [self.value.allows(self._domain.decode(value)) for value in values]
        return satisfied

    @override
    def to_dict(self) -> dict[str, Any]:
        return {"child": self.child.name, "condition": self.value.to_dict()}
