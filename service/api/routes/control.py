"""What is asked of searches while they run: change, enqueue, pause, resume, stop, cancel; of one, or of many."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Header, Request, Response
from fastapi.concurrency import run_in_threadpool

from search_spaces import Space, SpaceError, SpaceErrors
from service.access import Principal
from service.api.context import Context, ContextDep
from service.api.principals import PrincipalDep, SearchId, VisibleProject
from service.api.submission import read_body
from service.api.views import etag, search_view
from service.errors import Conflict, FieldFault, IllegalTransition, InvalidInput
from service.models import Json, Search
from service.schemas import Bulk, BulkView, SearchView, changed, spec_of, with_enqueued
from service.states import Intent
from service.store import IdempotencyKey, Ledger
from trainables.failpoints import failpoint

router = APIRouter(tags=["searches"])

_CHANGE = {
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/SearchChange"}}},
    }
}
_CONFIGURATION = {
    "requestBody": {"required": True, "content": {"application/json": {"schema": {"type": "object"}}}},
}

Verb = Callable[[Ledger, str], Search]

_VERBS: dict[str, Verb] = {
    "stop": lambda ledger, search: ledger.request(search, Intent.STOP),
    "cancel": lambda ledger, search: ledger.request(search, Intent.CANCEL),
    "pause": lambda ledger, search: ledger.pause(search),
    "resume": lambda ledger, search: ledger.resume(search),
}


@router.patch("/v1/searches/{search}", openapi_extra=_CHANGE)
async def change(
    search: SearchId,
    request: Request,
    response: Response,
    context: ContextDep,
    if_match: Annotated[str | None, Header(max_length=1024)] = None,
) -> SearchView:
    """Changes parallelism, priority, weight, budget, deadline or tags while it runs; a JSON merge patch."""
    body, content_type = await request.body(), request.headers.get("content-type", "")
    view: SearchView = await run_in_threadpool(_change, context, search, body, content_type, if_match)
    response.headers["ETag"] = etag(view.version)
    return view


@router.post("/v1/searches/{search}/enqueue", status_code=202, openapi_extra=_CONFIGURATION)
async def enqueue(
    search: SearchId,
    request: Request,
    context: ContextDep,
    principal: PrincipalDep,
    idempotency_key: Annotated[str | None, Header(max_length=255)] = None,
) -> SearchView:
    """Adds a configuration, to be tried next; parameters left out are sampled. It counts towards budget.trials."""
    body, content_type = await request.body(), request.headers.get("content-type", "")
    idempotency = _idempotency(idempotency_key, search, body, principal)
    view: SearchView = await run_in_threadpool(_enqueue, context, search, body, content_type, idempotency)
    return view


@router.post("/v1/searches/{search}/stop", status_code=202)
def stop(search: SearchId, context: ContextDep) -> SearchView:
    """No new trials; running ones finish. Asking twice is one asking."""
    return _ask("stop", search, context)


@router.post("/v1/searches/{search}/cancel", status_code=202)
def cancel(search: SearchId, context: ContextDep) -> SearchView:
    """Ends everything now. Asking twice is one asking."""
    return _ask("cancel", search, context)


@router.post("/v1/searches/{search}/pause", status_code=202)
def pause(search: SearchId, context: ContextDep) -> SearchView:
    """Its trials give back their gangs, each at its next report, and wait with their checkpoints."""
    return _ask("pause", search, context)


@router.post("/v1/searches/{search}/resume", status_code=202)
def resume(search: SearchId, context: ContextDep) -> SearchView:
    """Takes a pause back; its trials go on from where they were."""
    return _ask("resume", search, context)


@router.post("/v1/searches:stop", status_code=202)
def stop_all(bulk: Bulk, context: ContextDep, project: VisibleProject) -> BulkView:
    """The same for every search that the filter finds; with `dry_run`, only counts them."""
    return _ask_all("stop", bulk, context, project)


@router.post("/v1/searches:cancel", status_code=202)
def cancel_all(bulk: Bulk, context: ContextDep, project: VisibleProject) -> BulkView:
    """The same for every search that the filter finds; with `dry_run`, only counts them."""
    return _ask_all("cancel", bulk, context, project)


@router.post("/v1/searches:pause", status_code=202)
def pause_all(bulk: Bulk, context: ContextDep, project: VisibleProject) -> BulkView:
    """The same for every search that the filter finds; with `dry_run`, only counts them."""
    return _ask_all("pause", bulk, context, project)


@router.post("/v1/searches:resume", status_code=202)
def resume_all(bulk: Bulk, context: ContextDep, project: VisibleProject) -> BulkView:
    """The same for every search that the filter finds; with `dry_run`, only counts them."""
    return _ask_all("resume", bulk, context, project)


def _change(context: Context, search: str, body: bytes, content_type: str, if_match: str | None) -> SearchView:
    raw = read_body(body, content_type)
    found = context.ledger.amend(search, lambda now: changed(now, raw), expects=_versions(if_match))
    context.poke()
    return search_view(context.ledger, found)


def _enqueue(
    context: Context, search: str, body: bytes, content_type: str, idempotency: IdempotencyKey | None
) -> SearchView:
    config = read_body(body, content_type)
    if not isinstance(config, dict):
        raise InvalidInput.of(FieldFault(path="(body)", message="got no object, must be parameters and their values"))
    add = partial(_with_configuration, context.ledger.tried(search), config)
    return search_view(context.ledger, context.ledger.amend(search, add, idempotency=idempotency))


def _idempotency(key: str | None, search: str, body: bytes, principal: Principal) -> IdempotencyKey | None:
    if key is None:
        return None
    digest = hashlib.sha256(b"enqueue\0" + search.encode() + b"\0" + body).hexdigest()
    return IdempotencyKey(key=key, request_sha256=digest, principal=principal.id)


def _with_configuration(tried: tuple[int, int], config: Json, search: Search) -> Json:
    """The search's changes with one more configuration; refused where it could not be tried any more."""
    spec = spec_of(search)
    assert spec.space is not None
    assert spec.budget.trials is not None
    try:
        Space.parse(spec.space).complete(config, 0, path="config")
    except SpaceErrors as errors:
        raise InvalidInput.of(*(FieldFault(path=e.path, message=e.message) for e in errors.errors)) from None
    except SpaceError as error:
        raise InvalidInput.of(FieldFault(path=error.path, message=error.message)) from None
    begun, asked_for = tried
    waiting = len(spec.enqueue) - asked_for
    if search.intent is not Intent.RUN or begun + waiting >= spec.budget.trials:
        raise Conflict(
            f"enqueue: got a configuration, must come while trials may still begin; {begun} of {spec.budget.trials} "
            f"have, {waiting} wait, and its intent is {search.intent}; raise budget.trials, or submit another search"
        )
    return with_enqueued(search, config)


def _ask(verb: str, search: str, context: Context) -> SearchView:
    found = _VERBS[verb](context.ledger, search)
    failpoint("intent.before_answer")
    context.poke()
    return search_view(context.ledger, found)


def _ask_all(verb: str, bulk: Bulk, context: Context, project: str | None) -> BulkView:
    found = [search for search in _matching(context.ledger, bulk, project) if not search.state.is_terminal]
    refused: dict[str, str] = {}
    for search in [] if bulk.dry_run else found:
        try:
            _VERBS[verb](context.ledger, search.id)
        except IllegalTransition as error:  # it has ended meanwhile, or wants something more severe
            refused[search.id] = str(error)
    if found and not bulk.dry_run:
        context.poke()
    return BulkView(matched=len(found), dry_run=bulk.dry_run, searches=[search.id for search in found], refused=refused)


def _matching(ledger: Ledger, bulk: Bulk, project: str | None) -> list[Search]:
    found: list[Search] = []
    cursor: str | None = None
    while True:
        page = ledger.searches(
            project=project, state=bulk.state, name=bulk.name, tag=bulk.tag, limit=200, cursor=cursor
        )
        found += page.items
        cursor = page.next_cursor
        if cursor is None:
            return found


def _versions(if_match: str | None) -> frozenset[int] | None:
    """The versions that an If-Match header names; None where any will do."""
    if if_match is None or if_match.strip() == "*":
        return None
    tags: list[Any] = re.findall(r'(?:W/)?"([^"]*)"', if_match)
    if not tags:
        message = (
            f"got {if_match!r}, must be the ETag of an answer, with its quotes; leave it out to change any version"
        )
        raise InvalidInput.of(FieldFault(path="If-Match", message=message))
    return frozenset(int(tag) for tag in tags if tag.isdecimal() and len(tag) < 10)
