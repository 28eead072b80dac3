"""The values a parameter may take: JSON scalars, when two are the same, how a message shows them. No domains here."""

from __future__ import annotations

import difflib
import json
import math
from collections.abc import Iterable
from typing import Any, TypeAlias, TypeGuard

Scalar: TypeAlias = str | int | float | bool | None
"""A JSON scalar. Floats are finite."""

Config: TypeAlias = dict[str, Any]
"""A configuration: the values of the active parameters by name, in declared order."""

SHOWN_CHARACTERS = 60


def is_number(value: object) -> TypeGuard[int | float]:
    """Whether `value` is a JSON number that fits a finite float; true and false are no numbers."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    try:
        return math.isfinite(float(value))
    except OverflowError:
        return False


def is_scalar(value: object) -> TypeGuard[Scalar]:
    """Whether `value` is null, a boolean, a string or a number; NaN and infinity are none of these in JSON."""
    return value is None or isinstance(value, bool | str) or is_number(value)


def is_whole(value: object) -> TypeGuard[int | float]:
    """Whether `value` is a number without a fraction: YAML and JSON writers turn 1000 into 1000.0 or 1e3."""
    return is_number(value) and (isinstance(value, int) or value.is_integer())


def identity(value: Scalar) -> tuple[bool, Scalar]:
    """A key that is equal exactly for values that JSON holds equal: 1 and 1.0 are, 1 and true are not."""
    return isinstance(value, bool), value


def show(value: object) -> str:
    """`value` as a message quotes it: JSON where possible, cut to a line."""
    try:
        text = json.dumps(value, ensure_ascii=False)
    except (TypeError, ValueError):
        text = repr(value)
    return text if len(text) <= SHOWN_CHARACTERS else f"{text[: SHOWN_CHARACTERS - 3]}..."


def suggest(word: object, known: Iterable[str]) -> str:
    """The way out after a misspelling: the nearest of the `known` words, else all of them."""
    words = list(known)
    near = difflib.get_close_matches(str(word), words, n=1)
    if near:
        return f"did you mean {show(near[0])}?"
    return f"use one of {', '.join(words)}" if words else "remove it"
