"""The OpenAPI document is a promise: what changes of it is seen in a diff, and public tools can read it."""

from __future__ import annotations

import json

import schemathesis

from service.api.scopes import OPEN, ROUTES
from tests.security.snapshot import FILE, description


def test_the_description_is_the_one_that_the_docs_have():
    assert json.loads(FILE.read_text()) == json.loads(description()), "run `make openapi` and look at the diff"


def test_each_operation_says_what_key_it_needs_and_every_refusal_is_the_one_problem():
    described = json.loads(description())
    for path, operations in described["paths"].items():
        for method, operation in operations.items():
            route = f"{method.upper()} {path}"
            scope = ROUTES[route].scope
            wanted = [] if route in OPEN else [{"key": [scope.value] if scope else []}]
            assert operation["security"] == wanted, route
            for status, answer in operation["responses"].items():
                if status[0] == "4":
                    assert list(answer["content"]) == ["application/problem+json"], (route, status)


def test_a_public_tool_reads_the_description_and_finds_its_links_between_calls():
    schema = schemathesis.openapi.from_dict(json.loads(description()))
    assert len(list(schema.get_all_operations())) == sum(map(len, json.loads(description())["paths"].values()))
    assert schema.as_state_machine().bundles
