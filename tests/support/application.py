"""The HTTP application with everything real but Ray: ledger, registry, guard, checkpoints on disk."""

from __future__ import annotations

from contextlib import aclosing
from datetime import timedelta
from types import SimpleNamespace

from service.api.authentication import Authenticator
from service.api.context import Context
from service.api.http import build_http, guarded
from service.api.tail import Tail
from service.api.views import event_view
from service.coordinator import Node
from service.settings import Settings

TOKEN = "rung_secret"
"""The operator's."""


def application(searches, registry, **settings) -> SimpleNamespace:
    """The application and what it was built from: `door` is guarded, `app` is not.

    Args:
        searches: `tests.support.runs.Searches`, whose ledger and store it serves.
        registry: of the trainables there are.
        settings: of the service; rates are so high that no test reaches them unless it says so.
    """
    ledger, pokes = searches.ledger, []
    tail = Tail(
        read=lambda search, after, limit: ledger.events(search, after=after, limit=limit),
        newest=lambda search: ledger.search(search).last_seq,
        max_streams=3,
        max_streams_per_key=2,
        poll_s=0.01,
        idle_s=0.05,
    )

    async def follow(search, after, principal):
        async with aclosing(tail.follow(search, after, principal)) as events:
            async for event in events:
                yield event_view(event) if event is not None else None

    context = Context(
        authenticator=Authenticator(ledger, TOKEN, timedelta(hours=1)),
        ledger=ledger,
        registry=registry,
        store=searches.store,
        nodes=lambda: [Node(cpus=4, gpus=0)],
        poke=lambda: pokes.append(1),
        coordinator_age_s=lambda: 0.1,
        follow=follow,
        has_tls=False,
    )
    app = build_http(context)
    door = guarded(app, context, Settings(**{"max_requests_per_s": 1e4, "max_failures_per_min": 1e5, **settings}))
    return SimpleNamespace(app=app, door=door, context=context, pokes=pokes, tail=tail, searches=searches)
