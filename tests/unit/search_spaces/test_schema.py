"""The published schema takes every space that we take, and refuses what is wrong in itself."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from jsonschema import Draft202012Validator

from search_spaces import Space
from search_spaces.schema import space_schema
from search_spaces.spec import BUILDERS
from tests.unit.search_spaces.strategies import PROPERTY, specs

VALIDATOR = Draft202012Validator(space_schema())


def test_the_schema_is_one() -> None:
    Draft202012Validator.check_schema(space_schema())


def test_the_published_file_is_this_schema() -> None:
    # After a change: json.dumps(space_schema(), indent=2) and a newline.
    published = Path(__file__).parents[3] / "docs" / "space.schema.json"

    assert json.loads(published.read_text()) == space_schema()


def test_every_type_is_in_it() -> None:
    titles = [kind["title"] for kind in space_schema()["$defs"]["parameter"]["oneOf"]]

    assert titles == list(BUILDERS)


@PROPERTY
@given(raw=specs())
def test_every_space_we_take_is_valid_and_so_is_its_canonical_form(raw: dict[str, Any]) -> None:
    VALIDATOR.validate(raw)
    VALIDATOR.validate(Space.parse(raw).to_dict())


@pytest.mark.parametrize(
    "raw",
    [
        [],
        {"1x": {"type": "bool"}},
        {"__x": {"type": "bool"}},
        {"x": {"type": "flaot", "low": 0, "high": 1}},
        {"x": {"type": "float", "low": 0}},
        {"x": {"type": "float", "low": "0", "high": 1}},
        {"x": {"type": "float", "low": 0, "high": 1, "step": 0}},
        {"x": {"type": "float", "low": 0, "high": 1, "prior": {"normal": {"mean": 0}}}},
        {"x": {"type": "int", "low": 0.5, "high": 1}},
        {"x": {"type": "categorical", "choices": []}},
        {"x": {"type": "categorical", "choices": ["a", "a"]}},
        {"x": {"type": "categorical", "choices": ["a"], "weights": [0]}},
        {"x": {"type": "ordinal", "choices": ["a"], "weights": [1]}},
        {"x": {"type": "bool", "low": 0}},
        {"x": {"type": "bool", "when": {"y": {"greater": 1, "equal": 1}}}},
        {"x": {"type": "bool", "when": {"any": [{}]}}},
        {"x": {"type": "bool"}, "__forbidden__": {"x": True}},
        {"x": {"type": "bool"}, "__forbidden__": [{}]},
    ],
)
def test_what_is_wrong_in_itself_is_invalid(raw: Any) -> None:
    assert not VALIDATOR.is_valid(raw)
