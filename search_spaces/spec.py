"""Reading a space from JSON, and every fault one can make in writing it. What a valid space does is in `space`."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, TypeVar

from search_spaces.conditions import ALWAYS, Clause, When
from search_spaces.domains import LARGEST_WHOLE
from search_spaces.entries import Entry
from search_spaces.errors import SpaceError, SpaceErrors
from search_spaces.parameters import (
    ABSENT,
    Bool,
    Categorical,
    Constant,
    Default,
    Float,
    Int,
    Ordinal,
    Parameter,
)
from search_spaces.reachability import unreachable
from search_spaces.scalars import Scalar, identity, show, suggest

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,63}")
RESERVED_PREFIX = "__"
NARROWEST_LOG = 1e-6
"""Relative distance of bounds below which logarithms run out of digits; there, a uniform draw is the same anyway."""

Number = TypeVar("Number", int, float)


def parse_parameters(raw: object, path: str) -> tuple[Parameter, ...]:
    """The parameters that the JSON object `raw` declares, in its order.

    Raises:
        SpaceErrors: All faults of `raw`; their paths begin with `path`.
    """
    if not isinstance(raw, Mapping):
        message = f'got {show(raw)}, must be an object of parameters, e.g. {{"lr": {{"type": "float", ...}}}}'
        raise SpaceErrors((SpaceError(path, message),))
    faults: list[SpaceError] = []
    parameters: dict[str, Parameter] = {}
    for name, entry in raw.items():
        described = Entry(name=name, raw=entry, path=f"{path}.{name}", faults=faults)
        parameter, when = _parameter(described), _when(described, parameters, list(raw))
        if parameter is not None:
            parameters[name] = replace(parameter, when=when)
    if not faults:
        faults += [_unreachable(parameter, path) for parameter in unreachable(tuple(parameters.values()))]
    if faults:
        raise SpaceErrors(tuple(faults))
    return tuple(parameters.values())


def _parameter(entry: Entry) -> Parameter | None:
    """The parameter without its condition; None after a fault that leaves none."""
    before = len(entry.faults)
    if not isinstance(entry.name, str) or not NAME.fullmatch(entry.name):
        entry.refuse("", f"got the name {show(entry.name)}, must match {NAME.pattern}; rename it")
    elif entry.name.startswith(RESERVED_PREFIX):
        entry.refuse("", f"got the name {show(entry.name)}, must not begin with {RESERVED_PREFIX}; rename it")
    if not isinstance(entry.raw, Mapping):
        entry.refuse("", f'got {show(entry.raw)}, must be an object with a type, e.g. {{"type": "float", ...}}')
        return None
    kind = entry.raw.get("type")
    if not isinstance(kind, str) or kind not in BUILDERS:
        got = show(kind) if "type" in entry.raw else "nothing"
        entry.refuse("type", f"got {got}, must be one of {', '.join(BUILDERS)}; {suggest(kind, BUILDERS)}")
        return None
    builder, keys = BUILDERS[kind]
    entry.known(keys)
    parameter = builder(entry)
    if parameter is None or len(entry.faults) > before:
        return None
    try:
        return replace(parameter, default=_default(entry, parameter))
    except SpaceError as fault:
        entry.faults.append(fault)
        return None


def _default(entry: Entry, parameter: Parameter) -> Default:
    if "default" not in entry.raw:
        return ABSENT
    return parameter.domain.canonical(entry.raw["default"], f"{entry.path}.default")


def _float(entry: Entry) -> Float | None:
    low, high = entry.number("low"), entry.number("high")
    step = entry.number("step") if "step" in entry.raw else None
    log = entry.flag("log")
    if low is None or high is None or ("step" in entry.raw and step is None):
        return None
    if not _is_range(entry, low, high, step, log=log):
        return None
    if (high - low) == float("inf"):
        entry.refuse("high", f"got {high}, must be near enough to low ({low}) for their distance to be finite")
        return None
    return Float(name=entry.name, low=low, high=high, log=log, step=step)


def _int(entry: Entry) -> Int | None:
    low, high = entry.whole("low"), entry.whole("high")
    step = entry.whole("step") if "step" in entry.raw else None
    log = entry.flag("log")
    if low is None or high is None or ("step" in entry.raw and step is None):
        return None
    if not _is_range(entry, low, high, step, log=log):
        return None
    return Int(name=entry.name, low=low, high=high, log=log, step=step)


def _is_range(entry: Entry, low: Number, high: Number, step: Number | None, *, log: bool) -> bool:
    """Whether the numbers make a range; else their faults are noted."""
    before = len(entry.faults)
    if low == high:
        entry.refuse("low", f'got {low}, must be < high ({high}); for one value use type "constant"')
    elif low > high:
        entry.refuse("low", f"got {low}, must be < high ({high}); swap the bounds")
    if log and low <= 0:
        entry.refuse("low", f"got {low}, must be > 0 with log; raise it or drop log")
    elif log and 0 < high - low < NARROWEST_LOG * low:
        entry.refuse("log", f"got true, must be false from {low} to {high}, so near each other; drop log")
    if step is not None:
        _check_step(entry, low, high, step, log=log)
    return len(entry.faults) == before


def _check_step(entry: Entry, low: Number, high: Number, step: Number, *, log: bool) -> None:
    if log:
        entry.refuse("step", f"got {step} together with log, must be one of the two; drop step or log")
    if step <= 0:
        entry.refuse("step", f"got {step}, must be > 0; drop it to take every value")
    elif low < high and step > high - low:
        entry.refuse("step", f"got {step}, must be at most high - low ({high - low}); make it smaller")
    elif (high - low) / step > LARGEST_WHOLE:
        entry.refuse("step", f"got {step}, must leave at most 10**12 steps from low to high; make it larger")


def _categorical(entry: Entry) -> Categorical | None:
    choices = entry.scalars("choices")
    return None if choices is None else Categorical(name=entry.name, choices=choices)


def _ordinal(entry: Entry) -> Ordinal | None:
    choices = entry.scalars("choices")
    return None if choices is None else Ordinal(name=entry.name, choices=choices)


def _bool(entry: Entry) -> Bool:
    return Bool(name=entry.name)


def _constant(entry: Entry) -> Constant:
    return Constant(name=entry.name, value=entry.scalar("value"))


BUILDERS: dict[str, tuple[Callable[[Entry], Parameter | None], tuple[str, ...]]] = {
    "float": (_float, ("low", "high", "log", "step")),
    "int": (_int, ("low", "high", "log", "step")),
    "categorical": (_categorical, ("choices",)),
    "ordinal": (_ordinal, ("choices",)),
    "bool": (_bool, ()),
    "constant": (_constant, ("value",)),
}
"""How each type is read, and the keys it has beside the common ones."""

PARENTS = (Int, Categorical, Ordinal, Bool)
"""What a condition can look at: values that can be equal to the one it names."""


def _when(entry: Entry, earlier: Mapping[str, Parameter], declared: list[Any]) -> When:
    """The condition of an entry; `earlier` holds the faultless parameters before it, `declared` all names in order."""
    raw = entry.raw.get("when", {}) if isinstance(entry.raw, Mapping) else {}
    if not isinstance(raw, Mapping):
        entry.refuse("when", f'got {show(raw)}, must be an object of parent and value, e.g. {{"optimizer": "sgd"}}')
        return ALWAYS
    before = len(entry.faults)
    clauses = [_clause(entry, parent, value, earlier, declared) for parent, value in raw.items()]
    return When(clauses=tuple(clause for clause in clauses if clause)) if len(entry.faults) == before else ALWAYS


def _clause(
    entry: Entry, parent: Any, wanted: Any, earlier: Mapping[str, Parameter], declared: list[Any]
) -> Clause | None:
    key = f"when.{parent}"
    before_it = declared[: declared.index(entry.name)]
    if parent == entry.name:
        entry.refuse(key, "got the parameter itself, must be another one, declared earlier; drop it")
    elif parent in declared and parent not in before_it:
        entry.refuse(
            key, "got a later parameter, must be declared earlier; move it up, and break the cycle if there is one"
        )
    elif parent not in before_it:
        names = [name for name in before_it if isinstance(earlier.get(name), PARENTS)]
        entry.refuse(key, f"got an unknown parameter, must be one declared earlier; {suggest(parent, names)}")
    elif parent in earlier:
        return _clause_on(entry, earlier[parent], wanted)
    return None


def _clause_on(entry: Entry, parent: Parameter, wanted: Any) -> Clause | None:
    key = f"when.{parent.name}"
    if not isinstance(parent, PARENTS):
        kinds = ", ".join(kind.type for kind in PARENTS)
        entry.refuse(key, f"got a {parent.type} parameter, must be one of type {kinds}; choose another parent")
        return None
    values = wanted if isinstance(wanted, list | tuple) else [wanted]
    if not values:
        entry.refuse(key, "got an empty list, must name at least one value; drop the parameter or name one")
        return None
    canonical: list[Scalar] = []
    for value in values:
        try:
            canonical.append(parent.domain.canonical(value, f"{entry.path}.{key}"))
        except SpaceError as fault:
            entry.faults.append(fault)
    if len({identity(value) for value in canonical}) < len(canonical):
        entry.refuse(key, f"got {show(wanted)}, must name each value once; remove the repetition")
    return Clause(parent=parent.name, values=tuple(canonical))


def _unreachable(parameter: Parameter, path: str) -> SpaceError:
    condition = show(parameter.when.to_dict())
    message = f"got {condition}, must be possible; its parents never have these values together, mend it"
    return SpaceError(f"{path}.{parameter.name}.when", message)
