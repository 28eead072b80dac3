"""`/v1/keys`: make, list and revoke API keys. An admin of one project has power over that project's keys only."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Path, Query

from service.access import Principal
from service.api.context import ContextDep
from service.api.principals import PrincipalDep
from service.errors import FieldFault, InvalidInput, NotFound
from service.models import Key
from service.schemas import KeyPage, KeyRequest, KeyView, NewKeyView

router = APIRouter(tags=["keys"])

KeyId = Annotated[str, Path(pattern=r"^[0-9a-z]{8}$", description="Id of the key")]
"""A route's parameter of this type."""


@router.post("/v1/keys", status_code=201)
def create_key(request: KeyRequest, context: ContextDep, principal: PrincipalDep) -> NewKeyView:
    """Makes a key. Its text is in this answer and nowhere else."""
    if request.expires_at is not None and request.expires_at <= datetime.now(UTC):
        message = f"got {request.expires_at.isoformat()}, must be in the future; correct it or leave it out"
        raise InvalidInput.of(FieldFault(path="expires_at", message=message))
    key, secret = context.ledger.create_key(
        name=request.name,
        project=_project(request, principal),
        scopes=request.scopes,
        created_by=principal.id,
        expires_at=request.expires_at,
    )
    return NewKeyView(key=secret.text, **_view(key).model_dump())


@router.get("/v1/keys")
def list_keys(
    context: ContextDep,
    principal: PrincipalDep,
    limit: Annotated[int, Query(ge=1, le=200)] = 100,
    cursor: Annotated[str, Query(pattern=r"^[0-9a-z]{0,8}$", description="`next_cursor` of the page before")] = "",
) -> KeyPage:
    """Keys by id, those that have ended included."""
    found = context.ledger.keys(project=principal.project, after=cursor, limit=limit + 1)
    page = found[:limit]
    return KeyPage(items=[_view(key) for key in page], next_cursor=page[-1].id if len(found) > limit else None)


@router.delete("/v1/keys/{key}")
def revoke_key(key: KeyId, context: ContextDep, principal: PrincipalDep) -> KeyView:
    """Ends a key at once and for good, and every browser's session with it. Asking twice is one asking."""
    return _view(context.ledger.revoke_key(key, project=principal.project))


def _project(request: KeyRequest, principal: Principal) -> str | None:
    if request.project is None:
        return principal.project
    if not principal.sees(request.project):
        raise NotFound(f"project: got {request.project}, must be one that this key sees; leave it out")
    return request.project


def _view(key: Key) -> KeyView:
    return KeyView(
        id=key.id,
        name=key.name,
        project=key.project,
        scopes=sorted(key.scopes),
        created_by=key.created_by,
        created_at=key.created_at,
        expires_at=key.expires_at,
        revoked_at=key.revoked_at,
        last_used_at=key.last_used_at,
    )
