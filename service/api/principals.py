"""What routes know of who asks: a principal, and ids that are checked to be its own. The guard has proved who it is."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Query, Request
from fastapi import Path as PathParameter

from service.access import DEFAULT_PROJECT, Principal
from service.api.authentication import Caller
from service.api.context import ContextDep
from service.api.guard import CALLER
from service.errors import NotFound
from service.schemas.spec import NAME


def _caller(request: Request) -> Caller:
    caller: Caller = request.scope[CALLER]
    return caller


CallerDep = Annotated[Caller, Depends(_caller)]
"""A route's parameter of this type is the principal and its session, if it has one."""


def _principal(caller: CallerDep) -> Principal:
    return caller.principal


PrincipalDep = Annotated[Principal, Depends(_principal)]
"""A route's parameter of this type is who asks."""


def _own_search(
    search: Annotated[str, PathParameter(pattern=r"^[^\x00]{1,64}$", description="Id of the search")],
    context: ContextDep,
    principal: PrincipalDep,
) -> str:
    context.ledger.require_search(search, project=principal.project)
    return search


SearchId = Annotated[str, Depends(_own_search)]
"""The one way to a `{search}` of a path: an id of another project is none. PostgreSQL's text holds no NUL."""


def _visible_project(
    principal: PrincipalDep,
    project: Annotated[
        str | None, Query(pattern=NAME, description="Only this project; default: every one that the key sees")
    ] = None,
) -> str | None:
    if project is None:
        return principal.project
    if not principal.sees(project):
        raise NotFound(f"project: got {project}, must be one that this key sees; leave it out")
    return project


VisibleProject = Annotated[str | None, Depends(_visible_project)]
"""The project that a listing is kept to; None: all. Never one that the key does not see."""


def owning(project: str | None) -> str:
    """The project of what is made: the one asked for or the key's own, else the default one."""
    return DEFAULT_PROJECT if project is None else project
