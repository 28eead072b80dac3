"""`/v1/searches/{search}/extend`, `/retry` and `/branch`: how a search goes on, and how another one begins with it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Header, Request, Response
from fastapi.concurrency import run_in_threadpool
from pydantic import ValidationError

from service.access import Principal
from service.api.context import Context, ContextDep
from service.api.going_on import branched, extension, retrial
from service.api.knowledge import gather
from service.api.principals import PrincipalDep, SearchId
from service.api.submission import read_body, resolve
from service.api.views import search_view
from service.errors import FieldFault, InvalidInput
from service.models import Search
from service.schemas import Extend, Retry, SearchView, faults_of
from service.schemas.spec import Strict
from service.store import Going, IdempotencyKey, Ledger

router = APIRouter(tags=["searches"])

Key = Annotated[str | None, Header(alias="Idempotency-Key", max_length=255)]
"""A route's parameter of this type."""

_BodyT = TypeVar("_BodyT", bound=Strict)


def _takes(schema: dict[str, Any]) -> dict[str, Any]:
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


@router.post("/v1/searches/{search}/extend", status_code=202, openapi_extra=_takes(Extend.model_json_schema()))
async def extend(
    search: SearchId, request: Request, context: ContextDep, principal: PrincipalDep, idempotency_key: Key = None
) -> SearchView:
    """A larger budget: a search goes on, also after its end, as if it had had that from the start."""
    idempotency = _idempotency(idempotency_key, f"Extend {search}", await request.body(), principal)
    return await _go_on(context, search, request, idempotency, Extend, extension)


@router.post("/v1/searches/{search}/retry", status_code=202, openapi_extra=_takes(Retry.model_json_schema()))
async def retry(
    search: SearchId, request: Request, context: ContextDep, principal: PrincipalDep, idempotency_key: Key = None
) -> SearchView:
    """Trials that failed, or were cancelled or stopped, go on as new ones from their last checkpoints; nothing else."""
    idempotency = _idempotency(idempotency_key, f"Retry {search}", await request.body(), principal)
    return await _go_on(context, search, request, idempotency, Retry, retrial)


@router.post("/v1/searches/{search}/branch", status_code=201, openapi_extra=_takes({"type": "object"}))
async def branch(
    search: SearchId,
    request: Request,
    response: Response,
    context: ContextDep,
    principal: PrincipalDep,
    idempotency_key: Key = None,
) -> SearchView:
    """A new search from an old one with what is changed; it begins with the old results that fit."""
    body, content_type = await request.body(), request.headers.get("content-type", "")
    idempotency = _idempotency(idempotency_key, f"Branch {search}", body, principal)
    view: SearchView = await run_in_threadpool(_branch, context, search, body, content_type, idempotency)
    response.headers["Location"] = view.links["self"]
    return view


async def _go_on(
    context: Context,
    search: str,
    request: Request,
    idempotency: IdempotencyKey | None,
    model: type[_BodyT],
    plan: Callable[[Ledger, Search, _BodyT], Going],
) -> SearchView:
    body, content_type = await request.body(), request.headers.get("content-type", "")

    def going() -> SearchView:
        wanted = _read(body, content_type, model)
        found = context.ledger.go_on(search, lambda now: plan(context.ledger, now, wanted), idempotency=idempotency)
        context.poke()
        return search_view(context.ledger, found)

    view: SearchView = await run_in_threadpool(going)
    return view


def _branch(
    context: Context, search: str, body: bytes, content_type: str, idempotency: IdempotencyKey | None
) -> SearchView:
    parent = context.ledger.search(search)
    raw = branched(parent, read_body(body, content_type))
    submission = resolve(raw, context.registry, context.nodes())
    knowledge = gather(context.ledger, submission, parent.project, branched_from=parent.id)
    assert submission.spec.name is not None
    child, is_new = context.ledger.submit(
        spec=submission.spec.model_dump(mode="json"),
        name=submission.spec.name,
        trainable=submission.spec.trainable,
        trainable_path=submission.trainable_path,
        project=parent.project,
        idempotency=idempotency,
        facts=[fact.to_dict() for fact in knowledge.facts],
        parents=knowledge.parents,
    )
    if is_new:
        context.poke()
    return search_view(context.ledger, child)


def _read(body: bytes, content_type: str, model: type[_BodyT]) -> _BodyT:
    raw = read_body(body, content_type)
    if not isinstance(raw, dict):
        raise InvalidInput.of(FieldFault(path="(body)", message="got no object, must be one; {} takes all defaults"))
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        raise InvalidInput.of(*faults_of(error, model)) from None


def _idempotency(key: str | None, what: str, body: bytes, principal: Principal) -> IdempotencyKey | None:
    """The key with a hash of the request, which is another one for another search or verb."""
    if key is None:
        return None
    if not key.strip():
        fault = FieldFault(path="Idempotency-Key", message="got an empty key, must have a character; leave it out")
        raise InvalidInput.of(fault)
    return IdempotencyKey(
        key=key, request_sha256=hashlib.sha256(what.encode() + b"\0" + body).hexdigest(), principal=principal.id
    )
