"""`/v1/cluster`: what there is, who holds it, and who waits for it."""

from __future__ import annotations

from fastapi import APIRouter

from service.api.context import ContextDep
from service.api.principals import PrincipalDep
from service.errors import ClusterUnavailable
from service.models import Search
from service.schemas import ClusterView, HolderView, NodeView
from service.states import TrialState
from service.store import Ledger

router = APIRouter(tags=["cluster"])


@router.get("/v1/cluster")
def cluster(context: ContextDep, principal: PrincipalDep) -> ClusterView:
    """The living nodes, and the searches that have not ended, oldest first: of all projects that the key sees."""
    try:
        nodes = [NodeView(cpus=node.cpus, gpus=node.gpus) for node in context.nodes()]
    except ClusterUnavailable:
        nodes = []
    return ClusterView(
        nodes=nodes,
        searches=[
            _holder(context.ledger, search) for search in context.ledger.active() if principal.sees(search.project)
        ],
    )


def _holder(ledger: Ledger, search: Search) -> HolderView:
    spec = search.spec
    return HolderView(
        id=search.id,
        name=search.name,
        state=search.state,
        reason=search.state_reason,
        slots=search.allowance,
        running=ledger.counts(search.id)[TrialState.RUNNING],
        priority=spec["priority"],
        weight=spec["weight"],
        **spec["resources"],
    )
