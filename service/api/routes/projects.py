"""`/v1/projects`: make and list projects, and bound what they may hold."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path

from service.api.context import ContextDep
from service.api.principals import PrincipalDep
from service.errors import ScopeMissing
from service.models import Project
from service.schemas import ProjectRequest, ProjectView, Quota
from service.schemas.spec import NAME

router = APIRouter(tags=["projects"])

ProjectName = Annotated[str, Path(pattern=NAME, description="Name of the project")]


@router.post("/v1/projects", status_code=201)
def create_project(request: ProjectRequest, context: ContextDep, principal: PrincipalDep) -> ProjectView:
    """Makes a project. Only who sees every project may."""
    if principal.project is not None:
        raise ScopeMissing(
            f"key: got {principal.id}, which is bound to the project {principal.project}, must see every project to "
            "make one; ask the operator"
        )
    return _view(context.ledger.create_project(request.name))


@router.get("/v1/projects")
def list_projects(context: ContextDep, principal: PrincipalDep) -> list[ProjectView]:
    """The projects that the key sees, by name."""
    return [_view(project) for project in context.ledger.projects(name=principal.project)]


@router.put("/v1/projects/{project}/quota")
def set_quota(project: ProjectName, quota: Quota, context: ContextDep, principal: PrincipalDep) -> ProjectView:
    """Bounds what its searches may hold together; what is left out is not bounded. Only who sees every project may."""
    if principal.project is not None:
        raise ScopeMissing(
            f"key: got {principal.id}, which is bound to the project {principal.project}, must see every project to "
            "set a quota; ask the operator"
        )
    found = context.ledger.set_quota(project, quota.model_dump(exclude_none=True))
    context.poke()
    return _view(found)


def _view(project: Project) -> ProjectView:
    return ProjectView(name=project.name, created_at=project.created_at, quota=Quota.model_validate(project.quota))
