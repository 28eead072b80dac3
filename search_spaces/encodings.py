"""A space inside ConfigSpace and as a vector: the form that models learn from. Decisions about values are in `domains`.

Encoded, a float is its coordinate in [0, 1]; an integer itself; every other value, and a float or integer with a step,
its index. A parameter with a single value is left out, since a density model divides by the width of a dimension.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from ConfigSpace import AndConjunction, ConfigurationSpace, InCondition
from ConfigSpace.conditions import Condition
from ConfigSpace.hyperparameters import Hyperparameter
from numpy.typing import NDArray
from typing_extensions import override

from search_spaces.parameters import Absent, Parameter
from search_spaces.reachability import demands


def configuration_space(parameters: Sequence[Parameter]) -> ConfigurationSpace:
    """A ConfigSpace of the encoded values, with its own random state (seed it before drawing from it)."""
    domains = {parameter.name: parameter.domain for parameter in parameters}
    encoded = {parameter.name: _hyperparameter(parameter) for parameter in parameters if parameter.varies}
    conditions = []
    # With the demands of all ancestors: from a parameter's own, ConfigSpace 1.2 draws children of inactive parameters
    # when the parents are at different depths.
    for name, demanded in demands(parameters).items():
        if name in encoded and demanded:
            allowed = {parent: [domains[parent].encode(v) for v in values] for parent, values in demanded.items()}
            conditions.append(_all([_OneOf(encoded[name], encoded[p], values) for p, values in allowed.items()]))
    space = ConfigurationSpace()
    space.add(list(encoded.values()), conditions)
    return space


def _hyperparameter(parameter: Parameter) -> Hyperparameter[Any, Any]:
    default = None if isinstance(parameter.default, Absent) else parameter.domain.encode(parameter.default)
    return parameter.domain.hyperparameter(parameter.name, default)


def _all(conditions: list[Condition]) -> Condition | AndConjunction:
    return conditions[0] if len(conditions) == 1 else AndConjunction(*conditions)


class _OneOf(InCondition):
    """Whether the parent's value is among some: ConfigSpace's own condition compares coordinates.

    Those of a logarithmic integer differ in the last bit between a drawn vector and the vector of its value, so that a
    parameter would now and then be inactive in a configuration that has it.
    """

    @override
    def satisfied_by_vector(self, vector: NDArray[np.float64]) -> bool:
        return bool(self.satisfied_by_vector_array(vector[:, np.newaxis])[0])

    @override
    def satisfied_by_vector_array(self, arr: NDArray[np.float64]) -> NDArray[np.bool_]:
        coordinates = arr[self.parent_vector_id]
        satisfied = ~np.isnan(coordinates)
        satisfied[satisfied] = np.isin(self.parent.to_value(coordinates[satisfied]), self.values)
        return satisfied
