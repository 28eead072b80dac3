"""Builds the FastAPI application around a context. It knows no Ray: the tests run it in their own process."""

from __future__ import annotations

from fastapi import FastAPI
from starlette.types import ASGIApp

from service import __version__
from service.api import problems
from service.api.context import Context
from service.api.description import Described
from service.api.guard import Guard
from service.api.limits import Buckets
from service.api.routes import (
    audit_log,
    best,
    catalog,
    cluster,
    control,
    events,
    figures,
    going_on,
    health,
    keys,
    pages,
    projects,
    searches,
    session,
    trials,
)
from service.settings import Settings

_BURST_S = 5.0
"""Seconds' worth of requests that may come at once."""


def build_http(context: Context) -> FastAPI:
    """The routes, without the guard."""
    app = Described(
        title="Rung",
        version=__version__,
        description="A self-hosted hyperparameter-search service on Ray.",
        docs_url=None,  # its page would need scripts from elsewhere, and a browser cannot send the bearer token
        redoc_url=None,
    )
    app.state.context = context
    problems.install(app)
    for module in (
        searches,
        control,
        going_on,
        trials,
        best,
        events,
        figures,
        catalog,
        cluster,
        keys,
        projects,
        session,
        audit_log,
        health,
        pages,
    ):
        app.include_router(module.router)
    return app


def guarded(app: ASGIApp, context: Context, settings: Settings) -> Guard:
    """The application as it meets the world."""
    per_s, per_min = settings.max_requests_per_s, settings.max_failures_per_min
    return Guard(
        app,
        authenticator=context.authenticator,
        ledger=context.ledger,
        hosts=settings.host_names,
        max_body_bytes=settings.max_body_bytes,
        requests=Buckets(
            per_s=per_s,
            burst=max(1.0, _BURST_S * per_s),
            must=f"requests: got more than RUNG_MAX_REQUESTS_PER_S ({per_s:g}) with one key, must be fewer; ask slower",
        ),
        failures=Buckets(
            per_s=per_min / 60,
            burst=max(1.0, per_min),
            must=f"Authorization: got more than {per_min:g} wrong keys a minute from one address; correct the key",
        ),
    )
