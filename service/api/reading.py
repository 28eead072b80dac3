"""`python -m service.api.reading`: the page and the API on a ledger, with no cluster up. No search can be changed.

For looking at searches after `rung down`, or at a copy of somebody's ledger. `rung page` starts it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from typing import NoReturn

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

from service.api.authentication import Authenticator
from service.api.context import Context
from service.api.http import build_http, guarded
from service.api.problems import problem_response
from service.api.tail import Tail
from service.api.views import event_view
from service.coordinator import Node
from service.errors import ClusterUnavailable, ConfigurationError
from service.schemas import EventView
from service.settings import Settings
from service.store import Ledger
from trainables import Registry
from trainables.checkpoints.stores import open_store

_READS = frozenset({"GET", "HEAD"})
_SESSION = "/v1/session"
_WHY = "cluster: got a ledger without one, must be up for anything but looking; run `rung up`"


class ReadOnly:
    """Lets reads and browsers' sessions through, and refuses all else."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one connection."""
        if scope["type"] == "http" and scope["method"] not in _READS and scope["path"] != _SESSION:
            await problem_response(ClusterUnavailable(_WHY))(scope, receive, send)
        else:
            await self._app(scope, receive, send)


def reading_app(settings: Settings) -> ASGIApp:
    """The application on the settings' ledger.

    Raises:
        ConfigurationError: there is no token yet.
    """
    token = settings.read_token()
    if token is None:
        raise ConfigurationError(
            f"RUNG_TOKEN: got nothing, and {settings.token_file} does not exist; must be a secret; set RUNG_TOKEN"
        )
    ledger = Ledger.open(settings.ledger_url)
    authenticator = Authenticator(ledger, token, timedelta(hours=settings.session_hours))
    tail = Tail(
        read=lambda search, after, limit: ledger.events(search, after=after, limit=limit),
        newest=lambda search: ledger.search(search).last_seq,
        max_streams=settings.max_streams,
        max_streams_per_key=settings.max_streams_per_key,
    )

    async def follow(search: str, after: int, principal: str) -> AsyncIterator[EventView | None]:
        async for event in tail.follow(search, after, principal):
            yield event_view(event) if event is not None else None

    context = Context(
        authenticator=authenticator,
        ledger=ledger,
        registry=Registry.parse(settings.trainables),
        store=settings.store_dir,
        checkpoints=open_store(settings.store_url, settings.store_dir),
        nodes=_no_nodes,
        poke=lambda: None,
        coordinator_age_s=_no_coordinator,
        follow=follow,
        has_tls=settings.has_tls,
    )
    return guarded(ReadOnly(build_http(context)), context, settings)


def main() -> None:
    """Serves until a signal."""
    settings = Settings.from_env()
    uvicorn.run(
        reading_app(settings),
        host=settings.host,
        port=settings.port,
        ssl_certfile=settings.tls_cert or None,
        ssl_keyfile=settings.tls_key or None,
        log_level="warning",
    )


def _no_nodes() -> Sequence[Node]:
    raise ClusterUnavailable(_WHY)


def _no_coordinator() -> NoReturn:
    raise ClusterUnavailable(_WHY)


if __name__ == "__main__":
    main()
