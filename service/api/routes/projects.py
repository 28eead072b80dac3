"""`/v1/projects`: make and list projects."""

from __future__ import annotations

from fastapi import APIRouter

from service.api.context import ContextDep
from service.api.principals import PrincipalDep
from service.errors import ScopeMissing
from service.models import Project
from service.schemas import ProjectRequest, ProjectView

router = APIRouter(tags=["projects"])


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


def _view(project: Project) -> ProjectView:
    return ProjectView(name=project.name, created_at=project.created_at)
