"""What can be together in a configuration: the space as a chain of decisions, each narrowing the later ones.

Deciding parameters one by one in declared order, all that matters for the rest is what is left of the conditions and
of the forbidden combinations. That small state, rather than the values chosen, is what makes counting fast. Points are
in `grid`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, TypeAlias

from search_spaces.conditions import ALWAYS, NEVER, Clause, Condition, all_of
from search_spaces.errors import SpaceError
from search_spaces.parameters import Parameter
from search_spaces.scalars import Scalar

MOST_STATES = 2_000
"""States of one decision; a space that needs more would take too long to count, and no person means it."""


@dataclass(frozen=True, slots=True)
class State:
    """What the decisions so far leave to the later ones.

    Attributes:
        whens: The conditions of later parameters, as far as they are open, by name; those that hold are left out.
        forbidden: The forbidden combinations that can still come about.
    """

    whens: tuple[tuple[str, Condition], ...]
    forbidden: frozenset[Condition]

    def has(self, name: str) -> bool:
        """Whether the parameter `name`, whose parents are decided, is active."""
        return dict(self.whens).get(name, ALWAYS) == ALWAYS

    def after(self, name: str, is_met: Callable[[Clause], bool]) -> State | None:
        """The state once `name` is decided, so that a clause on it is met or not; None: that is forbidden."""
        forbidden = frozenset(each.decided(name, is_met) for each in self.forbidden) - {NEVER}
        if ALWAYS in forbidden:
            return None
        whens = ((child, when.decided(name, is_met)) for child, when in self.whens if child != name)
        return State(whens=tuple((child, when) for child, when in whens if when != ALWAYS), forbidden=forbidden)


@dataclass(frozen=True, kw_only=True, slots=True)
class Branch:
    """Neighbouring values of one parameter that leave the same to the parameters after it.

    Attributes:
        is_active: False: the one branch of an inactive parameter, without value.
        first: Index of the first value; 0 in an infinite domain.
        count: How many values; 1 for an inactive parameter and for a stretch of an infinite domain.
        share: How likely they are where the parameter is active.
        after: What is left once one of them is chosen.
    """

    is_active: bool
    first: int
    count: int
    share: float
    after: State


Layer: TypeAlias = dict[State, tuple[Branch, ...]]
"""The branches of one parameter, by what can be left before it."""

NOTHING = State(whens=(), forbidden=frozenset())
"""What the last decision leaves."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Group:
    """Parameters that conditions or forbidden combinations join.

    Attributes:
        parameters: In declared order.
        forbidden: The combinations that join them.
    """

    parameters: tuple[Parameter, ...]
    forbidden: tuple[Condition, ...]

    @property
    def start(self) -> State:
        """What is open before any decision."""
        whens = tuple((p.name, p.when) for p in self.parameters if p.when != ALWAYS)
        return State(whens=whens, forbidden=frozenset(self.forbidden))

    def layers(self, given: Mapping[str, Scalar]) -> list[Layer]:
        """The chain of decisions: a layer for each parameter, with just the states that can occur.

        Time and space depend on the conditions, not on the number of values.

        Args:
            given: Values that are decided already; where they are inactive they do not matter.

        Raises:
            SpaceError: There are too many states.
        """
        chain: list[Layer] = []
        states = {self.start}
        conditions = [*(p.when for p in self.parameters), *self.forbidden]
        for parameter in self.parameters:
            name = parameter.name
            clauses = [clause for each in conditions for clause in each.clauses() if clause.parent == name]
            runs = [_given(given[name])] if name in given else _runs(parameter, clauses)
            layer = {state: _branches(name, runs, state) for state in states}
            chain.append(layer)
            states = {branch.after for branches in layer.values() for branch in branches}
            if len(states) > MOST_STATES:
                message = f"got conditions that join {name} with too many parameters, must leave at most {MOST_STATES}"
                raise SpaceError("space", f"{message} cases; drop some conditions or forbidden combinations")
        return chain


def independent_groups(parameters: Sequence[Parameter], forbidden: Sequence[Condition]) -> list[Group]:
    """The parameters in groups that nothing joins, each in declared order, groups by their first parameter."""
    group_of = {parameter.name: {parameter.name} for parameter in parameters}
    for joined in (*((p.name, *p.when.parents) for p in parameters), *(each.parents for each in forbidden)):
        union = set().union(*(group_of[name] for name in joined))
        group_of |= dict.fromkeys(union, union)
    distinct = {id(names): names for names in group_of.values()}
    return [
        Group(
            parameters=tuple(p for p in parameters if p.name in names),
            forbidden=tuple(each for each in forbidden if set(each.parents) <= names),
        )
        for names in distinct.values()
    ]


def totals(chain: Sequence[Layer], weight: Callable[[Branch], float]) -> list[dict[State, Any]]:
    """For each layer, and after the last one, the weights of all ways to go on, by what is left before it."""
    sums: list[dict[State, Any]] = [{NOTHING: 1}]
    for layer in reversed(chain):
        rest = sums[-1]
        sums.append({state: sum(weight(b) * rest[b.after] for b in branches) for state, branches in layer.items()})
    return sums[::-1]


def unreachable(parameters: Sequence[Parameter], forbidden: Sequence[Condition]) -> list[Parameter]:
    """The parameters that are active in no configuration at all."""
    found = []
    for group in independent_groups(parameters, forbidden):
        chain = group.layers({})
        rests = totals(chain, lambda branch: branch.count)[1:]
        for parameter, layer, rest in zip(group.parameters, chain, rests, strict=True):
            branches = (branch for row in layer.values() for branch in row)
            if not any(branch.is_active and rest[branch.after] for branch in branches):
                found.append(parameter)
    return found


def allowed_share(
    parameters: Sequence[Parameter], forbidden: Sequence[Condition], given: Mapping[str, Scalar]
) -> float:
    """How likely a draw beside the values `given` is not forbidden: exactly, from 0 to 1."""
    share = 1.0
    for group in independent_groups(parameters, forbidden):
        if group.forbidden:
            share *= totals(group.layers(given), lambda branch: branch.share)[0][group.start]
    return share


def roots(parameters: Sequence[Parameter]) -> dict[str, Condition]:
    """For each parameter, all that must hold for it to be active, said of parameters that vary.

    Its own condition together with those of the parents it looks at, of theirs, and so on.
    """
    by_name = {parameter.name: parameter for parameter in parameters}
    table: dict[str, Condition] = {}

    def rooted(clause: Clause) -> Condition:
        parent = by_name[clause.parent]
        if parent.varies:
            return all_of(clause, table[parent.name])
        return table[parent.name] if clause.allows(parent.domain.at(0)) else NEVER

    for parameter in parameters:
        table[parameter.name] = parameter.when.replaced(rooted)
    return table


@dataclass(frozen=True, kw_only=True, slots=True)
class _Run:
    """Neighbouring values of an active parameter of which the same clauses are met."""

    first: int
    count: int
    share: float
    example: Scalar


def _given(value: Scalar) -> _Run:
    return _Run(first=0, count=1, share=1.0, example=value)


def _branches(name: str, runs: Sequence[_Run], state: State) -> tuple[Branch, ...]:
    if not state.has(name):
        after = state.after(name, lambda _: False)
        return (Branch(is_active=False, first=0, count=1, share=1.0, after=after),) if after else ()
    branches = []
    for run in runs:
        after = state.after(name, lambda clause, run=run: clause.allows(run.example))  # type: ignore[misc]  # bound now
        if after:
            branches.append(Branch(is_active=True, first=run.first, count=run.count, share=run.share, after=after))
    return tuple(branches)


def _runs(parameter: Parameter, clauses: Sequence[Clause]) -> list[_Run]:
    """The values of an active parameter, cut wherever what they meet changes."""
    domain = parameter.domain
    named = [value for clause in clauses for value in clause.named()]
    if domain.size is None:
        # A single point between two cuts is never drawn.
        edges = sorted({0.0, 1.0, *(domain.to_unit(value) for value in named)})
        return [
            _Run(first=0, count=1, share=end - start, example=domain.from_unit(math.fsum((start, end)) / 2))
            for start, end in pairwise(edges)
        ]
    indices = {domain.index(value) for value in named}
    cuts = sorted({0, domain.size, *indices, *(index + 1 for index in indices)})
    return [
        _Run(first=first, count=end - first, share=domain.share(first, end - first), example=domain.at(first))
        for first, end in pairwise(cuts)
    ]
