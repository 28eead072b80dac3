"""The coordinator's process: one detached Ray actor that looks at the ledger every `tick_s` seconds, or when poked."""

from __future__ import annotations

import logging
import threading
import time
import uuid
from typing import Any

import ray

from service.coordinator.cluster import RayCluster
from service.coordinator.tick import Tick
from service.errors import Fenced, LedgerUnavailable
from service.models import Lease
from service.settings import COORDINATOR, NAMESPACE, Settings
from service.store import Ledger
from trainables.failpoints import failpoint
from trainables.logs import configure_logging

log = logging.getLogger(__name__)


def start_coordinator() -> Any:
    """The handle of the coordinator, which is started if it does not live."""
    options = {
        "name": COORDINATOR,
        "namespace": NAMESPACE,
        "lifetime": "detached",
        "get_if_exists": True,
        "num_cpus": 0,
        "max_restarts": -1,
        "max_task_retries": -1,
        "max_concurrency": 4,
    }
    return ray.remote(Coordinator).options(**options).remote()


class Coordinator:
    """Admits searches, shares the slots, keeps a runner under every running search."""

    def __init__(self) -> None:
        configure_logging()
        self._settings = Settings.from_env()
        self._woken = threading.Event()
        self._ticked_at = float("-inf")
        self._was_away = False
        # The actor's id survives a restart by Ray, so a lease of the same id belongs to an earlier life of this actor.
        self._identity = ray.get_runtime_context().get_actor_id()
        threading.Thread(target=self._live, name=COORDINATOR, daemon=True).start()

    def poke(self) -> None:
        """There is something new in the ledger: look at once."""
        self._woken.set()

    def look(self) -> float:
        """Seconds since the last look at the ledger that went through; infinite before the first."""
        return time.monotonic() - self._ticked_at

    def __repr__(self) -> str:
        return COORDINATOR

    def _live(self) -> None:
        while True:
            try:
                self._coordinate()
            except Fenced as error:
                log.warning("coordinator: %s", error)
            except LedgerUnavailable as error:
                self._was_away = True
                log.warning("coordinator: the ledger does not answer, trying again: %s", error)
            except Exception:
                log.exception("coordinator: a look at the ledger failed, trying again")
            time.sleep(self._settings.tick_s)

    def _coordinate(self) -> None:
        """Takes the lease and looks until something goes wrong."""
        ledger = Ledger.open(self._settings.ledger_url)
        try:
            lease = self._lease(ledger)
            # Whoever held a lease could not renew it while the ledger was away.
            grace_s = self._settings.lease_s if self._was_away else 0.0
            self._was_away = False
            tick = Tick(ledger, RayCluster(), lease, slice_s=self._settings.slice_s, grace_s=grace_s)
            while True:
                ledger.renew_lease(lease, self._settings.lease_s)
                failpoint("tick.before_look")
                tick()
                self._ticked_at = time.monotonic()
                self._woken.wait(self._settings.tick_s)
                self._woken.clear()
        finally:
            ledger.close()

    def _lease(self, ledger: Ledger) -> Lease:
        owner = f"{self._identity}/{uuid.uuid4()}"
        status = ledger.lease(COORDINATOR)
        if status is not None and status.lease.owner.startswith(f"{self._identity}/"):
            return ledger.seize_lease(COORDINATOR, owner, self._settings.lease_s)
        if self._was_away:
            time.sleep(self._settings.lease_s)
        while (lease := ledger.take_lease(COORDINATOR, owner, self._settings.lease_s)) is None:
            time.sleep(self._settings.tick_s)
        return lease
