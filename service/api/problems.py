"""Errors as `application/problem+json` (RFC 9457), and nothing else: no traceback ever leaves the service."""

from __future__ import annotations

import logging
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from service.api.scopes import methods_of
from service.errors import FieldFault, InvalidInput, LedgerUnavailable, NotFound, RungError

log = logging.getLogger(__name__)

_RETRIED = frozenset({429, 503, 507})

MEDIA_TYPE = "application/problem+json"


def problem_response(error: RungError) -> JSONResponse:
    """The answer to an error that Rung raised on purpose; what happened inside the service is not told."""
    problem = error.to_problem()
    if error.status == 500:
        problem["detail"] = "the service met an error of its own; its log has the reason"
    headers = {"Retry-After": str(error.retry_after_s or 2)} if error.status in _RETRIED else {}
    if error.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return JSONResponse(problem, status_code=error.status, media_type=MEDIA_TYPE, headers=headers)


def install(app: FastAPI) -> None:
    """Makes every error of the app a problem document."""

    @app.exception_handler(RungError)
    def on_rung_error(request: Request, error: RungError) -> JSONResponse:
        if error.status == 500 or isinstance(error, LedgerUnavailable):
            log.error("%s %s: %s", request.method, request.url.path, error)
        return problem_response(error)

    @app.exception_handler(RequestValidationError)
    def on_invalid_request(_request: Request, error: RequestValidationError) -> JSONResponse:
        faults = [
            FieldFault(
                path=".".join(str(part) for part in detail["loc"][1:]) or "(body)",
                message=f"got {detail['input']!r:.80}, must be: {detail['msg']}; correct it",
            )
            for detail in error.errors()
        ]
        return problem_response(InvalidInput.of(*faults))

    @app.exception_handler(HTTPException)
    def on_http_error(request: Request, error: HTTPException) -> JSONResponse:
        if error.status_code == 404:
            known = "see GET /openapi.json"
            return problem_response(NotFound(f"path: got {request.url.path}, must be a route of this service; {known}"))
        body: dict[str, Any] = {
            "type": "about:blank",
            "title": str(error.detail),
            "status": error.status_code,
            "detail": f"{request.method} {request.url.path}: {error.detail}",
            "errors": [],
        }
        headers = dict(error.headers or {})
        if error.status_code == 405:  # Starlette names the methods of one route, and a path may have several
            headers["Allow"] = ", ".join(methods_of(request.url.path)) or headers.get("Allow", "")
        return JSONResponse(body, status_code=error.status_code, media_type=MEDIA_TYPE, headers=headers)

    @app.exception_handler(Exception)
    def on_unexpected(request: Request, error: Exception) -> JSONResponse:
        log.exception("%s %s failed", request.method, request.url.path, exc_info=error)
        return problem_response(RungError("unexpected"))
