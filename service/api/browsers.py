"""What only browsers send: the session's cookie and Origin, and what a write by cookie must bring besides.

A cookie goes with whatever request a browser makes to this host, also one that a page of another port caused. So a
write by cookie needs an Origin that is this very address with its port, and the session's CSRF token in a header, which
no foreign page can send without being allowed to.
"""

from __future__ import annotations

import hmac
from http.cookies import CookieError, SimpleCookie
from urllib.parse import urlsplit

from starlette.datastructures import Headers

from service.api.authentication import Caller
from service.errors import Forbidden

COOKIE = "rung_session"
"""Name of the session's cookie."""

CSRF_HEADER = "X-Rung-CSRF"
"""Header of a write by cookie."""

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
"""Methods that change nothing."""


def cookie_of(headers: Headers) -> str | None:
    """The text of the session's cookie; None where there is none."""
    try:
        found = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
    except CookieError:
        return None
    return None if found is None else found.value


def check_forgery(caller: Caller, method: str, headers: Headers) -> None:
    """Refuses a write by cookie that may have been made by a foreign page.

    Raises:
        Forbidden: Origin is not the address of Host, or the header has no token of this session.
    """
    if method in SAFE or caller.login is None:
        return
    if netloc(headers.get("origin", "")).lower() != headers.get("host", "").lower():
        raise Forbidden("Origin: got another address than Host, must be the same on a write by cookie; use a key")
    if not hmac.compare_digest(headers.get(CSRF_HEADER, "").encode(), caller.login.csrf.encode()):
        raise Forbidden(f"{CSRF_HEADER}: got no token of this session, must have it; GET /v1/session tells it")


def host_name(netloc: str) -> str:
    """The name without its port, lower-case; `[::1]` keeps its brackets."""
    name = netloc.rpartition("]")[0] + "]" if netloc.startswith("[") else netloc.partition(":")[0]
    return name.lower()


def netloc(origin: str) -> str:
    """Name and port in an Origin header, empty where there is none (`null`, or no URL at all)."""
    try:
        return urlsplit(origin).netloc
    except ValueError:
        return ""
