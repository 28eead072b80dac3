"""Reading a space from JSON, and every fault one can make in writing it. What a valid space does is in `space`."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any, TypeVar

from search_spaces.clauses import Clauses
from search_spaces.conditions import ALWAYS, Condition
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
from search_spaces.reachability import allowed_share, unreachable
from search_spaces.scalars import is_number, show, suggest
from search_spaces.scales import Normal

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,63}")
RESERVED_PREFIX = "__"
FORBIDDEN = "__forbidden__"
"""The key beside the parameters under which forbidden combinations stand."""
LEAST_ALLOWED = 0.01
"""How likely a draw must be to be allowed, so that drawing again soon ends."""
NARROWEST_LOG = 1e-6
"""Relative distance of bounds below which logarithms run out of digits; there, a uniform draw is the same anyway."""

LEAST_WEIGHT = 1e-9
"""The smallest weight of a choice; and the largest is its inverse."""
NARROWEST_STD, WIDEST_STD = 1e-6, 1e3
"""Standard deviations of a prior, in distances of the bounds: a narrower one loses digits, a wider one is uniform."""
FARTHEST_MEAN = 30
"""How many standard deviations a prior's mean may lie from the bounds; beyond, the nearer bound is all there is."""

Number = TypeVar("Number", int, float)


def parse_space(raw: object, path: str) -> tuple[tuple[Parameter, ...], tuple[Condition, ...]]:
    """The parameters that the JSON object `raw` declares, in its order, and its forbidden combinations.

    Raises:
        SpaceErrors: All faults of `raw`; their paths begin with `path`.
    """
    if not isinstance(raw, Mapping):
        message = f'got {show(raw)}, must be an object of parameters, e.g. {{"lr": {{"type": "float", ...}}}}'
        raise SpaceErrors((SpaceError(path, message),))
    faults: list[SpaceError] = []
    parameters: dict[str, Parameter] = {}
    declared = [name for name in raw if name != FORBIDDEN]
    for name in declared:
        described = Entry(name=name, raw=raw[name], path=f"{path}.{name}", faults=faults)
        parameter, when = _parameter(described), _when(described, parameters, declared)
        if parameter is not None:
            parameters[name] = replace(parameter, when=when)
    clauses = Clauses(known=parameters, names=tuple(declared), elsewhere={}, faults=faults)
    forbidden = _forbidden(clauses, raw.get(FORBIDDEN, []), f"{path}.{FORBIDDEN}")
    if not faults:
        faults += _impossible(tuple(parameters.values()), forbidden, path)
    if faults:
        raise SpaceErrors(tuple(faults))
    return tuple(parameters.values()), forbidden


def _forbidden(clauses: Clauses, raw: object, path: str) -> tuple[Condition, ...]:
    if not isinstance(raw, list | tuple):
        message = f'got {show(raw)}, must be a list of combinations, e.g. [{{"optimizer": "sgd", "layers": 3}}]'
        clauses.faults.append(SpaceError(path, message))
        return ()
    read = []
    for position, each in enumerate(raw):
        if each == {}:
            message = "got an empty object, must have a clause: it would forbid everything; drop it"
            clauses.faults.append(SpaceError(f"{path}[{position}]", message))
        read.append(clauses.read(each, f"{path}[{position}]"))
    return tuple(dict.fromkeys(read))


def _impossible(parameters: tuple[Parameter, ...], forbidden: tuple[Condition, ...], path: str) -> list[SpaceError]:
    """What conditions and forbidden combinations leave no room for."""
    try:
        share = allowed_share(parameters, forbidden, {})
        if share < LEAST_ALLOWED:
            message = f"got combinations that leave {share:.2g} of all draws, must leave at least {LEAST_ALLOWED}"
            return [SpaceError(f"{path}.{FORBIDDEN}", f"{message}; narrow the parameters instead")]
        return [_unreachable(parameter, path) for parameter in unreachable(parameters, forbidden)]
    except SpaceError as fault:
        return [SpaceError(path, fault.message)]


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
    prior = _prior(entry, *((math.log(low), math.log(high)) if log else (low, high)))
    return Float(name=entry.name, low=low, high=high, log=log, step=step, prior=prior)


def _int(entry: Entry) -> Int | None:
    low, high = entry.whole("low"), entry.whole("high")
    step = entry.whole("step") if "step" in entry.raw else None
    log = entry.flag("log")
    if low is None or high is None or ("step" in entry.raw and step is None):
        return None
    if not _is_range(entry, low, high, step, log=log):
        return None
    edges = (low - 0.5, high + 0.5)
    prior = _prior(entry, *((math.log(edges[0]), math.log(edges[1])) if log else edges))
    return Int(name=entry.name, low=low, high=high, log=log, step=step, prior=prior)


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
    elif low < high and Decimal(str(step)) > Decimal(str(high)) - Decimal(str(low)):
        entry.refuse("step", f"got {step}, must be at most high - low ({high - low}); make it smaller")
    elif (high - low) / step > LARGEST_WHOLE:
        entry.refuse("step", f"got {step}, must leave at most 10**12 steps from low to high; make it larger")


def _prior(entry: Entry, low: float, high: float) -> Normal | None:
    """The prior of a parameter that, or whose logarithm, is from `low` to `high`."""
    if "prior" not in entry.raw:
        return None
    raw = entry.raw["prior"]
    normal = raw.get("normal") if isinstance(raw, Mapping) and len(raw) == 1 else None
    if not isinstance(normal, Mapping) or set(normal) != {"mean", "std"}:
        entry.refuse(
            "prior", f'got {show(raw)}, must be {{"normal": {{"mean": ..., "std": ...}}}}; drop it for uniform'
        )
        return None
    mean, std = normal["mean"], normal["std"]
    before = len(entry.faults)
    for key, value in normal.items():
        if not is_number(value):
            entry.refuse(f"prior.normal.{key}", f"got {show(value)}, must be a finite number")
    if "step" in entry.raw:
        entry.refuse("prior", "got one together with step, must be one of the two; drop step or prior")
    if len(entry.faults) > before:
        return None
    width = high - low
    if not NARROWEST_STD * width <= std <= WIDEST_STD * width:
        least, most = NARROWEST_STD * width, WIDEST_STD * width
        message = f"got {std}, must be from {least:.3g} to {most:.3g} between these bounds"
        entry.refuse("prior.normal.std", f"{message}; drop the prior for uniform")
    elif not low - FARTHEST_MEAN * std <= mean <= high + FARTHEST_MEAN * std:
        message = f"got {mean}, must be at most {FARTHEST_MEAN} standard deviations beyond the bounds"
        entry.refuse("prior.normal.mean", f"{message}{_of_log(entry)}; move it or the bounds")
    return Normal(mean=float(mean), std=float(std))


def _of_log(entry: Entry) -> str:
    return " (with log it is that of the natural logarithm)" if entry.raw.get("log") else ""


def _categorical(entry: Entry) -> Categorical | None:
    choices, weights = entry.scalars("choices"), entry.raw.get("weights", [])
    if choices is None:
        return None
    if "weights" not in entry.raw:
        return Categorical(name=entry.name, choices=choices)
    is_list = isinstance(weights, list | tuple) and len(weights) == len(choices)
    if not is_list or not all(is_number(weight) and LEAST_WEIGHT <= weight <= 1 / LEAST_WEIGHT for weight in weights):
        message = f"got {show(weights)}, must be {len(choices)} numbers, one for each choice"
        entry.refuse("weights", f"{message}, each from {LEAST_WEIGHT} to {1 / LEAST_WEIGHT}")
        return None
    return Categorical(name=entry.name, choices=choices, weights=tuple(float(weight) for weight in weights))


def _ordinal(entry: Entry) -> Ordinal | None:
    choices = entry.scalars("choices")
    return None if choices is None else Ordinal(name=entry.name, choices=choices)


def _bool(entry: Entry) -> Bool:
    return Bool(name=entry.name)


def _constant(entry: Entry) -> Constant:
    return Constant(name=entry.name, value=entry.scalar("value"))


BUILDERS: dict[str, tuple[Callable[[Entry], Parameter | None], tuple[str, ...]]] = {
    "float": (_float, ("low", "high", "log", "step", "prior")),
    "int": (_int, ("low", "high", "log", "step", "prior")),
    "categorical": (_categorical, ("choices", "weights")),
    "ordinal": (_ordinal, ("choices",)),
    "bool": (_bool, ()),
    "constant": (_constant, ("value",)),
}
"""How each type is read, and the keys it has beside the common ones."""


def _when(entry: Entry, earlier: Mapping[str, Parameter], declared: list[Any]) -> Condition:
    """The condition of an entry; `earlier` holds the faultless parameters before it, `declared` all names in order."""
    if not isinstance(entry.raw, Mapping):
        return ALWAYS
    position = declared.index(entry.name)
    later = "got a later parameter, must be declared earlier; move it up, and break the cycle if there is one"
    itself = "got the parameter itself, must be another one, declared earlier; drop it"
    clauses = Clauses(
        known=earlier,
        names=tuple(declared[:position]),
        elsewhere={**dict.fromkeys(declared[position:], later), entry.name: itself},
        faults=entry.faults,
    )
    return clauses.read(entry.raw.get("when", {}), f"{entry.path}.when")


def _unreachable(parameter: Parameter, path: str) -> SpaceError:
    condition = show(parameter.when.to_dict())
    message = f"got {condition}, must be possible; its parents never have these values together, mend it"
    return SpaceError(f"{path}.{parameter.name}.when", message)
