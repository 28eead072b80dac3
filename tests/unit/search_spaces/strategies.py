"""Specs of valid spaces for property tests: all types, edges, and conditions on earlier parameters."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from search_spaces import Space, SpaceErrors

PROPERTY = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""How a property is tried: time is no property on a shared machine."""

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-1000, 1000),
    st.floats(allow_nan=False, allow_infinity=False, width=32),
    st.text("ab é1", max_size=5),
)
CHOICES = st.lists(SCALARS, min_size=1, max_size=4, unique_by=lambda value: (isinstance(value, bool), value))
DECIMALS = st.integers(-2000, 2000).map(lambda number: number / 100)


@st.composite
def floats(draw: st.DrawFn) -> dict[str, Any]:
    low = draw(DECIMALS)
    return {"type": "float", "low": low, "high": low + draw(st.sampled_from([1e-9, 0.3, 1.0, 1e6]))}


@st.composite
def log_floats(draw: st.DrawFn) -> dict[str, Any]:
    low = draw(st.sampled_from([1e-300, 1e-15, 1 / 3, 1.0, 7e5]))
    return {"type": "float", "low": low, "high": low * draw(st.sampled_from([1.5, 1e3, 1e9])), "log": True}


@st.composite
def step_floats(draw: st.DrawFn) -> dict[str, Any]:
    low, step = draw(DECIMALS), draw(st.sampled_from([0.1, 0.25, 1 / 3, 1e-5, 3.0]))
    return {"type": "float", "low": low, "high": low + step * draw(st.integers(1, 5)) + step / 2, "step": step}


@st.composite
def ints(draw: st.DrawFn) -> dict[str, Any]:
    low = draw(st.integers(-5, 5))
    spec: dict[str, Any] = {"type": "int", "low": low, "high": low + draw(st.integers(1, 6))}
    if draw(st.booleans()):
        spec["step"] = draw(st.integers(1, spec["high"] - low))
    return spec


@st.composite
def log_ints(draw: st.DrawFn) -> dict[str, Any]:
    low = draw(st.sampled_from([1, 2, 5]))
    return {"type": "int", "low": low, "high": low + draw(st.integers(1, 60)), "log": True}


def large_ints() -> st.SearchStrategy[dict[str, Any]]:
    return st.builds(
        lambda low, factor, log: {"type": "int", "low": low, "high": factor * low, "log": log},
        st.sampled_from([1, 10**3, 10**8 + 1, 10**9]),
        st.integers(2, 1000),
        st.booleans(),
    )


@st.composite
def weighted(draw: st.DrawFn) -> dict[str, Any]:
    choices = draw(CHOICES)
    weights = draw(st.lists(st.sampled_from([0.1, 1.0, 3.0]), min_size=len(choices), max_size=len(choices)))
    return {"type": "categorical", "choices": choices, "weights": weights}


@st.composite
def normals(draw: st.DrawFn) -> dict[str, Any]:
    """Normal priors whose bulk is within reach of coordinates."""
    kind, log, mean, std = draw(st.tuples(st.sampled_from(["float", "int"]), st.booleans(), MEANS, STDS))
    return {"type": kind, "low": 1, "high": 9, "log": log, "prior": {"normal": {"mean": mean, "std": std}}}


MEANS = st.sampled_from([1.0, 1.5, 2.0])
STDS = st.sampled_from([0.7, 2.0, 50.0])
LISTED = st.builds(
    lambda kind, choices: {"type": kind, "choices": choices}, st.sampled_from(["categorical", "ordinal"]), CHOICES
)
FINITE = st.one_of(
    LISTED, LISTED, ints(), st.just({"type": "bool"}), st.just({"type": "constant", "value": "k"}), weighted()
)
ANY = st.one_of(FINITE, normals(), step_floats(), floats(), log_floats(), log_ints(), large_ints())


@st.composite
def specs(draw: st.DrawFn, parameters: st.SearchStrategy[dict[str, Any]] = ANY, most: int = 5) -> dict[str, Any]:
    """A valid spec with up to `most` parameters; about half of those that can have a condition have one."""
    raw: dict[str, Any] = {}
    for position in range(draw(st.integers(0, most))):
        spec = dict(draw(parameters))
        if draw(st.booleans()) and _parents(raw):
            spec["when"] = draw(conditions(raw))
        if _is_valid({**raw, f"p{position}": spec}):
            raw[f"p{position}"] = spec
    forbidden: list[dict[str, Any]] = []
    for _ in range(draw(st.integers(0, 2)) if _parents(raw) else 0):
        combination = draw(conditions(raw))
        if _is_valid({**raw, "__forbidden__": [*forbidden, combination]}):
            forbidden.append(combination)
    return {**raw, "__forbidden__": forbidden} if forbidden else raw


def _parents(raw: dict[str, Any]) -> list[str]:
    return [name for name, parent in raw.items() if parent["type"] != "constant"]


@st.composite
def conditions(draw: st.DrawFn, raw: dict[str, Any], depth: int = 2) -> dict[str, Any]:
    """A condition on some parameters of `raw`."""
    chosen = draw(st.lists(st.sampled_from(_parents(raw)), min_size=1, max_size=2, unique=True))
    condition: dict[str, Any] = {name: draw(_wanted(raw[name])) for name in chosen}
    if depth and draw(st.integers(0, 3)) == 0:
        word = draw(st.sampled_from(["any", "all"]))
        condition[word] = draw(st.lists(conditions(raw, depth - 1), min_size=1, max_size=2))
    return condition


def _wanted(parent: dict[str, Any]) -> st.SearchStrategy[Any]:
    domain = (
        Space.parse({"parent": {key: value for key, value in parent.items() if key != "when"}}).parameters[0].domain
    )
    words = st.sampled_from(["greater", "less"])
    if domain.size is None:
        return st.dictionaries(words, st.floats(0.2, 0.8).map(domain.from_unit), min_size=1)
    values = st.integers(0, domain.size - 1).map(domain.at)
    several = st.lists(values, min_size=1, max_size=2, unique_by=lambda value: (isinstance(value, bool), value))
    ordered = parent["type"] in ("int", "float", "ordinal")
    return values | several | st.dictionaries(words, values, min_size=1) if ordered else values | several


def _is_valid(raw: dict[str, Any]) -> bool:
    """What leaves no room makes a drawn spec invalid; any other fault is one of the parser."""
    try:
        Space.parse(raw)
    except SpaceErrors as faults:
        if not all("must be possible" in fault.message or "of all draws" in fault.message for fault in faults.errors):
            raise
        return False
    return True


def spaces(parameters: st.SearchStrategy[dict[str, Any]] = ANY, most: int = 5) -> st.SearchStrategy[Space]:
    """Valid spaces."""
    return specs(parameters, most).map(Space.parse)
