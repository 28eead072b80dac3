"""A Ray Tune `param_space` as the space of a spec. Ray is not imported: its domains are known by their class names.

Nested dicts become names with points. A choice between dicts becomes a choice between their names, on which what they
hold is conditional (Tune's own BOHB hands the trainable unresolved domains there).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

BOUND = 5
"""Standard deviations at which a normal is cut, since a space has bounds."""

Space = dict[str, Any]


def space_from_tune(param_space: Mapping[str, Any]) -> Space:
    """The `space` of a spec for what `tune.Tuner(param_space=...)` takes.

    Upper bounds of integers are included in a space and not in Tune's, unless they are quantised. `grid_search` becomes
    a categorical: whether every point is tried is the algorithm's business. `randn` is cut at 5 standard deviations.
    Among several dicts to choose from, the key that tells them apart by plain values is the choice; without one, the
    parameter `NAME.choice` holds the number of the dict.

    Raises:
        ValueError: Something that a space cannot say: `sample_from`, normal or logarithmic numbers in steps, and dicts
            that use one name for different things.
    """
    space: Space = {}
    _add(space, "", param_space, {})
    return space


def _add(space: Space, name: str, value: Any, when: dict[str, Any]) -> None:
    if isinstance(value, Mapping) and set(value) != {"grid_search"}:
        for key, inner in value.items():
            _add(space, f"{name}.{key}" if name else str(key), inner, when)
        return
    categories = _categories(value)
    if categories is not None and any(isinstance(each, Mapping) for each in categories):
        _add_branches(space, name, categories, when)
        return
    entry: Space = _entry(name, value) if categories is None else {"type": "categorical", "choices": categories}
    if when:
        entry["when"] = dict(when)
    _put(space, name, entry)


def _put(space: Space, name: str, entry: dict[str, Any]) -> None:
    known = space.setdefault(name, entry)
    if known is entry:
        return
    whens = [known.get("when"), entry.get("when")]
    if None in whens or {**known, "when": None} != {**entry, "when": None}:
        raise ValueError(f"{name}: got two descriptions, must be the same in all dicts of one choice; rename one")
    known["when"] = {"any": whens}


def _categories(value: Any) -> list[Any] | None:
    """What a choice or a grid search lists; None for anything else."""
    if isinstance(value, Mapping):
        return list(value["grid_search"])
    return list(value.categories) if type(value).__name__ == "Categorical" else None


def _add_branches(space: Space, name: str, branches: list[Any], when: dict[str, Any]) -> None:
    if not all(isinstance(branch, Mapping) for branch in branches):
        raise ValueError(f"{name}: got a choice between dicts and values, must be one of the two; wrap the values")
    key = _telling_key(branches)
    selector = f"{name}.{key or 'choice'}"
    labels = [branch[key] if key else number for number, branch in enumerate(branches)]
    entry: dict[str, Any] = {"type": "categorical", "choices": labels}
    _put(space, selector, {**entry, "when": dict(when)} if when else entry)
    for label, branch in zip(labels, branches, strict=True):
        for inner, value in branch.items():
            if inner != key:
                _add(space, f"{name}.{inner}", value, {selector: label})


def _telling_key(branches: list[Mapping[str, Any]]) -> str | None:
    """The key under which every branch has a plain value of its own."""
    for key in branches[0]:
        values = [branch.get(key, []) for branch in branches]
        if all(isinstance(value, str | int | float) for value in values) and len(set(values)) == len(values):
            return key
    return None


def _entry(name: str, value: Any) -> dict[str, Any]:
    reader = _READERS.get(type(value).__name__) if hasattr(value, "get_sampler") else None
    if reader is not None:
        return reader(name, value)
    if value is None or isinstance(value, str | bool | int | float):
        return {"type": "constant", "value": value}
    message = f"got {type(value).__name__}, must be a domain of Tune's with a distribution, or a plain value"
    raise ValueError(f"{name}: {message}; write sample_from as conditions, and keep objects in the trainable")


def _number(kind: str, name: str, domain: Any) -> dict[str, Any]:
    sampler, step = domain.get_sampler(), None
    if type(sampler).__name__ == "Quantized":
        sampler, step = sampler.sampler, sampler.q
    distribution = type(sampler).__name__
    if distribution == "_Normal":
        return _normal(name, sampler, step)
    is_log = distribution == "_LogUniform"
    if distribution not in ("_Uniform", "_LogUniform") or (is_log and step not in (None, 1)):
        message = f"got {distribution} in steps of {step}, must be uniform: a space has no other steps"
        raise ValueError(f"{name}: {message}; drop the q, or list the values with tune.choice")
    # Tune leaves an integer's upper bound out, unless it is quantised.
    high = domain.upper - 1 if kind == "int" and step is None else domain.upper
    entry: dict[str, Any] = {"type": kind, **_multiples(domain.lower, high, step)}
    if kind == "int" and entry.get("step") == 1:
        del entry["step"]
    return {**entry, "log": True} if is_log else entry


def _multiples(low: float, high: float, step: float | None) -> dict[str, Any]:
    """The bounds, moved to multiples of the step: those that Tune rounds to, and none beyond."""
    if step is None:
        return {"low": low, "high": high}
    first, last = math.ceil(round(low / step, 9)), math.floor(round(high / step, 9))
    digits = 12 if isinstance(step, float) else None
    return {"low": round(first * step, digits), "high": round(last * step, digits), "step": step}


def _normal(name: str, sampler: Any, step: float | None) -> dict[str, Any]:
    if step is not None:
        raise ValueError(f"{name}: got a normal in steps of {step}, must be without: a space has none; use tune.randn")
    reach = BOUND * sampler.sd
    prior = {"normal": {"mean": sampler.mean, "std": sampler.sd}}
    return {"type": "float", "low": sampler.mean - reach, "high": sampler.mean + reach, "prior": prior}


_READERS: dict[str, Callable[[str, Any], dict[str, Any]]] = {
    "Float": lambda name, domain: _number("float", name, domain),
    "Integer": lambda name, domain: _number("int", name, domain),
}
