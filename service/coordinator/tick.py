"""One look of the coordinator at the ledger, and everything that follows from it.

1. Compute the allowance of every search that has not ended.        4. Start the runners that are missing, each with a
2. Admit queued searches that got a slot; tell the others why not.     new lease epoch.
3. End the processes of searches that have ended, and runners       5. Fail a search whose runner fails again and again.
   whose lease ran out or was given back.
"""

from __future__ import annotations

import logging
import uuid

from service.coordinator.allowance import Claim, Node, allot, capacity
from service.coordinator.cluster import Cluster
from service.errors import LedgerUnavailable
from service.models import Lease, Search
from service.schemas import spec_of
from service.states import Intent, SearchState, TrialState
from service.store import Ledger, Writer
from trainables.failpoints import failpoint

log = logging.getLogger(__name__)

MAX_RUNNER_FAILURES = 3
"""Failures of a runner without a report in between, after which the search fails instead of trying for ever."""

START_S = 60.0
"""How long a runner may take until its first renewal: its process imports torch and replays the ledger."""


def lease_name(search: str) -> str:
    """Name of the lease of a search's runner."""
    return f"search/{search}"


class Tick:
    """The coordinator's work under one lease. Holds no state of its own: the ledger and the cluster have it all."""

    def __init__(self, ledger: Ledger, cluster: Cluster, lease: Lease) -> None:
        self._ledger = ledger
        self._cluster = cluster
        self._lease = lease

    def __call__(self) -> None:
        """Looks once.

        Raises:
            Fenced: another coordinator has taken over.
            LedgerUnavailable: the database does not answer; nothing was done, or only a part of it: look again later.
        """
        searches = self._ledger.active()
        self._grant(searches)
        running = {search.id for search in self._ledger.active() if search.state is SearchState.RUNNING}
        alive = self._cluster.runners()
        for search in sorted(alive):
            if not self._is_held(search):  # it has ended, failed or fallen silent
                self._cluster.end_runner(search)
        for search in sorted(running - alive):
            self._start(search)

    def _grant(self, searches: list[Search]) -> None:
        nodes = self._cluster.nodes()
        claims = {search.id: self._claim(search) for search in searches}
        slots = allot(nodes, list(claims.values()))
        changed = [s for s in searches if slots[s.id] != s.allowance or s.state is SearchState.QUEUED]
        if not changed:
            return
        with self._ledger.write(self._lease) as writer:
            for search in changed:
                if slots[search.id] != search.allowance:
                    writer.set_allowance(search.id, slots[search.id])
                if search.state is SearchState.QUEUED:
                    self._admit(writer, search, slots, nodes, claims[search.id])
            failpoint("admit.before_commit", LedgerUnavailable)

    def _admit(self, writer: Writer, search: Search, slots: dict[str, int], nodes: list[Node], claim: Claim) -> None:
        if search.intent is Intent.STOP and search.started_at is None:
            writer.move_search(search.id, SearchState.CANCELLED, "stopped by a person before it ran")
            return
        if slots[search.id]:
            writer.move_search(search.id, SearchState.RUNNING, f"admitted with {slots[search.id]} slots")
            return
        gang = f"{claim.workers} x ({claim.cpus:g} CPU, {claim.gpus:g} GPU) on one node"
        if capacity(nodes, claim) == 0:
            writer.wait_reason(search.id, f"waits for a node that can hold {gang}; none of the {len(nodes)} can now")
        else:
            others = sum(granted > 0 for granted in slots.values())
            writer.wait_reason(search.id, f"waits for {gang}; {others} other searches hold all slots")

    def _claim(self, search: Search) -> Claim:
        spec = spec_of(search)
        counts = self._ledger.counts(search.id)
        begun = sum(counts.values())
        unfinished = sum(count for state, count in counts.items() if not state.is_terminal)
        # Clones are not part of the budget, so more may have begun than it has trials.
        still_to_come = max(0, (spec.budget.trials or 0) - begun) if search.intent is Intent.RUN else 0
        usable = 0 if search.on_hold else min(spec.parallelism, unfinished + still_to_come)
        return Claim(
            search=search.id,
            workers=spec.resources.workers,
            cpus=spec.resources.cpus_per_worker,
            gpus=spec.resources.gpus_per_worker,
            demand=usable,
            priority=spec.priority,
            weight=spec.weight,
        )

    def _is_held(self, search: str) -> bool:
        status = self._ledger.lease(lease_name(search))
        return status is not None and status.alive

    def _start(self, search: str) -> None:
        failures = self._ledger.runner_failures(search)
        if len(failures) >= MAX_RUNNER_FAILURES:
            last = str(failures[-1].data["traceback"]).strip().splitlines()[-1]
            self._fail(search, f"its runner failed {len(failures)} times without a report in between; the last: {last}")
            return
        # No process has the runner's name in this cluster, so its death is confirmed: no need to wait for the lease.
        owner = f"runner/{uuid.uuid4()}"
        lease = self._ledger.seize_lease(lease_name(search), owner, START_S, under=self._lease)
        failpoint("runner.before_start")
        self._cluster.start_runner(search, lease)
        failpoint("runner.after_start")
        log.info("search %s: runner started under lease epoch %d", search, lease.epoch)

    def _fail(self, search: str, reason: str) -> None:
        """Ends a search that has no runner any more, and with it what its last runner left open."""
        trials = [trial for trial in self._ledger.trials(search) if not trial.state.is_terminal]
        with self._ledger.write(self._lease) as writer:
            for trial in trials:
                if trial.state is TrialState.RUNNING:
                    writer.end_attempt(search, trial.number, "lost", reason)
                writer.move_trial(search, trial.number, TrialState.CANCELLED, f"the search ended: {reason}")
            writer.move_search(search, SearchState.FAILED, reason)
