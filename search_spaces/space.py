"""A search space: what may vary, and every way to get a configuration from it or into it.

Reading and refusing a spec is in `spec`, the arithmetic of values in `domains`, of points in `grid`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from ConfigSpace import ConfigurationSpace
from numpy.typing import NDArray

from search_spaces.conditions import AllOf, Clause, Condition
from search_spaces.encodings import configuration_space
from search_spaces.errors import Forbidden, SpaceError
from search_spaces.grid import Grid
from search_spaces.parameters import Parameter
from search_spaces.reachability import allowed_share, roots
from search_spaces.scalars import Config, Scalar, show, suggest
from search_spaces.spec import FORBIDDEN, LEAST_ALLOWED, parse_space

MOST_DRAWS = 10_000
"""Draws after which no allowed configuration is found; where `LEAST_ALLOWED` of them are, that never happens."""


@dataclass(frozen=True)
class Space:
    """The parameters of a search, the conditions among them and what they may not be together. Made by `Space.parse`.

    Attributes:
        parameters: In declared order; a parameter's parents come before it.
        forbidden: The combinations that no configuration has.
    """

    parameters: tuple[Parameter, ...]
    forbidden: tuple[Condition, ...] = ()

    @classmethod
    def parse(cls, raw: Mapping[str, Any], *, path: str = "space") -> Space:
        """The space that a spec declares; an empty one has a single, empty configuration.

        Args:
            raw: JSON: parameters by name, e.g. ``{"lr": {"type": "float", "low": 1e-4, "high": 0.1, "log": true}}``.
            path: Where `raw` stands, for messages.

        Raises:
            SpaceErrors: All faults of `raw`.
        """
        return cls(*parse_space(raw, path))

    def to_dict(self) -> dict[str, Any]:
        """The spec of this space in canonical form: parsing it gives an equal space."""
        entries: dict[str, Any] = {parameter.name: parameter.to_dict() for parameter in self.parameters}
        if self.forbidden:
            entries[FORBIDDEN] = [condition.to_dict() for condition in self.forbidden]
        return entries

    def is_forbidden(self, config: Mapping[str, Any]) -> bool:
        """Whether a forbidden combination is in `config`; its values must be canonical."""
        return any(condition.holds(config) for condition in self.forbidden)

    def configspace(self) -> ConfigurationSpace:
        """A new ConfigSpace of the *encoded* values, seeded at random; see `encode` for what it holds.

        It does not know forbidden combinations: `decode` refuses them, and one draws again. Parameters with a single
        value are left out. The caller owns it, random state included.
        """
        return configuration_space(self.parameters)

    def sample(self, seed: int) -> Config:
        """A configuration drawn from the declared distributions, independently for each parameter.

        One that is forbidden is drawn again as a whole: what is drawn has the declared distribution, given that it is
        not forbidden.

        Args:
            seed: At least 0. The same seed gives the same configuration.
        """
        return self._drawn(seed, self._active)

    def from_units(self, units: Sequence[float] | NDArray[np.float64]) -> Config:
        """The configuration at one coordinate in [0, 1] for each of `vector_names`, choices without order included.

        Coordinates drawn uniformly give the declared distributions, weights and all: for quasi-random points.

        Raises:
            Forbidden: The configuration is forbidden.
            SpaceError: The length is not that of `vector_names`.
        """
        entries = self._entries(units)
        return self._allowed(self._active(lambda parameter: parameter.domain.from_unit(entries[parameter.name])))

    def encode(self, config: Mapping[str, Any]) -> dict[str, int | float]:
        """A configuration as ConfigSpace and models hold it.

        A float is its coordinate in [0, 1], and so is an integer with log or prior; another integer is itself,
        everything else (and whatever has a step) is its index. Parameters with a single value are dropped.
        """
        return {p.name: p.domain.encode(config[p.name]) for p in self.parameters if p.varies and p.name in config}

    def decode(self, encoded: Mapping[str, Any]) -> Config:
        """The configuration that `encode` made `encoded` from; values of inactive parameters are dropped.

        Floats come back to 12 digits, exactly so if they were drawn here.

        Raises:
            Forbidden: The configuration is forbidden.
            SpaceError: An active parameter is missing.
        """

        def value_of(parameter: Parameter) -> Scalar:
            if parameter.name not in encoded:
                raise SpaceError(f"encoded.{parameter.name}", "got nothing, must be there: the parameter is active")
            return parameter.domain.decode(encoded[parameter.name])

        return self._allowed(self._active(value_of))

    @cached_property
    def vector_names(self) -> tuple[str, ...]:
        """The parameters that vary, in ConfigSpace's order, which is that of a vector."""
        return tuple(self.configspace())

    @cached_property
    def cardinalities(self) -> tuple[int, ...]:
        """For each entry of a vector the number of choices without order; 0: it is numeric (hpbandster's vartypes)."""
        domains = [self._by_name[name].domain for name in self.vector_names]
        return tuple(0 if domain.is_numeric else domain.size or 0 for domain in domains)

    @cached_property
    def choice_probabilities(self) -> tuple[tuple[float, ...], ...]:
        """For each entry of a vector the probabilities of its choices without order; empty: it is numeric."""
        domains = [self._by_name[name].domain for name in self.vector_names]
        return tuple(
            tuple(domain.share(index, 1) for index in range(size)) if size else ()
            for domain, size in zip(domains, self.cardinalities, strict=True)
        )

    def to_vector(self, config: Mapping[str, Any]) -> NDArray[np.float64]:
        """A configuration as ConfigSpace's vector, of shape (len(vector_names),).

        Returns:
            Coordinates in [0, 1], indices for choices without order, NaN for inactive parameters.
        """
        return np.array([self._coordinate(name, config) for name in self.vector_names], dtype=np.float64)

    def from_vector(self, vector: Sequence[float] | NDArray[np.float64]) -> Config:
        """The configuration at a vector; coordinates beyond [0, 1] are clipped, inactive parameters dropped.

        Coordinates drawn uniformly give the declared distributions; choices without order have indices instead.

        Raises:
            Forbidden: The configuration is forbidden.
            SpaceError: An active parameter's entry is NaN, or the length is not that of `vector_names`.
        """
        entries = self._entries(vector)

        def value_of(parameter: Parameter) -> Scalar:
            entry = entries[parameter.name]
            if math.isnan(entry):
                raise SpaceError(f"vector.{parameter.name}", "got NaN, must be a number: the parameter is active")
            return parameter.domain.from_unit(entry) if parameter.domain.is_numeric else parameter.domain.decode(entry)

        return self._allowed(self._active(value_of))

    def check(self, config: Mapping[str, Any], *, path: str = "config") -> Config:
        """`config` in canonical form, with its constants: what a trial may be given.

        Args:
            config: A value for each active parameter; those with a single value may be left out.
            path: Where `config` stands, for messages.

        Raises:
            Forbidden: It has a forbidden combination.
            SpaceError: The first fault: an unknown, inactive or missing parameter, or a value it cannot have.
        """
        return self._allowed(self._completed(config, path, _missing(path)), path)

    def complete(self, partial: Mapping[str, Any], seed: int, *, path: str = "config") -> Config:
        """A configuration with the values of `partial`, the rest sampled with `seed`.

        Args:
            partial: Values for some parameters. One that is active only on a value of another must come with it:
                else it would depend on the seed whether the entry means anything.
            seed: As for `sample`.
            path: Where `partial` stands, for messages.

        Raises:
            Forbidden: It has a forbidden combination, or next to nothing beside it is allowed.
            SpaceError: The first fault of `partial`.
        """
        for name in filter(self._by_name.__contains__, partial):
            self._check_parents(name, partial, path)
        canonical = self._completed(partial, path, self._by_draw(np.zeros(len(self.parameters))))
        given = {name: canonical[name] for name in partial}
        self._allowed(given, path)
        share = allowed_share(self.parameters, self.forbidden, given)
        if share < LEAST_ALLOWED:
            message = f"got values beside which {share:.2g} of all draws are not forbidden, must be {LEAST_ALLOWED}"
            raise Forbidden(path, f"{message}; name more parameters")
        return self._drawn(seed, lambda value_of: self._completed(given, path, value_of))

    def grid_size(self) -> int:
        """The number of distinct configurations, in a time that does not depend on it.

        Raises:
            SpaceError: A parameter has infinitely many values: a float without step.
        """
        return self._grid.size

    def grid_point(self, number: int) -> Config:
        """The configuration that `grid` yields as number `number`, found without enumerating the others.

        Raises:
            IndexError: `number` is not from 0 to `grid_size()` - 1.
            SpaceError: As for `grid_size`.
        """
        point = self._grid.point(number)
        return {p.name: p.domain.at(point[p.name]) for p in self.parameters if p.name in point}

    def grid(self) -> Iterator[Config]:
        """Every distinct configuration once, always in the same order: the parameter declared first varies slowest.

        Raises:
            SpaceError: As for `grid_size`.
        """
        return map(self.grid_point, range(self.grid_size()))

    @cached_property
    def _by_name(self) -> dict[str, Parameter]:
        return {parameter.name: parameter for parameter in self.parameters}

    @cached_property
    def _roots(self) -> dict[str, Condition]:
        return roots(self.parameters)

    @cached_property
    def _grid(self) -> Grid:
        return Grid(self.parameters, self.forbidden)

    def _coordinate(self, name: str, config: Mapping[str, Any]) -> float:
        if name not in config:
            return math.nan
        domain = self._by_name[name].domain
        return domain.to_unit(config[name]) if domain.is_numeric else float(domain.encode(config[name]))

    def _entries(self, vector: Sequence[float] | NDArray[np.float64]) -> dict[str, float]:
        if len(vector) != len(self.vector_names):
            raise SpaceError("vector", f"got {len(vector)} entries, must be {len(self.vector_names)}")
        return dict(zip(self.vector_names, map(float, vector), strict=True))

    def _allowed(self, config: Config, path: str = "config") -> Config:
        for position, condition in enumerate(self.forbidden):
            if condition.holds(config):
                message = f"got what space.{FORBIDDEN}[{position}] forbids ({condition}), must differ in one of these"
                raise Forbidden(path, f"{message}; change a value")
        return config

    def _drawn(self, seed: int, configured: Callable[[Callable[[Parameter], Scalar]], Config]) -> Config:
        """The first allowed one of the configurations that come of the values drawn with `seed`."""
        generator = np.random.Generator(np.random.PCG64(seed))
        for _ in range(MOST_DRAWS):
            config = configured(self._by_draw(generator.random(len(self.parameters))))
            if not self.is_forbidden(config):
                return config
        raise AssertionError(f"none of {MOST_DRAWS} draws is allowed, although {LEAST_ALLOWED} of them are")

    def _by_draw(self, units: NDArray[np.float64]) -> Callable[[Parameter], Scalar]:
        """The values at drawn coordinates. Every parameter has its own, needed or not: choosing one moves no other."""
        drawn = dict(zip(self._by_name, units.tolist(), strict=True))
        return lambda parameter: parameter.domain.from_unit(drawn[parameter.name])

    def _check_parents(self, name: str, partial: Mapping[str, Any], path: str) -> None:
        """Refuse `name` if it depends on values that are not in `partial` whether it is active."""
        open_ = self._roots[name]
        for parent in open_.parents:
            if parent in partial:
                value = self._by_name[parent].domain.canonical(partial[parent], f"{path}.{parent}")
                open_ = open_.decided(parent, lambda clause, value=value: clause.allows(value))  # type: ignore[misc]  # bound now
        clause = next(open_.clauses(), None)
        if clause is not None:
            parent = clause.parent
            message = f"got it without {parent}, must come with {parent}; add {parent}: {clause.said()}"
            raise SpaceError(f"{path}.{name}", message)

    def _active(self, value_of: Callable[[Parameter], Scalar]) -> Config:
        """The configuration in which each active parameter has its only value or `value_of` it."""
        config: Config = {}
        for parameter in self.parameters:
            if parameter.when.holds(config):
                config[parameter.name] = value_of(parameter) if parameter.varies else parameter.domain.at(0)
        return config

    def _completed(self, given: Mapping[str, Any], path: str, otherwise: Callable[[Parameter], Scalar]) -> Config:
        """The configuration with the values that are `given`, each of them checked."""
        for name in given:
            if name not in self._by_name:
                message = f"got an unknown parameter, must be in the space; {suggest(name, self._by_name)}"
                raise SpaceError(f"{path}.{name}", message)
        config: Config = {}
        for parameter in self.parameters:
            name = parameter.name
            if name in given and not parameter.when.holds(config):
                raise SpaceError(f"{path}.{name}", _inactive(parameter, given[name], config))
            if name in given:
                config[name] = parameter.domain.canonical(given[name], f"{path}.{name}")
            elif parameter.when.holds(config):
                config[name] = otherwise(parameter) if parameter.varies else parameter.domain.at(0)
        return config


def _missing(path: str) -> Callable[[Parameter], Scalar]:
    def refuse(parameter: Parameter) -> Scalar:
        raise SpaceError(f"{path}.{parameter.name}", "got nothing, must have a value: the parameter is active; add it")

    return refuse


def _inactive(parameter: Parameter, value: object, config: Config) -> str:
    parts = parameter.when.parts if isinstance(parameter.when, AllOf) else (parameter.when,)
    unmet = next(part for part in parts if not part.holds(config))
    states = [f"{name} is {show(config[name]) if name in config else 'inactive'}" for name in unmet.parents]
    wanted = f"it is {unmet.said()}" if isinstance(unmet, Clause) else str(unmet)
    return f"got {show(value)} while {' and '.join(states)}, must be left out unless {wanted}; remove it"
