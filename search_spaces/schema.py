"""The JSON Schema of a space, published in docs. What it cannot say, e.g. that parents come first, `spec` refuses."""

from __future__ import annotations

from typing import Any

from search_spaces.domains import LARGEST_WHOLE
from search_spaces.spec import FORBIDDEN, LEAST_WEIGHT, NAME

DIALECT = "https://json-schema.org/draft/2020-12/schema"

_SCALAR: dict[str, Any] = {"type": ["null", "boolean", "string", "number"]}
_WHOLE: dict[str, Any] = {"type": "integer", "minimum": -LARGEST_WHOLE, "maximum": LARGEST_WHOLE}
_NUMBER: dict[str, Any] = {"type": "number"}
_STEP: dict[str, Any] = {"exclusiveMinimum": 0}
_LOG: dict[str, Any] = {"type": "boolean", "description": "Whether it is its logarithm that is distributed as said."}
_CHOICES: dict[str, Any] = {"type": "array", "minItems": 1, "uniqueItems": True, "items": _SCALAR}


def space_schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of a space. Every space that `Space.parse` takes is valid under it."""
    condition = {"$ref": "#/$defs/condition"}
    forbidden = {
        "type": "array",
        "items": {**condition, "minProperties": 1},
        "description": "Combinations that no configuration has; all clauses of one together.",
    }
    return {
        "$schema": DIALECT,
        "title": "Space",
        "description": "What may vary: parameter name to its description. Parents come before their children.",
        "type": "object",
        "properties": {FORBIDDEN: forbidden},
        "patternProperties": {f"^(?!__){NAME.pattern}$": {"$ref": "#/$defs/parameter"}},
        "additionalProperties": False,
        "$defs": {
            "parameter": {"oneOf": [_parameter(kind, *facts, condition) for kind, facts in _FACTS.items()]},
            "condition": _condition(condition),
        },
    }


def _parameter(
    kind: str, required: tuple[str, ...], facts: dict[str, Any], condition: dict[str, Any]
) -> dict[str, Any]:
    default = {**_SCALAR, "description": "Value to start from where an algorithm asks for one."}
    when = {**condition, "description": "When it is active; default: always."}
    return {
        "type": "object",
        "title": kind,
        "properties": {"type": {"const": kind}, **facts, "default": default, "when": when},
        "required": ["type", *required],
        "additionalProperties": False,
    }


def _condition(condition: dict[str, Any]) -> dict[str, Any]:
    comparison = {
        "type": "object",
        "properties": {"greater": _SCALAR, "less": _SCALAR},
        "minProperties": 1,
        "additionalProperties": False,
        "description": "Strictly.",
    }
    conditions = {"type": "array", "minItems": 1, "items": {**condition, "minProperties": 1}}
    clause = {"anyOf": [_SCALAR, {"type": "array", "minItems": 1, "items": _SCALAR}, comparison]}
    return {
        "type": "object",
        "description": "Clauses by parent, all of them together; `any` and `all` join further conditions.",
        "properties": {word: {"anyOf": [conditions, clause]} for word in ("any", "all")},
        "additionalProperties": clause,
    }


def _range(number: dict[str, Any]) -> dict[str, Any]:
    normal = {
        "type": "object",
        "properties": {"mean": _NUMBER, "std": {"type": "number", "exclusiveMinimum": 0}},
        "required": ["mean", "std"],
        "additionalProperties": False,
    }
    prior = {
        "type": "object",
        "properties": {"normal": normal},
        "required": ["normal"],
        "additionalProperties": False,
        "description": "Cut to the bounds; with log, of the natural logarithm. Default: uniform.",
    }
    return {"low": number, "high": number, "log": _LOG, "step": number | _STEP, "prior": prior}


_WEIGHT = {"type": "number", "minimum": LEAST_WEIGHT, "maximum": 1 / LEAST_WEIGHT}

_FACTS: dict[str, tuple[tuple[str, ...], dict[str, Any]]] = {
    "float": (("low", "high"), _range(_NUMBER)),
    "int": (("low", "high"), _range(_WHOLE)),
    "categorical": (("choices",), {"choices": _CHOICES, "weights": {"type": "array", "minItems": 1, "items": _WEIGHT}}),
    "ordinal": (("choices",), {"choices": _CHOICES}),
    "bool": ((), {}),
    "constant": (("value",), {"value": _SCALAR}),
}
"""For each type the keys it must have, and what its keys may hold."""
