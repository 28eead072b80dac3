"""`/v1/searches/{search}/events`: the search's log as server-sent events, without a gap over reconnects."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Header, Query
from fastapi.responses import StreamingResponse

from service.api.context import ContextDep
from service.api.principals import PrincipalDep, SearchId
from service.schemas import EventView

router = APIRouter(tags=["events"])

MAX_SEQ = 2**63 - 1
"""The highest sequence number that the ledger could hold."""

_RETRY_MS = 1000
"""How long a client waits before it reconnects."""


@router.get("/v1/searches/{search}/events", response_class=StreamingResponse)
async def events(
    search: SearchId,
    context: ContextDep,
    principal: PrincipalDep,
    after: Annotated[int, Query(ge=0, le=MAX_SEQ, description="Begin after this sequence number")] = 0,
    last_event_id: Annotated[
        int | None, Header(ge=0, le=MAX_SEQ, description="The same, as browsers send it; it wins")
    ] = None,
) -> StreamingResponse:
    """Every event after a sequence number, then each new one as it is committed, until the search has ended."""
    stream = context.follow(search, after if last_event_id is None else last_event_id, principal.id)
    await anext(stream)  # raises if there is no room, while the answer can still be a problem
    headers = {"X-Accel-Buffering": "no"}
    return StreamingResponse(_frames(stream), media_type="text/event-stream", headers=headers)


async def _frames(events: AsyncIterator[EventView | None]) -> AsyncIterator[str]:
    yield f"retry: {_RETRY_MS}\n\n"
    async for event in events:
        if event is None:
            yield ": still here\n\n"
        else:
            yield f"id: {event.seq}\nevent: {event.kind}\ndata: {event.model_dump_json()}\n\n"
