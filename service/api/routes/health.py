"""`/healthz` and `/readyz`. Health is this process alone: a database that is down must not restart the API."""

from __future__ import annotations

from collections.abc import Callable

from fastapi import APIRouter, Response

from service.api.context import ContextDep
from service.errors import RungError
from service.schemas import Health

router = APIRouter(tags=["health"])

_COORDINATOR_AGE_S = 30.0
"""Age of the coordinator's last look at the ledger above which the service is not ready."""


@router.get("/healthz")
def healthz() -> Health:
    """Whether this process answers; the only route without a token."""
    return Health(status="ok")


@router.get("/readyz")
def readyz(response: Response, context: ContextDep) -> Health:
    """Whether searches can be accepted and run: ledger, cluster, coordinator."""
    checks = {
        "ledger": _check(lambda: context.ledger.ping()),
        "cluster": _check(lambda: context.nodes()),
        "coordinator": _check(lambda: _looked(context.coordinator_age_s())),
    }
    ready = all(state == "ok" for state in checks.values())
    response.status_code = 200 if ready else 503
    return Health(status="ready" if ready else "not ready", checks=checks)


def _check(probe: Callable[[], object]) -> str:
    try:
        probe()
    except RungError as error:
        return error.detail
    return "ok"


def _looked(age_s: float) -> None:
    if age_s > _COORDINATOR_AGE_S:
        raise RungError(f"its last look at the ledger was {age_s:.0f} s ago, must be under {_COORDINATOR_AGE_S:.0f} s")
