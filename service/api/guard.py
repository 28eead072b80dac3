"""The outermost ASGI layer: host, origin, token and body size are checked before any route exists. Deny by default.

Everything needs the bearer token but `GET /healthz`. The Host and Origin checks stop a web page that was made to
resolve to this address (DNS rebinding) even when a browser would send the token.
"""

from __future__ import annotations

import hmac
from collections.abc import Collection
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.api.problems import problem_response
from service.errors import BodyTooLarge, Forbidden, RungError, Unauthenticated

OPEN_PATHS = frozenset({"/healthz"})
"""What may be asked without a token."""

_HEADERS = {
    b"x-content-type-options": b"nosniff",
    b"referrer-policy": b"no-referrer",
    b"content-security-policy": b"default-src 'none'; frame-ancestors 'none'",
    b"cache-control": b"no-store",
}


class Guard:
    """Wraps the whole application."""

    def __init__(self, app: ASGIApp, *, token: str, hosts: Collection[str], max_body_bytes: int) -> None:
        """Args:
        app: what is guarded.
        token: the bearer token; not empty.
        hosts: names that the Host header may carry, without port.
        max_body_bytes: largest body.
        """
        if not token:
            raise ValueError("token: got an empty one, must be a secret; run `rung up`, or set RUNG_TOKEN")
        self._app = app
        self._token = token.encode()
        self._hosts = hosts
        self._max_body_bytes = max_body_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one connection."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":  # no route speaks anything else
            raise ValueError(f"scope type: got {scope['type']!r}, must be http")
        try:
            self._check(scope)
            body = await self._read(receive)
        except RungError as error:
            await self._answer(problem_response(error), scope, receive, send)
            return
        if body is not None:  # a body that broke off may read as a whole one, and must not be acted on
            await self._app(scope, _replay(body, receive), _with_headers(send))

    def _check(self, scope: Scope) -> None:
        headers = Headers(scope=scope)
        host = _host_name(headers.get("host", ""))
        if host not in self._hosts:
            raise Forbidden(f"Host: got {host or 'nothing'}, must be a name of this service; set RUNG_ALLOWED_HOSTS")
        origin = headers.get("origin")
        if origin is not None and _origin_name(origin) not in self._hosts:
            raise Forbidden(f"Origin: got {origin}, must be this service itself; other pages may not call it")
        if scope["path"] in OPEN_PATHS:
            return
        scheme, _, token = headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not hmac.compare_digest(token.encode(), self._token):
            got = "no token" if not token else "a token that is not valid"
            raise Unauthenticated(f"Authorization: got {got}, must be `Bearer <token>`; `rung up` made it in its home")
        declared = headers.get("content-length", "0")
        if not declared.isdigit() or int(declared) > self._max_body_bytes:
            raise self._too_large()

    async def _read(self, receive: Receive) -> bytes | None:
        """The whole body, up to the limit; None if the client went away before its end."""
        body = bytearray()
        more = True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return None
            body += message.get("body", b"")
            more = message.get("more_body", False)
            if len(body) > self._max_body_bytes:
                raise self._too_large()
        return bytes(body)

    async def _answer(self, response: Response, scope: Scope, receive: Receive, send: Send) -> None:
        await response(scope, receive, _with_headers(send))

    def _too_large(self) -> BodyTooLarge:
        return BodyTooLarge(f"body: got more than allowed, must be <= {self._max_body_bytes} bytes; shorten the spec")


def _host_name(netloc: str) -> str:
    """The name without its port, lower-case; `[::1]` keeps its brackets."""
    name = netloc.rpartition("]")[0] + "]" if netloc.startswith("[") else netloc.partition(":")[0]
    return name.lower()


def _origin_name(origin: str) -> str:
    """The name in an Origin header, empty where there is none (`null`, or no URL at all)."""
    try:
        return _host_name(urlsplit(origin).netloc)
    except ValueError:
        return ""


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
