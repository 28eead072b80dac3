"""Builds the FastAPI application around a context. It knows no Ray: the tests run it in their own process."""

from __future__ import annotations

from fastapi import FastAPI
from starlette.types import ASGIApp

from service import __version__
from service.api import problems
from service.api.context import Context
from service.api.guard import Guard
from service.api.routes import best, catalog, events, health, searches, trials
from service.settings import Settings


def build_http(context: Context) -> FastAPI:
    """The routes, without the guard."""
    app = FastAPI(
        title="Rung",
        version=__version__,
        description="A self-hosted hyperparameter-search service on Ray.",
        docs_url=None,  # its page would need scripts from elsewhere, and a browser cannot send the bearer token
        redoc_url=None,
    )
    app.state.context = context
    problems.install(app)
    for module in (searches, trials, best, events, catalog, health):
        app.include_router(module.router)
    return app


def guarded(app: ASGIApp, settings: Settings, token: str) -> Guard:
    """The application as it meets the world."""
    return Guard(app, token=token, hosts=settings.host_names, max_body_bytes=settings.max_body_bytes)
