"""The spec model: every field is described, nothing unknown or infinite gets in."""

from __future__ import annotations

import pytest
from pydantic import BaseModel

from service.errors import InvalidInput
from service.schemas import SearchSpec, parse_spec


def fields(model, prefix=""):
    for name, field in model.model_fields.items():
        yield f"{prefix}{name}", field
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from fields(field.annotation, f"{prefix}{name}.")


def test_every_field_says_what_it_means():
    assert [name for name, field in fields(SearchSpec) if not field.description] == []


@pytest.mark.parametrize("raw", [None, [], "x", 3])
def test_a_body_that_is_no_object_is_refused(raw):
    with pytest.raises(InvalidInput, match="must be an object"):
        parse_spec(raw)


def test_everything_but_the_trainable_has_a_default():
    spec = parse_spec({"trainable": "x"})
    assert SearchSpec.model_validate(spec.model_dump(mode="json")) == spec
