"""Reading conditions from JSON: `when` of a parameter, and forbidden combinations. Their meaning is in `conditions`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from search_spaces.conditions import ALWAYS, Among, Beyond, Clause, Condition, all_of, any_of
from search_spaces.errors import SpaceError
from search_spaces.parameters import Bool, Categorical, Constant, Ordinal, Parameter
from search_spaces.scalars import identity, show, suggest

DEEPEST = 16
"""Conditions within conditions; no person reads deeper ones."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Clauses:
    """Reads the conditions of one place in a space; what is wrong goes to `faults`.

    Attributes:
        known: The parameters a clause may name that have no fault.
        names: The names of all the parameters a clause may name.
        elsewhere: What is said of other names, by name: the reason and the way out.
        faults: The faults of the whole space.
    """

    known: Mapping[str, Parameter]
    names: tuple[str, ...]
    elsewhere: Mapping[str, str]
    faults: list[SpaceError]

    def read(self, raw: object, path: str) -> Condition:
        """The condition that the JSON `raw` at `path` says; `ALWAYS` after a fault."""
        before = len(self.faults)
        condition = self._object(raw, path, 0)
        return condition if len(self.faults) == before else ALWAYS

    def _object(self, raw: object, path: str, depth: int) -> Condition:
        if not isinstance(raw, Mapping):
            self._refuse(path, f'got {show(raw)}, must be an object of parent and value, e.g. {{"optimizer": "sgd"}}')
            return ALWAYS
        return all_of(*(self._entry(key, value, f"{path}.{key}", depth) for key, value in raw.items()))

    def _entry(self, key: Any, value: Any, path: str, depth: int) -> Condition:
        if key in OPERATORS and key not in self.names:
            return OPERATORS[key](*self._list(value, path, depth + 1))
        if key in self.names:
            return self._clause(self.known[key], value, path) if key in self.known else ALWAYS
        if key in self.elsewhere:
            self._refuse(path, self.elsewhere[key])
        else:
            possible = [name for name in self.names if not isinstance(self.known.get(name), Constant)]
            self._refuse(path, f"got an unknown parameter, must be one declared earlier; {suggest(key, possible)}")
        return ALWAYS

    def _list(self, raw: object, path: str, depth: int) -> list[Condition]:
        if depth > DEEPEST:
            self._refuse(path, f"got conditions {depth} deep, must be at most {DEEPEST}; flatten them")
            return []
        if not isinstance(raw, list | tuple) or not raw:
            self._refuse(path, f"got {show(raw)}, must be a list of at least one condition; add one or drop it")
            return []
        for position, each in enumerate(raw):
            if each == {}:
                self._refuse(f"{path}[{position}]", "got an empty object, must have a clause; add one or drop it")
        return [self._object(each, f"{path}[{position}]", depth) for position, each in enumerate(raw)]

    def _clause(self, parent: Parameter, wanted: Any, path: str) -> Condition:
        if isinstance(parent, Constant):
            self._refuse(path, "got a constant parameter, must be one that varies; choose another parent")
            return ALWAYS
        if isinstance(wanted, Mapping):
            return self._comparison(parent, wanted, path)
        if parent.domain.size is None:
            way_out = 'compare it, e.g. {"greater": 0.1}, or give it a step'
            self._refuse(path, f"got a float parameter, which hardly ever equals a value; {way_out}")
            return ALWAYS
        values = wanted if isinstance(wanted, list | tuple) else [wanted]
        if not values:
            self._refuse(path, "got an empty list, must name at least one value; drop the parameter or name one")
            return ALWAYS
        canonical = self._canonical(parent, values, path)
        if len({identity(value) for value in canonical}) < len(canonical):
            self._refuse(path, f"got {show(wanted)}, must name each value once; remove the repetition")
        return Among(parent=parent.name, values=tuple(canonical))

    def _comparison(self, parent: Parameter, wanted: Mapping[Any, Any], path: str) -> Condition:
        if isinstance(parent, Categorical | Bool):
            message = f"got a comparison, must be a value: a {parent.type} parameter has no order"
            self._refuse(path, f"{message}; name the values, or make it an ordinal")
            return ALWAYS
        if not wanted or not set(wanted) <= set(COMPARISONS):
            self._refuse(path, f'got {show(wanted)}, must have "greater", "less" or both, and nothing else')
            return ALWAYS
        order = parent.choices if isinstance(parent, Ordinal) else ()
        clauses: list[Clause] = []
        for word, threshold in wanted.items():
            clauses += [
                Beyond(parent=parent.name, threshold=value, is_greater=COMPARISONS[word], order=order)
                for value in self._canonical(parent, [threshold], f"{path}.{word}")
            ]
        return all_of(*clauses)

    def _canonical(self, parent: Parameter, values: Iterable[Any], path: str) -> list[Any]:
        canonical = []
        for value in values:
            try:
                canonical.append(parent.domain.canonical(value, path))
            except SpaceError as fault:
                self.faults.append(fault)
        return canonical

    def _refuse(self, path: str, message: str) -> None:
        self.faults.append(SpaceError(path, message))


OPERATORS: dict[Any, Callable[..., Condition]] = {"any": any_of, "all": all_of}
"""The words that join conditions, where no parameter has that name."""

COMPARISONS = {"greater": True, "less": False}
"""The words of a comparison, and whether greater values meet it."""
