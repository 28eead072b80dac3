"""Which parameters can be active together: the space as a chain of decisions, each ruling later parameters out.

Deciding parameters one by one in declared order, all that matters for the rest is which later parameters are already
ruled out. That small state, rather than the values chosen, is what makes counting fast. Points are in `grid`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeAlias

from search_spaces.parameters import Parameter
from search_spaces.scalars import Scalar, identity

RuledOut: TypeAlias = frozenset[str]
"""The later parameters that no choice can make active any more."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Branch:
    """Neighbouring values of one parameter that leave the same to the parameters after it.

    Attributes:
        is_active: False: the one branch of an inactive parameter, without value.
        first: Index of the first value.
        count: How many values; 1 for an inactive parameter and for an infinite one, which no condition can look at.
        after: What is ruled out once one of them is chosen.
    """

    is_active: bool
    first: int
    count: int
    after: RuledOut


Layer: TypeAlias = dict[RuledOut, tuple[Branch, ...]]
"""The branches of one parameter, by what can be ruled out before it."""


def layers(parameters: Sequence[Parameter]) -> list[Layer]:
    """The chain of decisions: a layer for each parameter, with just the states that can occur.

    Time and space depend on the conditions, not on the number of values.
    """
    chain: list[Layer] = []
    states: set[RuledOut] = {frozenset()}
    for position, parameter in enumerate(parameters):
        children = [later for later in parameters[position + 1 :] if parameter.name in later.when.parents]
        runs = _runs(parameter, children)
        layer = {state: _branches(parameter, children, runs, state) for state in states}
        chain.append(layer)
        states = {branch.after for branches in layer.values() for branch in branches}
    return chain


def unreachable(parameters: Sequence[Parameter]) -> list[Parameter]:
    """The parameters that are active in no configuration at all."""
    return [
        parameter
        for group in independent_groups(parameters)
        for parameter, layer in zip(group, layers(group), strict=True)
        if all(parameter.name in state for state in layer)
    ]


def independent_groups(parameters: Sequence[Parameter]) -> list[list[Parameter]]:
    """The parameters in groups that no condition joins, each in declared order, groups by their first parameter."""
    groups: list[list[Parameter]] = []
    for parameter in parameters:
        joined = [group for group in groups if any(member.name in parameter.when.parents for member in group)]
        if joined:
            groups = [group for group in groups if group is joined[0] or group not in joined]
            joined[0][:] = [member for group in joined for member in group] + [parameter]
        else:
            groups.append([parameter])
    order = {parameter.name: position for position, parameter in enumerate(parameters)}
    return [sorted(group, key=lambda member: order[member.name]) for group in groups]


def demands(parameters: Sequence[Parameter]) -> dict[str, dict[str, list[Scalar]]]:
    """For each parameter, all that must hold for it to be active: allowed values by parent, grandparent and so on.

    It is said of parameters that vary; the others only pass on what they demand themselves.
    """
    varying = {parameter.name for parameter in parameters if parameter.varies}
    table: dict[str, dict[str, list[Scalar]]] = {}
    for parameter in parameters:
        found = table[parameter.name] = {}
        for clause in parameter.when.clauses:
            own = {clause.parent: list(clause.values)} if clause.parent in varying else {}
            for ancestor, values in (*own.items(), *table[clause.parent].items()):
                both = {identity(value) for value in found.get(ancestor, values)}
                found[ancestor] = [value for value in values if identity(value) in both]
    return table


def _branches(
    parameter: Parameter, children: Sequence[Parameter], runs: Sequence[Branch], state: RuledOut
) -> tuple[Branch, ...]:
    if parameter.name in state:
        after = (state - {parameter.name}) | {child.name for child in children}
        return (Branch(is_active=False, first=0, count=1, after=after),)
    return tuple(Branch(is_active=True, first=run.first, count=run.count, after=state | run.after) for run in runs)


def _runs(parameter: Parameter, children: Sequence[Parameter]) -> list[Branch]:
    """The values of an active parameter, cut wherever what they rule out changes."""
    size = parameter.domain.size or 1
    allowed = {
        child.name: {parameter.domain.index(value) for value in clause.values}
        for child in children
        for clause in child.when.clauses
        if clause.parent == parameter.name
    }
    named = {index for indices in allowed.values() for index in indices}
    cuts = sorted({0, size, *named, *(index + 1 for index in named)})
    return [
        Branch(
            is_active=True,
            first=first,
            count=end - first,
            after=frozenset(child for child, indices in allowed.items() if first not in indices),
        )
        for first, end in pairwise(cuts)
    ]
