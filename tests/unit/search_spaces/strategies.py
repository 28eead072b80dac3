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


LISTED = st.builds(
    lambda kind, choices: {"type": kind, "choices": choices}, st.sampled_from(["categorical", "ordinal"]), CHOICES
)
FINITE = st.one_of(LISTED, LISTED, ints(), st.just({"type": "bool"}), st.just({"type": "constant", "value": "k"}))
ANY = st.one_of(FINITE, step_floats(), floats(), log_floats(), log_ints(), large_ints())
PARENTS = {"categorical", "ordinal", "bool", "int"}


@st.composite
def specs(draw: st.DrawFn, parameters: st.SearchStrategy[dict[str, Any]] = ANY, most: int = 5) -> dict[str, Any]:
    """A valid spec with up to `most` parameters; about half of those that can have a condition have one."""
    raw: dict[str, Any] = {}
    for position in range(draw(st.integers(0, most))):
        spec = dict(draw(parameters))
        parents = [name for name, parent in raw.items() if parent["type"] in PARENTS]
        if draw(st.booleans()) and parents:
            chosen = draw(st.lists(st.sampled_from(parents), min_size=1, max_size=2, unique=True))
            spec["when"] = {name: draw(_wanted(raw[name])) for name in chosen}
        if _is_valid({**raw, f"p{position}": spec}):
            raw[f"p{position}"] = spec
    return raw


def _wanted(parent: dict[str, Any]) -> st.SearchStrategy[Any]:
    domain = (
        Space.parse({"parent": {key: value for key, value in parent.items() if key != "when"}}).parameters[0].domain
    )
    assert domain.size is not None
    values = st.integers(0, domain.size - 1).map(domain.at)
    several = st.lists(values, min_size=1, max_size=2, unique_by=lambda value: (isinstance(value, bool), value))
    return values | several


def _is_valid(raw: dict[str, Any]) -> bool:
    """Only a condition that never holds makes a drawn spec invalid; any other fault is one of the parser."""
    try:
        Space.parse(raw)
    except SpaceErrors as faults:
        if not all("must be possible" in fault.message for fault in faults.errors):
            raise
        return False
    return True


def spaces(parameters: st.SearchStrategy[dict[str, Any]] = ANY, most: int = 5) -> st.SearchStrategy[Space]:
    """Valid spaces."""
    return specs(parameters, most).map(Space.parse)
