"""`/v1/audit-log`: who wrote, what, when, and what the answer was. The guard writes it."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Query

from service.api.context import ContextDep
from service.api.principals import PrincipalDep
from service.schemas import AuditEntryView, AuditPage

router = APIRouter(tags=["audit log"])


@router.get("/v1/audit-log")
def read_audit_log(
    context: ContextDep,
    principal: PrincipalDep,
    key: Annotated[str | None, Query(pattern=r"^[0-9a-z]{8}$", description="Only of this key, or operator")] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    cursor: Annotated[int | None, Query(ge=1, lt=2**63, description="`next_cursor` of the page before")] = None,
) -> AuditPage:
    """Writes and refused attempts of them, newest first: of the key's project, or of everybody."""
    found = context.ledger.audit_log(project=principal.project, before=cursor, principal=key, limit=limit + 1)
    page = found[:limit]
    items = [AuditEntryView.model_validate(asdict(line)) for line in page]
    return AuditPage(items=items, next_cursor=page[-1].seq if len(found) > limit else None)
