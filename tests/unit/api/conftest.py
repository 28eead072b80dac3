"""The HTTP application with everything real but Ray: ledger, registry, guard, checkpoints on disk."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from starlette.testclient import TestClient

from service.api.context import Context
from service.api.http import build_http, guarded
from service.api.tail import Tail
from service.api.views import event_view
from service.coordinator import Node
from service.settings import Settings
from tests.support.runs import Searches
from trainables import Registry

TOKEN = "rung_secret"


@pytest.fixture
def searches(tmp_path):
    searches = Searches(tmp_path)
    yield searches
    searches.ledger.close()


@pytest.fixture
def service(tmp_path, searches):
    """An application and what it was built from: `http` has the token, `anonymous` has not."""
    ledger, pokes = searches.ledger, []
    tail = Tail(
        read=lambda search, after, limit: ledger.events(search, after=after, limit=limit),
        newest=lambda search: ledger.search(search).last_seq,
        max_streams=3,
        poll_s=0.01,
        idle_s=0.05,
    )

    async def follow(search, after):
        async for event in tail.follow(search, after):
            yield event_view(event) if event is not None else None

    context = Context(
        ledger=ledger,
        registry=Registry(),
        store=searches.store,
        nodes=lambda: [Node(cpus=4, gpus=0)],
        poke=lambda: pokes.append(1),
        coordinator_age_s=lambda: 0.1,
        follow=follow,
    )
    settings = Settings(home=tmp_path, max_body_bytes=1 << 16)
    app = build_http(context)
    door = guarded(app, settings, TOKEN)
    options = {"base_url": "http://127.0.0.1:8000", "raise_server_exceptions": False}
    with (
        TestClient(door, headers={"Authorization": f"Bearer {TOKEN}"}, **options) as http,
        TestClient(door, **options) as anonymous,
    ):
        yield SimpleNamespace(http=http, anonymous=anonymous, app=app, pokes=pokes, tail=tail, searches=searches)
