"""Turns pydantic's errors into our one form: path, got, must, way out. Only this file knows pydantic's error types."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from service.errors import FieldFault, InvalidInput
from service.schemas.spec import SearchSpec


def parse_spec(raw: Any) -> SearchSpec:
    """Reads a spec.

    Raises:
        InvalidInput: with one fault for each thing that is wrong.
    """
    if not isinstance(raw, dict):
        raise InvalidInput.of(
            FieldFault(path="(body)", message=f"got {_show(raw)}, must be an object of the spec; see GET /openapi.json")
        )
    try:
        return SearchSpec.model_validate(raw)
    except ValidationError as error:
        raise InvalidInput.of(*faults_of(error, SearchSpec)) from None


def faults_of(error: ValidationError, model: type[BaseModel]) -> list[FieldFault]:
    """One fault for each of pydantic's, in its order. `model` is the one that was validated."""
    return [_fault(detail, model) for detail in error.errors(include_url=False)]


def _fault(detail: ErrorDetails, model: type[BaseModel]) -> FieldFault:
    location = detail["loc"]
    path = ".".join(str(part) for part in location) or "(body)"
    special = _SPECIAL.get(detail["type"])
    if special is not None:
        return FieldFault(path=path, message=special(location, model))
    must = _MUST.get(detail["type"], "{msg}").format(msg=detail["msg"], **detail.get("ctx", {}))
    return FieldFault(path=path, message=f"got {_show(detail['input'])}, must be {must}; correct it or leave it out")


def _unknown_key(location: tuple[int | str, ...], model: type[BaseModel]) -> str:
    name = str(location[-1])
    known = sorted(_fields_at(location[:-1], model))
    near = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {near[0]}?" if near else "remove it"
    return f"got the unknown key {name!r}, must be one of {', '.join(known)}; {hint}"


def _missing(location: tuple[int | str, ...], _model: type[BaseModel]) -> str:
    return f"got nothing, must be given; add {location[-1]!r} to the body"


def _fields_at(location: tuple[int | str, ...], model: type[BaseModel]) -> list[str]:
    for part in location:
        field = model.model_fields.get(str(part))
        inner = field.annotation if field is not None else None
        if not (isinstance(inner, type) and issubclass(inner, BaseModel)):
            return []
        model = inner
    return [field.alias or name for name, field in model.model_fields.items()]


def _show(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."


_SPECIAL: Mapping[str, Callable[[tuple[int | str, ...], type[BaseModel]], str]] = {
    "extra_forbidden": _unknown_key,
    "missing": _missing,
}

_MUST: Mapping[str, str] = {
    "finite_number": "a finite number",
    "greater_than": "> {gt}",
    "greater_than_equal": ">= {ge}",
    "less_than": "< {lt}",
    "less_than_equal": "<= {le}",
    "int_type": "a whole number",
    "invalid_key": "text",
    "value_error": "{error}",
    "float_type": "a number",
    "string_type": "text",
    "bool_type": "true or false",
    "dict_type": "an object",
    "list_type": "a list",
    "model_type": "an object",
    "model_attributes_type": "an object",
    "literal_error": "{expected}",
    "string_pattern_mismatch": "text that matches {pattern}",
    "string_too_short": "text of at least {min_length} characters",
    "string_too_long": "text of at most {max_length} characters",
    "too_long": "of at most {max_length} entries",
}
