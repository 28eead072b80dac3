"""One look of the coordinator at the ledger, and everything that follows from it.

1. Compute the allowance of every search that has not ended.        4. Start the runners that are missing, each with a
2. Admit queued searches that got a slot; tell the others why not.     new lease epoch.
3. End the processes of searches that have ended, and runners       5. Fail a search whose runner fails again and again.
   whose lease ran out or was given back.
"""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Callable
from dataclasses import replace
from functools import cache

from service.coordinator.allowance import Claim, Node
from service.coordinator.cluster import Cluster
from service.coordinator.quotas import Bounds, Quotas
from service.coordinator.shares import Shares
from service.coordinator.waiting import PREFIX, Outlook, ends_in_s
from service.errors import LedgerUnavailable
from service.models import Lease, Search
from service.schemas import spec_of
from service.states import Intent, SearchState, TrialState
from service.store import Ledger, Writer
from trainables.failpoints import failpoint

log = logging.getLogger(__name__)

MAX_RUNNER_FAILURES = 3
"""Failures of a runner without a report in between, after which the search fails instead of trying for ever."""

_TELL_S = 5.0
"""Seconds after which a search that waits is told again when it is likely to start."""

START_S = 60.0
"""How long a runner may take until its first renewal: its process imports torch and replays the ledger."""


def lease_name(search: str) -> str:
    """Name of the lease of a search's runner."""
    return f"search/{search}"


class Tick:
    """The coordinator's work under one lease.

    The ledger and the cluster have all the state but one: who has had how much lately, which a new coordinator counts
    from nothing.
    """

    def __init__(
        self,
        ledger: Ledger,
        cluster: Cluster,
        lease: Lease,
        *,
        slice_s: float = 30.0,
        grace_s: float = 0.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Args:
        ledger: the truth.
        cluster: what runs.
        lease: the coordinator's.
        slice_s: see `Shares`.
        grace_s: seconds from now in which a runner's lease that ran out counts as held: the ledger was away, so nobody
            could renew his.
        clock: seconds that never go back.
        """
        self._ledger = ledger
        self._cluster = cluster
        self._lease = lease
        self._clock = clock
        self._shares = Shares(slice_s=slice_s)
        self._quotas = Quotas(ledger, clock)
        self._looked_at: float | None = None
        self._told_at = float("-inf")
        self._trusts_until = clock() + grace_s

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
        now, before = self._clock(), self._looked_at
        bounds = self._quotas.look(search.project for search in searches)
        self._shares = replace(self._shares, bounds=bounds.by_project)
        self._shares = self._shares.after(now - before if before is not None else 0.0, nodes, list(claims.values()))
        self._looked_at = now
        slots = self._shares.plan(nodes, list(claims.values()))
        waiting = [search for search in searches if claims[search.id].demand and not slots[search.id]]
        changed = [search for search in searches if slots[search.id] != search.allowance]
        queued = [search for search in searches if search.state is SearchState.QUEUED]
        if not changed and not queued and not waiting:
            return
        is_news = any(not search.state_reason.startswith(PREFIX) for search in waiting)
        outlook = None
        if waiting and (changed or is_news or now - self._told_at >= _TELL_S):
            outlook = self._outlook(nodes, claims, slots, searches, bounds)
            self._told_at = now
        with self._ledger.write(self._lease) as writer:
            for search in changed:
                writer.set_allowance(search.id, slots[search.id])
                if slots[search.id] and search.state is SearchState.RUNNING and search.state_reason.startswith(PREFIX):
                    writer.wait_reason(search.id, f"runs with {slots[search.id]} slots")
            for search in queued:
                self._admit(writer, search, slots[search.id])
            for search in waiting:
                if outlook is not None and not _is_stopped(search):
                    outlook.tell(writer, search)
            failpoint("admit.before_commit", LedgerUnavailable)

    def _outlook(
        self,
        nodes: list[Node],
        claims: dict[str, Claim],
        slots: dict[str, int],
        searches: list[Search],
        bounds: Bounds,
    ) -> Outlook:
        by_id = {search.id: search for search in searches}
        return Outlook(
            nodes=nodes,
            claims=claims,
            slots=slots,
            bounds=bounds,
            turns=self._shares.turns(nodes, list(claims.values())),
            ends=cache(lambda search: ends_in_s(self._ledger, by_id[search])),
            epoch_s=cache(self._ledger.epoch_s),
        )

    def _admit(self, writer: Writer, search: Search, slots: int) -> None:
        if _is_stopped(search):
            writer.move_search(search.id, SearchState.CANCELLED, "stopped by a person before it ran")
        elif slots:
            writer.move_search(search.id, SearchState.RUNNING, f"admitted with {slots} slots")

    def _claim(self, search: Search) -> Claim:
        spec = spec_of(search)
        counts = self._ledger.counts(search.id)
        begun, _ = self._ledger.tried(search.id)
        unfinished = sum(count for state, count in counts.items() if not state.is_terminal)
        # Clones are not part of the budget, so more may have begun than it has trials.
        to_begin = max(0, (spec.budget.trials or 0) - begun) + self._ledger.num_to_continue(search.id)
        still_to_come = to_begin if search.intent is Intent.RUN else 0
        later = min(spec.parallelism, unfinished + still_to_come)
        demand = later if search.demand is None else min(spec.parallelism, search.demand)
        if search.state is SearchState.QUEUED:  # at least a runner, if only to say that all is done
            demand = max(1, demand)
        is_held = search.on_hold or search.state is SearchState.PAUSED
        return Claim(
            search=search.id,
            workers=spec.resources.workers,
            cpus=spec.resources.cpus_per_worker,
            gpus=spec.resources.gpus_per_worker,
            demand=0 if is_held else demand,
            later=0 if is_held else later,
            priority=spec.priority,
            weight=spec.weight,
            project=search.project,
            running=counts[TrialState.RUNNING],
            allowed=search.allowance,
        )

    def _is_held(self, search: str) -> bool:
        status = self._ledger.lease(lease_name(search))
        if status is None or not status.lease.owner:
            return False
        return status.alive or self._clock() < self._trusts_until

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


def _is_stopped(search: Search) -> bool:
    """Whether it is to end without having run."""
    return search.state is SearchState.QUEUED and search.intent is Intent.STOP and search.started_at is None
