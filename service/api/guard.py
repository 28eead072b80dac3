"""The outermost ASGI layer: host, origin, key, scope, rate and body are checked before any route exists.

Deny by default: what `scopes` does not list needs `admin`. The Host and Origin checks stop a web page that was made to
resolve to this address (DNS rebinding) even when a browser would send a cookie; a write by cookie needs more, which is
in `browsers`.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection

from fastapi.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.access import Principal
from service.api.authentication import Authenticator, Caller
from service.api.browsers import check_forgery, cookie_of, host_name, netloc
from service.api.limits import Buckets
from service.api.problems import problem_response
from service.api.scopes import Access, access_of
from service.errors import (
    BodyTooLarge,
    BodyTooSlow,
    Forbidden,
    LedgerUnavailable,
    RungError,
    ScopeMissing,
    Unauthenticated,
)
from service.store import Ledger

log = logging.getLogger(__name__)

CALLER = "rung.caller"
"""Key of the ASGI scope under which routes find who asks; absent on open routes."""

BODY_S = 30.0
"""Seconds that a body may take to arrive."""

_NOTED_PATH = 1000
_HEADERS = {
    b"x-content-type-options": b"nosniff",
    b"referrer-policy": b"no-referrer",
    b"content-security-policy": b"default-src 'none'; frame-ancestors 'none'",
    b"cache-control": b"no-store",
}


class Guard:
    """Wraps the whole application."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        authenticator: Authenticator,
        ledger: Ledger,
        hosts: Collection[str],
        max_body_bytes: int,
        requests: Buckets,
        failures: Buckets,
        body_s: float = BODY_S,
    ) -> None:
        """Args:
        app: what is guarded.
        authenticator: says who asks.
        ledger: keeps the audit log.
        hosts: names that the Host header may carry, without port.
        max_body_bytes: largest body.
        requests: how often one principal may ask.
        failures: how often one address may be wrong.
        body_s: seconds that a body may take to arrive.
        """
        self._app = app
        self._authenticator = authenticator
        self._ledger = ledger
        self._hosts = hosts
        self._max_body_bytes = max_body_bytes
        self._requests = requests
        self._failures = failures
        self._body_s = body_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one connection."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":  # no route speaks anything else
            raise ValueError(f"scope type: got {scope['type']!r}, must be http")
        answer = _with_headers(send)
        try:
            access = self._admit(scope)
            if access.is_open:
                caller = None
            else:
                caller = await self._recognise(scope)
                self._requests.take(caller.principal.id)
                if access.is_noted:
                    answer = self._noting(caller.principal, scope, answer)
                self._permit(caller, access, scope)
            body = await self._read(receive)
        except RungError as error:
            await self._refuse(error, scope, receive, answer)
            return
        if body is not None:  # a body that broke off may read as a whole one, and must not be acted on
            inner = scope if caller is None else {**scope, CALLER: caller}
            await self._app(inner, _replay(body, receive), answer)

    def _admit(self, scope: Scope) -> Access:
        """What can be said before anybody is asked: whether the request is meant for this service at all."""
        headers = Headers(scope=scope)
        host = host_name(headers.get("host", ""))
        if host not in self._hosts:
            raise Forbidden(f"Host: got {host or 'nothing'}, must be a name of this service; set RUNG_ALLOWED_HOSTS")
        origin = headers.get("origin")
        if origin is not None and host_name(netloc(origin)) not in self._hosts:
            raise Forbidden(f"Origin: got {origin}, must be this service itself; other pages may not call it")
        return access_of(scope["method"], scope["path"])

    async def _recognise(self, scope: Scope) -> Caller:
        """Who asks, by key or by cookie; of both the key counts."""
        headers = Headers(scope=scope)
        scheme, _, key = headers.get("authorization", "").partition(" ")
        cookie = None if scheme else cookie_of(headers)
        if not key and cookie is None:
            raise Unauthenticated("Authorization: got no key, must be `Bearer <key>`; `rung up` made one in its home")
        try:
            if cookie is not None:
                caller: Caller = await run_in_threadpool(self._authenticator.by_cookie, cookie)
                check_forgery(caller, scope["method"], headers)
            elif scheme.lower() != "bearer":
                raise Unauthenticated(f"Authorization: got the scheme {scheme!a:.20}, must be `Bearer <key>`")
            else:
                caller = await run_in_threadpool(self._authenticator.by_key, key)
        except Unauthenticated:
            self._failures.take((scope.get("client") or ("nobody",))[0])
            raise
        return caller

    def _permit(self, caller: Caller, access: Access, scope: Scope) -> None:
        if access.scope is not None and not caller.principal.may(access.scope):
            raise ScopeMissing(
                f"{scope['method']} {scope['path'][:200]}: got key {caller.principal.id} without the scope "
                f"{access.scope}, must have it; ask for another key"
            )
        declared = Headers(scope=scope).get("content-length", "0")
        if not declared.isdigit() or int(declared) > self._max_body_bytes:
            raise self._too_large()

    async def _read(self, receive: Receive) -> bytes | None:
        """The whole body, up to the limit; None if the client went away before its end."""
        body = bytearray()
        more = True
        try:
            async with asyncio.timeout(self._body_s):
                while more:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        return None
                    body += message.get("body", b"")
                    more = message.get("more_body", False)
                    if len(body) > self._max_body_bytes:
                        raise self._too_large()
        except TimeoutError:
            raise BodyTooSlow(
                f"body: got a part of it in {self._body_s:g} s, must be whole by then; send it again"
            ) from None
        return bytes(body)

    def _noting(self, principal: Principal, scope: Scope, send: Send) -> Send:
        """Puts the answer into the audit log before the client sees its first byte."""
        query = scope["query_string"].decode("latin-1")
        path = (scope["path"] + (f"?{query}" if query else ""))[:_NOTED_PATH].replace("\0", "\ufffd")

        def note(status: int) -> None:
            try:
                self._ledger.note_write(principal, method=scope["method"], path=path, status=status)
            except LedgerUnavailable as error:  # what was written is written; the log of the process has the line
                log.error("audit: %s %s %s %d: %s", principal.id, scope["method"], path, status, error)

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                await run_in_threadpool(note, message["status"])
            await send(message)

        return sending

    async def _refuse(self, error: RungError, scope: Scope, receive: Receive, send: Send) -> None:
        response: Response = problem_response(error)
        await response(scope, receive, send)

    def _too_large(self) -> BodyTooLarge:
        return BodyTooLarge(f"body: got more than allowed, must be <= {self._max_body_bytes} bytes; shorten the spec")


def _replay(body: bytes, receive: Receive) -> Receive:
    """Gives the body once; afterwards the real channel tells of a disconnect."""
    replayed = False

    async def replaying() -> Message:
        nonlocal replayed
        if replayed:
            return await receive()
        replayed = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replaying


def _with_headers(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            present = {name for name, _ in message["headers"]}
            extra = [(name, value) for name, value in _HEADERS.items() if name not in present]
            message = {**message, "headers": [*message["headers"], *extra]}
        await send(message)

    return sending
