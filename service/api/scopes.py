"""Which scope each route needs: the whole list. Who asks is proved in `authentication`; `guard` puts both together.

A route that is not here needs `admin`: forgetting one opens nothing, and a test finds it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from starlette.routing import compile_path

from service.access import Scope
from service.api.browsers import SAFE

OPEN: frozenset[str] = frozenset({"GET /", "GET /healthz", "GET /ui/static/{file:path}", "GET /ui/{path:path}"})
"""What may be asked without a key: the page is files of this package, the same for everybody, and holds no data."""

ANY_KEY: frozenset[str] = frozenset({"GET /openapi.json", "GET /v1/session", "POST /v1/session", "DELETE /v1/session"})
"""What every valid key may ask, whatever its scopes."""

NEEDS: Mapping[Scope, frozenset[str]] = {
    Scope.READ: frozenset(
        {
            "GET /readyz",
            "GET /v1/algorithms",
            "GET /v1/cluster",
            "GET /v1/figures",
            "GET /v1/searches",
            "GET /v1/searches/{search}",
            "GET /v1/searches/{search}/audit",
            "GET /v1/searches/{search}/best",
            "GET /v1/searches/{search}/events",
            "GET /v1/searches/{search}/export",
            "GET /v1/searches/{search}/figures/{figure}",
            "GET /v1/searches/{search}/report",
            "GET /v1/searches/{search}/reports",
            "GET /v1/searches/{search}/rungs",
            "GET /v1/searches/{search}/table",
            "GET /v1/searches/{search}/trials",
            "GET /v1/searches/{search}/trials/{number}",
            "GET /v1/searches/{search}/trials/{number}/reports",
            "GET /v1/searches/{search}/trials/{number}/verdicts",
            "GET /v1/trainables",
            "POST /v1/searches:validate",
        }
    ),
    Scope.WRITE: frozenset(
        {
            "PATCH /v1/searches/{search}",
            "POST /v1/searches",
            "POST /v1/searches/{search}/branch",
            "POST /v1/searches/{search}/enqueue",
            "POST /v1/searches/{search}/extend",
            "POST /v1/searches/{search}/pause",
            "POST /v1/searches/{search}/resume",
            "POST /v1/searches/{search}/retry",
            "POST /v1/searches:pause",
            "POST /v1/searches:resume",
        }
    ),
    Scope.CANCEL: frozenset(
        {
            "POST /v1/searches/{search}/cancel",
            "POST /v1/searches/{search}/stop",
            "POST /v1/searches:cancel",
            "POST /v1/searches:stop",
        }
    ),
    Scope.ARTIFACTS: frozenset({"GET /v1/searches/{search}/best/checkpoint"}),
    Scope.ADMIN: frozenset(
        {
            "DELETE /v1/keys/{key}",
            "GET /v1/audit-log",
            "GET /v1/keys",
            "GET /v1/projects",
            "POST /v1/keys",
            "POST /v1/projects",
            "PUT /v1/projects/{project}/quota",
        }
    ),
}

_UNNOTED = frozenset({Scope.READ, Scope.ARTIFACTS})


@dataclass(frozen=True, kw_only=True, slots=True)
class Access:
    """What a request needs.

    Attributes:
        is_open: no key at all.
        scope: of its key; None: any valid key will do.
        is_noted: it changes something, and stands in the audit log.
    """

    is_open: bool = False
    scope: Scope | None = None
    is_noted: bool = False


def access_of(method: str, path: str) -> Access:
    """What a request needs, by its method and decoded path."""
    for pattern, access in _PATTERNS.get(method, ()):
        if pattern.match(path):
            return access
    return Access(scope=Scope.ADMIN, is_noted=method not in SAFE)


def methods_of(path: str) -> list[str]:
    """The methods that this decoded path may be asked with, by name; none where no route is listed for it."""
    return sorted(method for method, listed in _PATTERNS.items() if any(pattern.match(path) for pattern, _ in listed))


def _access_by_route() -> dict[str, Access]:
    listed = {route: Access(is_open=True) for route in OPEN} | {route: Access() for route in ANY_KEY}
    for scope, routes in NEEDS.items():
        for route in routes:
            is_noted = scope not in _UNNOTED and route.partition(" ")[0] not in SAFE
            listed[route] = Access(scope=scope, is_noted=is_noted)
    return listed


ROUTES: Mapping[str, Access] = _access_by_route()
"""`METHOD /path/{parameter}` to what it needs."""

_METHODS = {route.partition(" ")[0] for route in ROUTES}
_PATTERNS = {
    method: [
        (compile_path(route.partition(" ")[2])[0], access)
        for route, access in ROUTES.items()
        if route.startswith(f"{method} ")
    ]
    for method in _METHODS
}
