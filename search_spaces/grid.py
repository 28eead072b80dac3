"""Every point of a finite space, by number. What conditions and forbidden combinations leave is in `reachability`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from search_spaces.conditions import Condition
from search_spaces.errors import SpaceError
from search_spaces.parameters import Parameter
from search_spaces.reachability import Group, Layer, State, independent_groups, totals

Point = dict[str, int]
"""The index of the value of each active parameter."""


class Grid:
    """The distinct configurations of a space, each once, counted and addressed without enumerating them.

    Parameters that nothing joins vary like the digits of a number, the first declared one slowest; within a group
    joined by conditions or forbidden combinations, so do the members that are active.

    Attributes:
        size: The number of points.
    """

    def __init__(self, parameters: Sequence[Parameter], forbidden: Sequence[Condition]) -> None:
        """Count the points.

        Raises:
            SpaceError: A parameter has infinitely many values.
        """
        for parameter in parameters:
            if parameter.domain.size is None:
                message = "got infinitely many values, must be finite for a grid; give it a step or list the values"
                raise SpaceError(f"space.{parameter.name}", f"{message} as an ordinal, or use a random search")
        self._groups = [_Points.of(group) for group in independent_groups(parameters, forbidden)]
        self.size = math.prod(group.size for group in self._groups)

    def point(self, number: int) -> Point:
        """The point with a `number` from 0 to `size` - 1.

        Raises:
            IndexError: There is none.
        """
        if not 0 <= number < self.size:
            raise IndexError(f"grid point: got {number}, must be from 0 to {self.size - 1}")
        point: Point = {}
        for group in reversed(self._groups):
            number, within = divmod(number, group.size)
            point |= group.point(within)
        return point


@dataclass(frozen=True, kw_only=True, slots=True)
class _Points:
    """The points of one group.

    Attributes:
        names: The parameters, in declared order.
        start: What is open before any decision.
        chain: What each can be, by what is left before it.
        counts: For each parameter, the number of ways to go on from it, by what is left before it.
    """

    names: tuple[str, ...]
    start: State
    chain: list[Layer]
    counts: list[dict[State, int]]

    @classmethod
    def of(cls, group: Group) -> _Points:
        chain = group.layers({})
        names = tuple(parameter.name for parameter in group.parameters)
        return cls(names=names, start=group.start, chain=chain, counts=totals(chain, lambda branch: branch.count))

    @property
    def size(self) -> int:
        return self.counts[0][self.start]

    def point(self, number: int) -> Point:
        point: Point = {}
        state = self.start
        for name, layer, rest in zip(self.names, self.chain, self.counts[1:], strict=True):
            for branch in layer[state]:
                ways = rest[branch.after]
                if number < branch.count * ways:
                    break
                number -= branch.count * ways
            steps, number = divmod(number, ways)
            if branch.is_active:
                point[name] = branch.first + steps
            state = branch.after
        return point
