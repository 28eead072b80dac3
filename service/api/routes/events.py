"""`/v1/searches/{search}/events`: the search's log as server-sent events, without a gap over reconnects."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Header, Query
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import StreamingResponse

from service.api.context import ContextDep
from service.errors import FieldFault, InvalidInput
from service.schemas import EventView

router = APIRouter(tags=["events"])

_RETRY_MS = 1000
"""How long a client waits before it reconnects."""


@router.get("/v1/searches/{search}/events", response_class=StreamingResponse)
async def events(
    search: str,
    context: ContextDep,
    after: Annotated[int, Query(ge=0, description="Begin after this sequence number")] = 0,
    last_event_id: Annotated[str | None, Header(description="The same, as browsers send it; it wins")] = None,
) -> StreamingResponse:
    """Every event after a sequence number, then each new one as it is committed, until the search has ended."""
    await run_in_threadpool(context.ledger.search, search)
    if last_event_id is not None:
        if not last_event_id.isdigit():
            fault = f"got {last_event_id!r:.80}, must be the id of an event, a whole number; leave the header out"
            raise InvalidInput.of(FieldFault(path="Last-Event-ID", message=fault))
        after = int(last_event_id)
    stream = context.follow(search, after)
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
