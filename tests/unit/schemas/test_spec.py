"""The spec model: every field is described, nothing unknown or infinite gets in."""

from __future__ import annotations

import pytest
from pydantic import BaseModel

from service.errors import InvalidInput
from service.schemas import SearchSpec, parse_spec, views


def fields(model, prefix=""):
    for name, field in model.model_fields.items():
        yield f"{prefix}{field.alias or name}", field
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from fields(field.annotation, f"{prefix}{name}.")


VIEWS = [kind for kind in vars(views).values() if isinstance(kind, type) and issubclass(kind, views.View)]


def test_every_field_of_a_spec_and_of_an_answer_says_what_it_means():
    assert len(VIEWS) > 12
    for model in (SearchSpec, *VIEWS):
        assert [f"{model.__name__}.{name}" for name, field in fields(model) if not field.description] == []


FAULTS = [
    ({}, "trainable", "got nothing, must be given; add 'trainable' to the body"),
    ({"trainable": 3}, "trainable", "got 3, must be text"),
    ({"trainable": ""}, "trainable", "must be text of at least 1 characters"),
    ({"parallelism": 4.5}, "parallelism", "got 4.5, must be a whole number"),
    ({"parallelism": True}, "parallelism", "got True, must be a whole number"),
    ({"weight": 0}, "weight", "got 0, must be > 0.0"),
    ({"budget": []}, "budget", "got [], must be an object"),
    ({"objective": {"mode": "most"}}, "objective.mode", "got 'most', must be 'min' or 'max'"),
    ({"enqueue": [3]}, "enqueue.0", "got 3, must be an object"),
    ({"tags": {"a": 1}}, "tags.a", "got 1, must be text"),
    ({"resources": {"gpus_per_worker": 2.5}}, "resources.gpus_per_worker", "got 2.5, must be a fraction below 1 or"),
    ({"budget": {"epoch": 1}}, "budget.epoch", "did you mean epochs?"),
    ({"name": "x" * 500}, "name", "..., must be"),
]


@pytest.mark.parametrize(("change", "path", "says"), FAULTS)
def test_a_fault_names_its_path_what_it_got_and_what_it_must_be(change, path, says):
    with pytest.raises(InvalidInput) as refused:
        parse_spec({"trainable": "x", **change} if change else {})
    [fault] = refused.value.faults
    assert fault.path == path
    assert says in fault.message
    assert len(fault.message) < 300
    assert refused.value.detail == f"{path}: {fault.message}"


def test_whole_and_fractional_gpus_are_let_in():
    for gpus in (0, 0.25, 1, 1.0, 8):
        assert parse_spec({"trainable": "x", "resources": {"gpus_per_worker": gpus}}).resources.gpus_per_worker == gpus


def test_a_newer_servers_answer_can_be_read():
    assert views.Health.model_validate({"status": "ok", "since": "then"}).status == "ok"


@pytest.mark.parametrize("raw", [None, [], "x", 3])
def test_a_body_that_is_no_object_is_refused(raw):
    with pytest.raises(InvalidInput, match="must be an object"):
        parse_spec(raw)


def test_everything_but_the_trainable_has_a_default():
    spec = parse_spec({"trainable": "x"})
    assert SearchSpec.model_validate(spec.model_dump(mode="json")) == spec
