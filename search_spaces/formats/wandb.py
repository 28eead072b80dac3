"""The `parameters` of a Weights & Biases sweep, read and written.

What a sweep cannot say or we cannot is refused with its reason. Three things are near enough to be taken for the same:
rounding to multiples of q halves the ends' shares there, and not here; a normal has no bounds there, and is cut at
`BOUND` standard deviations here; and defaults are not written, since a sweep has none.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from typing import Any

from search_spaces.conditions import ALWAYS
from search_spaces.errors import SpaceError
from search_spaces.parameters import Bool, Categorical, Constant, Float, Int, Ordinal, Parameter
from search_spaces.scalars import is_number, is_whole, show
from search_spaces.space import Space

BOUND = 5
"""Standard deviations at which a normal without bounds is cut: six in ten million draws lie beyond."""

Entry = Mapping[str, Any]


def from_wandb(sweep: Mapping[str, Any], *, path: str = "parameters") -> Space:
    """The space of a sweep; the names of nested parameters are joined with points.

    Args:
        sweep: The sweep's configuration, or its `parameters` alone.
        path: Where the parameters stand, for messages.

    Raises:
        SpaceError: A distribution that a space cannot have.
        SpaceErrors: Faults of the space, in our words.
    """
    parameters = sweep.get("parameters", sweep)
    return Space.parse({name: _read(entry, f"{path}.{name}") for name, entry in _flat(parameters, "", path)}, path=path)


def to_wandb(space: Space) -> dict[str, Any]:
    """The `parameters` of a sweep over `space`; names with points become nested parameters.

    Raises:
        SpaceError: The first thing that a sweep cannot say.
    """
    if space.forbidden:
        raise SpaceError("space.__forbidden__", "got forbidden combinations, must be none: a sweep has no such thing")
    nested: dict[str, Any] = {}
    for parameter in space.parameters:
        path = f"space.{parameter.name}"
        if parameter.when != ALWAYS:
            raise SpaceError(f"{path}.when", "got a condition, must be none: a sweep has no conditional parameters")
        *groups, name = parameter.name.split(".")
        level = nested
        for group in groups:
            level = level.setdefault(group, {"parameters": {}}).get("parameters")
            if level is None:
                raise SpaceError(path, f"got a name within {group}, must not be: that is a parameter; rename one")
        if name in level:
            raise SpaceError(path, "got the name of a group, must be another: a sweep nests names at points; rename it")
        level[name] = _WRITERS[type(parameter)](parameter, path)
    return nested


def _flat(parameters: Any, prefix: str, path: str) -> Iterator[tuple[str, Entry]]:
    if not isinstance(parameters, Mapping):
        raise SpaceError(path, f"got {show(parameters)}, must be an object of parameters")
    for name, entry in parameters.items():
        if not isinstance(entry, Mapping):
            raise SpaceError(
                f"{path}.{name}", f"got {show(entry)}, must be an object with value, values or min and max"
            )
        if "parameters" in entry:
            yield from _flat(entry["parameters"], f"{prefix}{name}.", f"{path}.{name}")
        else:
            yield f"{prefix}{name}", entry


def _read(entry: Entry, path: str) -> dict[str, Any]:
    kind = entry.get("distribution") or _guessed(entry)
    if kind in _REFUSED:
        raise SpaceError(f"{path}.distribution", f"got {show(kind)}, {_REFUSED[kind]}")
    if kind not in _READERS:
        message = f"got {show(kind)}, must be one of {', '.join(_READERS)}; name the distribution"
        raise SpaceError(f"{path}.distribution", message)
    keys, reader = _READERS[kind]
    for key in keys:
        if key not in entry:
            raise SpaceError(f"{path}.{key}", f"got nothing, must be there for {kind}; add it")
        if key in _NUMBERS and not is_number(entry[key]):
            raise SpaceError(f"{path}.{key}", f"got {show(entry[key])}, must be a finite number")
    return reader(entry, path)


def _guessed(entry: Entry) -> str | None:
    """The distribution of an entry that does not name it."""
    if "value" in entry:
        return "constant"
    if "values" in entry:
        return "categorical"
    if "min" not in entry or "max" not in entry:
        return None
    return "int_uniform" if isinstance(entry["min"], int) and isinstance(entry["max"], int) else "uniform"


def _constant(entry: Entry, _path: str) -> dict[str, Any]:
    return {"type": "constant", "value": entry["value"]}


def _categorical(entry: Entry, _path: str) -> dict[str, Any]:
    values = entry["values"]
    if "probabilities" in entry:
        return {"type": "categorical", "choices": values, "weights": entry["probabilities"]}
    if isinstance(values, list) and len(values) == 2 and values[0] is False and values[1] is True:
        return {"type": "bool"}
    return {"type": "categorical", "choices": values}


def _uniform(entry: Entry, _path: str) -> dict[str, Any]:
    return {"type": "float", "low": entry["min"], "high": entry["max"]}


def _int_uniform(entry: Entry, _path: str) -> dict[str, Any]:
    return {"type": "int", "low": entry["min"], "high": entry["max"]}


def _log_uniform(entry: Entry, path: str) -> dict[str, Any]:
    low, high = (_exp(entry[key], f"{path}.{key}") for key in ("min", "max"))
    return {"type": "float", "low": low, "high": high, "log": True}


def _log_uniform_values(entry: Entry, _path: str) -> dict[str, Any]:
    return {"type": "float", "low": entry["min"], "high": entry["max"], "log": True}


def _q_uniform(entry: Entry, path: str) -> dict[str, Any]:
    """The multiples of q between the bounds."""
    low, high, step = (Decimal(str(value)) for value in (entry["min"], entry["max"], entry.get("q", 1)))
    if not step > 0:
        raise SpaceError(f"{path}.q", f"got {step}, must be > 0")
    first, last = math.ceil(low / step) * step, math.floor(high / step) * step
    if all(is_whole(float(value)) for value in (first, last, step)):
        return {"type": "int", "low": int(first), "high": int(last)} | ({} if step == 1 else {"step": int(step)})
    return {"type": "float", "low": float(first), "high": float(last), "step": float(step)}


def _q_log_uniform_values(entry: Entry, path: str) -> dict[str, Any]:
    if entry.get("q", 1) != 1:
        message = (
            f"got {show(entry['q'])}, must be 1: a space has no steps on a logarithm; list the values as an ordinal"
        )
        raise SpaceError(f"{path}.q", message)
    return {"type": "int", "low": math.ceil(entry["min"]), "high": math.floor(entry["max"]), "log": True}


def _normal(entry: Entry, _path: str) -> dict[str, Any]:
    low, high = _cut(entry["mu"], entry["sigma"])
    return {"type": "float", "low": low, "high": high, "prior": _prior(entry)}


def _log_normal(entry: Entry, path: str) -> dict[str, Any]:
    low, high = (_exp(bound, f"{path}.sigma") for bound in _cut(entry["mu"], entry["sigma"]))
    return {"type": "float", "low": low, "high": high, "log": True, "prior": _prior(entry)}


def _prior(entry: Entry) -> dict[str, Any]:
    return {"normal": {"mean": entry["mu"], "std": entry["sigma"]}}


def _cut(mean: float, std: float) -> tuple[float, float]:
    return mean - BOUND * std, mean + BOUND * std


def _exp(exponent: float, path: str) -> float:
    try:
        return math.exp(exponent)
    except OverflowError:
        raise SpaceError(path, f"got e to the {exponent}, must be a finite number; lower it") from None


_NUMBERS = ("min", "max", "mu", "sigma", "q")
_READERS: dict[Any, tuple[tuple[str, ...], Callable[[Entry, str], dict[str, Any]]]] = {
    "constant": (("value",), _constant),
    "categorical": (("values",), _categorical),
    "int_uniform": (("min", "max"), _int_uniform),
    "uniform": (("min", "max"), _uniform),
    "q_uniform": (("min", "max"), _q_uniform),
    "log_uniform": (("min", "max"), _log_uniform),
    "log_uniform_values": (("min", "max"), _log_uniform_values),
    "q_log_uniform_values": (("min", "max"), _q_log_uniform_values),
    "normal": (("mu", "sigma"), _normal),
    "log_normal": (("mu", "sigma"), _log_normal),
}
"""For each distribution the keys it must have, and how it is read."""

_NO_INVERSE = "which is uniform in the inverse: a space has none; search for 1 - x or 1 / x with log_uniform_values"
_NO_STEPS = "which rounds to steps: a space has them for uniform numbers only; drop the q_"
_REFUSED = {
    "inv_log_uniform": _NO_INVERSE,
    "inv_log_uniform_values": _NO_INVERSE,
    "q_log_uniform": _NO_STEPS,
    "q_normal": _NO_STEPS,
    "q_log_normal": _NO_STEPS,
    "beta": "which a space does not have; use normal or uniform",
    "q_beta": "which a space does not have; use normal or q_uniform",
}


def _write_float(parameter: Float, path: str) -> dict[str, Any]:
    bounds = {"min": parameter.low, "max": parameter.high}
    if parameter.prior is not None:
        low, high = _cut(parameter.prior.mean, parameter.prior.std)
        own = (math.log(parameter.low), math.log(parameter.high)) if parameter.log else (parameter.low, parameter.high)
        if not all(
            math.isclose(a, b, abs_tol=1e-9 * parameter.prior.std) for a, b in zip(own, (low, high), strict=True)
        ):
            message = f"got a normal with bounds, must be cut at {BOUND} standard deviations: a sweep's have no bounds"
            raise SpaceError(f"{path}.prior", f"{message}; move the bounds or drop the prior")
        kind = "log_normal" if parameter.log else "normal"
        return {"distribution": kind, "mu": parameter.prior.mean, "sigma": parameter.prior.std}
    if parameter.step is not None:
        return _write_steps(parameter, path)
    return {"distribution": "log_uniform_values" if parameter.log else "uniform", **bounds}


def _write_int(parameter: Int, path: str) -> dict[str, Any]:
    if parameter.prior is not None:
        raise SpaceError(f"{path}.prior", "got a normal of integers, must be none: a sweep's have no bounds; drop it")
    if parameter.step is not None:
        return _write_steps(parameter, path)
    bounds = {"min": parameter.low, "max": parameter.high}
    return {"distribution": "q_log_uniform_values", **bounds, "q": 1} if parameter.log else _ints(bounds)


def _ints(bounds: dict[str, Any]) -> dict[str, Any]:
    return {"distribution": "int_uniform", **bounds}


def _write_steps(parameter: Float | Int, path: str) -> dict[str, Any]:
    step = Decimal(str(parameter.step))
    if Decimal(str(parameter.low)) % step:
        message = (
            f"got {parameter.low} with step {parameter.step}, must be a multiple of it: a sweep rounds to multiples"
        )
        raise SpaceError(f"{path}.low", f"{message}; move it")
    return {"distribution": "q_uniform", "min": parameter.low, "max": parameter.high, "q": parameter.step}


def _write_categorical(parameter: Categorical, _path: str) -> dict[str, Any]:
    if not parameter.weights:
        return {"values": list(parameter.choices)}
    total = sum(parameter.weights)
    probabilities = [weight / total for weight in parameter.weights]
    return {"distribution": "categorical", "values": list(parameter.choices), "probabilities": probabilities}


def _write_ordinal(_parameter: Ordinal, path: str) -> dict[str, Any]:
    raise SpaceError(
        f"{path}.type", "got an ordinal, must be another type: a sweep's values have no order; categorical"
    )


_WRITERS: dict[type[Parameter], Callable[..., dict[str, Any]]] = {
    Float: _write_float,
    Int: _write_int,
    Categorical: _write_categorical,
    Ordinal: _write_ordinal,
    Bool: lambda _parameter, _path: {"values": [False, True]},
    Constant: lambda parameter, _path: {"value": parameter.value},
}
