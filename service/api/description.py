"""The OpenAPI document: what FastAPI derives from the routes, and what it cannot know.

That is: bodies which routes read by themselves, the security scheme, and every refusal of guard and routes, each as the
one problem document. The document is a promise: `tests/security` holds the service to it with made-up requests, and a
snapshot shows what a change of it changes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from fastapi import FastAPI
from typing_extensions import override

from service.api.problems import MEDIA_TYPE
from service.api.scopes import OPEN, ROUTES
from service.schemas import SearchSpec, change_schema

Json = dict[str, Any]

_REFUSALS: Mapping[int, str] = {
    400: "The body cannot be read.",
    401: "No key, or none that is valid.",
    403: "A foreign Host or Origin, or a key without the scope.",
    404: "Not there, or of a project that the key does not see.",
    408: "The body took too long.",
    409: "Legal, but not in the present state.",
    412: "If-Match names another version.",
    413: "The body is too large.",
    415: "The content type is not one that is read.",
    422: "Understood and refused, with a path for each fault.",
    429: "Too many requests; Retry-After says when to try again.",
    503: "Ledger or cluster do not answer, or all streams are taken; Retry-After says when to try again.",
    507: "The disk of the ledger is full; Retry-After says when to try again.",
}
_ALWAYS = (403, 408, 413)
_WITH_KEY = (401, 429, 503, 507)
_WITH_BODY = (400, 415, 422)
_SAFE = frozenset({"get", "head", "options"})

_PROBLEM: Json = {
    "title": "Problem",
    "description": "Every refusal (RFC 9457).",
    "type": "object",
    "required": ["type", "title", "status", "detail", "errors"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "Name, got, must, way out."},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["path", "message"],
                "properties": {"path": {"type": "string"}, "message": {"type": "string"}},
            },
        },
    },
}

_NAMING = frozenset({"POST /v1/keys"})
"""Routes whose body names something that may not be there."""

_STREAMS: Mapping[str, tuple[str, ...]] = {
    "/v1/searches/{search}/events": ("text/event-stream",),
    "/v1/searches/{search}/best/checkpoint": ("application/x-tar", "application/octet-stream"),
}
"""Answers that are no JSON."""


class Described(FastAPI):
    """An application that describes itself in full."""

    @override
    def openapi(self) -> Json:
        if self.openapi_schema is None:
            self.openapi_schema = _completed(super().openapi())
        return self.openapi_schema


def _completed(described: Json) -> Json:
    schemas = described["components"]["schemas"]
    spec = SearchSpec.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas |= {"SearchChange": change_schema(spec), "Problem": _PROBLEM}
    schemas |= {**spec.pop("$defs"), "SearchSpec": spec}
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    described["components"]["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
    for path, operations in described["paths"].items():
        for method, operation in operations.items():
            _complete(f"{method.upper()} {path}", operation)
    return described


def _complete(route: str, operation: Json) -> None:
    """Adds what a route may refuse, who may ask it, and the media type of its answer."""
    responses = operation["responses"]
    responses.pop("422", None)  # FastAPI's own shape, which no answer has
    for status in sorted({*_refusals(route, operation)}):
        known = responses.setdefault(str(status), {"description": _REFUSALS[status]})
        known.setdefault("content", {})[MEDIA_TYPE] = {"schema": {"$ref": "#/components/schemas/Problem"}}
    scope = ROUTES[route].scope if route in ROUTES else None
    operation["security"] = [] if route in OPEN else [{"key": [] if scope is None else [scope.value]}]
    path = route.partition(" ")[2]
    if path in _STREAMS:
        responses["200"]["content"] = {kind: {} for kind in _STREAMS[path]}


def _refusals(route: str, operation: Json) -> Iterator[int]:
    method, _, path = route.lower().partition(" ")
    yield from _ALWAYS
    if route not in OPEN:
        yield from _WITH_KEY
    if "requestBody" in operation:
        yield from _WITH_BODY
    if operation.get("parameters"):
        yield 422
    names = {parameter["name"] for parameter in operation.get("parameters", ())}
    if "{" in path or "project" in names or route in _NAMING:
        yield 404
    if method not in _SAFE:
        yield 409
    if method == "patch":
        yield 412
