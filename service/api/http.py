"""Builds the FastAPI application around a context. It knows no Ray: the tests run it in their own process."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from starlette.types import ASGIApp
from typing_extensions import override

from service import __version__
from service.api import problems
from service.api.context import Context
from service.api.guard import Guard
from service.api.routes import best, catalog, control, events, health, searches, trials
from service.schemas import SearchSpec, change_schema
from service.settings import Settings


class _Rung(FastAPI):
    """Adds to the description what the routes read by themselves: the spec, in JSON or YAML."""

    @override
    def openapi(self) -> dict[str, Any]:
        described = super().openapi()
        spec = SearchSpec.model_json_schema(ref_template="#/components/schemas/{model}")
        described["components"]["schemas"]["SearchChange"] = change_schema(spec)
        described["components"]["schemas"] |= {**spec.pop("$defs"), "SearchSpec": spec}
        return described


def build_http(context: Context) -> FastAPI:
    """The routes, without the guard."""
    app = _Rung(
        title="Rung",
        version=__version__,
        description="A self-hosted hyperparameter-search service on Ray.",
        docs_url=None,  # its page would need scripts from elsewhere, and a browser cannot send the bearer token
        redoc_url=None,
    )
    app.state.context = context
    problems.install(app)
    for module in (searches, control, trials, best, events, catalog, health):
        app.include_router(module.router)
    return app


def guarded(app: ASGIApp, settings: Settings, token: str) -> Guard:
    """The application as it meets the world."""
    return Guard(app, token=token, hosts=settings.host_names, max_body_bytes=settings.max_body_bytes)
