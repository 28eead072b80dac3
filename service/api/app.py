"""The Serve application: `Api` answers requests, `Events` follows the ledger's logs for all of them.

`serve deploy deploy/serve.yaml` and `python -m service.api` both put it on a cluster through `build`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import ray
from ray import serve
from ray.exceptions import GetTimeoutError, RayError, RayTaskError
from ray.serve.handle import DeploymentHandle
from starlette.types import ASGIApp

from service.api.authentication import Authenticator
from service.api.binding import bind_to_own_address
from service.api.context import Context
from service.api.http import build_http, guarded
from service.api.tail import Tail
from service.api.views import event_view
from service.coordinator import nodes, start_coordinator
from service.errors import ClusterUnavailable, ConfigurationError, RungError
from service.schemas import EventView
from service.settings import Settings
from service.store import Ledger
from trainables import Registry
from trainables.checkpoints.stores import open_store

_LEDGER_S = 4.0
"""Seconds that a request waits for the ledger, so that a 503 comes within 5."""

_CALL_S = 5.0
"""Seconds that a request waits for the coordinator."""


@serve.deployment(max_ongoing_requests=1000, ray_actor_options={"num_cpus": 0}, graceful_shutdown_timeout_s=5)
class Events:
    """Event streams in a deployment of their own: thousands of open ones take no slot from other requests."""

    def __init__(self) -> None:
        bind_to_own_address()
        settings = Settings.from_env()
        ledger = Ledger.open(settings.ledger_url, _LEDGER_S)
        self._tail = Tail(
            read=lambda search, after, limit: ledger.events(search, after=after, limit=limit),
            newest=lambda search: ledger.search(search).last_seq,
            max_streams=settings.max_streams,
            max_streams_per_key=settings.max_streams_per_key,
        )

    async def follow(self, search: str, after: int, principal: str) -> AsyncIterator[str | None]:
        """The events as JSON; None as a sign of life."""
        async for event in self._tail.follow(search, after, principal):
            yield event_view(event).model_dump_json() if event is not None else None


@serve.deployment(
    max_ongoing_requests=1000,
    max_queued_requests=1000,
    ray_actor_options={"num_cpus": 0},
    graceful_shutdown_timeout_s=5,
)
@serve.ingress()
class Api:
    """The HTTP application of `service.api.http`, in a replica."""

    def __init__(self, events: DeploymentHandle) -> None:
        bind_to_own_address()
        self._settings = Settings.from_env()
        self._events = events.options(stream=True)
        self._coordinator = start_coordinator()

    def __serve_build_asgi_app__(self) -> ASGIApp:
        """What Serve calls once the replica is constructed."""
        settings = self._settings
        token = settings.read_token()
        if token is None:
            raise ConfigurationError(
                f"RUNG_TOKEN: got nothing, and {settings.token_file} does not exist; must be a secret; run `rung up`"
            )
        ledger = Ledger.open(settings.ledger_url, _LEDGER_S)
        context = Context(
            ledger=ledger,
            authenticator=Authenticator(ledger, token, timedelta(hours=settings.session_hours)),
            registry=Registry.parse(settings.trainables),
            store=settings.store_dir,
            checkpoints=open_store(settings.store_url, settings.store_dir),
            nodes=nodes,
            poke=self._poke,
            coordinator_age_s=self._coordinator_age_s,
            follow=self._follow,
            has_tls=settings.has_tls,
        )
        return guarded(build_http(context), context, settings)

    def _poke(self) -> None:
        self._coordinator.poke.remote()

    def _coordinator_age_s(self) -> float:
        try:
            return float(ray.get(self._coordinator.look.remote(), timeout=_CALL_S))
        except (RayError, GetTimeoutError) as error:
            self._coordinator = start_coordinator()
            raise ClusterUnavailable(f"coordinator: got no answer ({type(error).__name__}), must look") from None

    async def _follow(self, search: str, after: int, principal: str) -> AsyncIterator[EventView | None]:
        stream: Any = self._events.follow.remote(search, after, principal)
        try:
            async for text in stream:
                yield EventView.model_validate_json(text) if text is not None else None
        except RayTaskError as error:
            if isinstance(error.cause, RungError):  # raised there on purpose, for the client
                raise error.cause from None
            raise
        finally:
            stream.cancel()  # so that nobody follows for a client that has gone


def build(args: dict[str, str] | None = None) -> serve.Application:
    """The application, as a Serve config file names it.

    Args:
        args: none are taken; settings are environment variables, so that no secret stands in a file Serve shows.

    Raises:
        ConfigurationError: some were given.
    """
    if args:
        raise ConfigurationError(f"args: got {', '.join(args)}, must be empty; set RUNG_* environment variables")
    return Api.bind(Events.bind())  # type: ignore[attr-defined]  # serve.deployment's result has no usable type
