"""`/v1/searches`: submit, validate, list, show, audit. What is asked of a running search is in `control`."""

from __future__ import annotations

import hashlib
from typing import Annotated

from fastapi import APIRouter, Header, Query, Request, Response
from fastapi.concurrency import run_in_threadpool

from service.access import Principal
from service.api.context import Context, ContextDep
from service.api.knowledge import gather
from service.api.principals import PrincipalDep, SearchId, VisibleProject, owning
from service.api.submission import Submission, cost_of, first_proposals, read_body, resolve
from service.api.views import audit_view, descent_view, etag, forecast_view, search_view
from service.errors import FieldFault, InvalidInput
from service.runner import audit_search
from service.schemas import AuditView, SearchPage, SearchView, ValidationView
from service.states import SearchState
from service.store import IdempotencyKey
from trainables.failpoints import failpoint

router = APIRouter(tags=["searches"])

_NO_NUL = r"^[^\x00]*$"
"""PostgreSQL's text holds no NUL."""

_SPEC = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": {"$ref": "#/components/schemas/SearchSpec"}},
            "application/yaml": {"schema": {"$ref": "#/components/schemas/SearchSpec"}},
        },
    }
}


@router.post("/v1/searches", status_code=201, openapi_extra=_SPEC)
async def submit(
    request: Request,
    response: Response,
    context: ContextDep,
    principal: PrincipalDep,
    project: VisibleProject,
    idempotency_key: Annotated[str | None, Header(max_length=255)] = None,
) -> SearchView:
    """Accepts a search. With an `Idempotency-Key`, the same key and body get the same search again."""
    submission = await run_in_threadpool(
        _resolve, context, await request.body(), request.headers.get("content-type", "")
    )
    idempotency = _idempotency(idempotency_key, await request.body(), principal, owning(project))
    search: SearchView = await run_in_threadpool(_submit, context, submission, owning(project), idempotency)
    response.headers["Location"] = search.links["self"]
    return search


@router.post("/v1/searches:validate", openapi_extra=_SPEC)
async def validate(request: Request, context: ContextDep, project: VisibleProject) -> ValidationView:
    """What would run; nothing is stored."""
    body = await request.body()
    content_type = request.headers.get("content-type", "")
    view: ValidationView = await run_in_threadpool(_validate, context, body, content_type, owning(project))
    return view


@router.get("/v1/searches")
def list_searches(
    context: ContextDep,
    project: VisibleProject,
    state: SearchState | None = None,
    name: Annotated[str | None, Query(max_length=64, pattern=_NO_NUL)] = None,
    tag: Annotated[str | None, Query(max_length=321, pattern=_NO_NUL, description="`key` or `key=value`")] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    cursor: Annotated[str | None, Query(max_length=256)] = None,
) -> SearchPage:
    """Searches, newest first."""
    page = context.ledger.searches(project=project, state=state, name=name, tag=tag, limit=limit, cursor=cursor)
    return SearchPage(items=[search_view(context.ledger, s) for s in page.items], next_cursor=page.next_cursor)


@router.get("/v1/searches/{search}")
def show(search: SearchId, response: Response, context: ContextDep) -> SearchView:
    """One search: its state and why, its progress, its best so far."""
    found = context.ledger.search(search)
    response.headers["ETag"] = etag(found.version)
    return search_view(context.ledger, found)


@router.get("/v1/searches/{search}/audit")
def audit(search: SearchId, context: ContextDep) -> AuditView:
    """Every recorded proposal and verdict decided again by a fresh Study: the first difference, if any."""
    return audit_view(search, audit_search(context.ledger, search))


def _submit(context: Context, submission: Submission, project: str, idempotency: IdempotencyKey | None) -> SearchView:
    spec = submission.spec
    assert spec.name is not None
    knowledge = gather(context.ledger, submission, project)
    search, is_new = context.ledger.submit(
        spec=spec.model_dump(mode="json"),
        name=spec.name,
        trainable=spec.trainable,
        trainable_path=submission.trainable_path,
        project=project,
        idempotency=idempotency,
        facts=[fact.to_dict() for fact in knowledge.facts],
        parents=knowledge.parents,
    )
    failpoint("submit.before_answer")
    if is_new:
        context.poke()
    return search_view(context.ledger, search)


def _idempotency(key: str | None, body: bytes, principal: Principal, project: str) -> IdempotencyKey | None:
    if key is None:
        return None
    if not key.strip():
        fault = FieldFault(path="Idempotency-Key", message="got an empty key, must have a character; leave it out")
        raise InvalidInput.of(fault)
    request = hashlib.sha256(f"{project}\n".encode() + body).hexdigest()
    return IdempotencyKey(key=key, request_sha256=request, principal=principal.id)


def _validate(context: Context, body: bytes, content_type: str, project: str) -> ValidationView:
    submission = _resolve(context, body, content_type)
    spec, knowledge = submission.spec, gather(context.ledger, submission, project)
    assert spec.budget.trials is not None
    return ValidationView(
        spec=spec.model_dump(mode="json"),
        trials=spec.budget.trials,
        grid_size=submission.grid_size,
        slots=min(submission.slots, spec.parallelism),
        rungs=submission.rungs,
        first_proposals=first_proposals(submission, knowledge.facts),
        forecast=forecast_view(cost_of(submission)),
        warm_start=[descent_view(parent) for parent in knowledge.parents],
    )


def _resolve(context: Context, body: bytes, content_type: str) -> Submission:
    return resolve(read_body(body, content_type), context.registry, context.nodes())
