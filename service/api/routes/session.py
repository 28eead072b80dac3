"""`/v1/session`: a browser logs in with a key and gets a cookie that its scripts cannot read."""

from __future__ import annotations

from fastapi import APIRouter, Response
from fastapi.concurrency import run_in_threadpool

from service.api.authentication import Caller
from service.api.browsers import COOKIE
from service.api.context import ContextDep
from service.api.principals import CallerDep
from service.errors import Unauthenticated
from service.schemas import SessionView

router = APIRouter(tags=["session"])

_PATH = "/v1"
"""The cookie goes to the data, and to no page."""


@router.post("/v1/session", status_code=201)
async def log_in(response: Response, context: ContextDep, caller: CallerDep) -> SessionView:
    """Opens a session for the key in `Authorization`: an HttpOnly cookie, and the token that writes by it need."""
    if caller.login is not None:
        raise Unauthenticated("Authorization: got a cookie, must be `Bearer <key>`; a session cannot prolong itself")
    login = await run_in_threadpool(context.authenticator.log_in, caller.principal)
    response.set_cookie(
        COOKIE,
        login.cookie,
        path=_PATH,
        expires=login.expires_at,
        httponly=True,
        samesite="strict",
        secure=context.has_tls,
    )
    return _view(Caller(principal=caller.principal, login=login))


@router.get("/v1/session")
def show_session(caller: CallerDep) -> SessionView:
    """Who asks, by cookie or by key, and what it may do."""
    return _view(caller)


@router.delete("/v1/session", status_code=204)
async def log_out(response: Response, context: ContextDep, caller: CallerDep) -> None:
    """Ends the session of the cookie at once, here and in the browser. With a key there is nothing to end."""
    if caller.login is not None:
        await run_in_threadpool(context.authenticator.log_out, caller.login)
    response.delete_cookie(COOKIE, path=_PATH, httponly=True, samesite="strict", secure=context.has_tls)


def _view(caller: Caller) -> SessionView:
    login = caller.login
    return SessionView(
        principal=caller.principal.id,
        project=caller.principal.project,
        scopes=sorted(caller.principal.scopes),
        csrf=None if login is None else login.csrf,
        expires_at=None if login is None else login.expires_at,
    )
