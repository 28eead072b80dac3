"""The states of a search and of a trial, and the only edges between them. Nothing here writes a state: the ledger does.

Search:  queued ─a→ running ─b→ completed | failed | cancelled
            │ ↑        │             a  the coordinator admits it and starts its runner
            c d        c             b  the runner ends it (budget used, its own failure rule, or a person's cancel)
            ↓ │        ↓             c  a person pauses it: at once, or when its last gang is given back
            paused ←───┘ ─e→ ...     d  a person resumes it;  e  a person cancels it while nothing of it runs
         completed | failed | cancelled ─k→ queued: a person extends it or retries trials (`search.state` says which)

Trial:   pending ─f→ running ─g→ completed | stopped | failed | cancelled
            ↑          │ ↑ │
            └──── h ───┘ j i         f  its gang starts an attempt        g  the end, always with its reason
                         │ ↓         h  the attempt was lost (crash, kill, takeover); a new one waits
                        paused       i  paused: at a rung's barrier, or displaced by the allowance
                                     j  promoted, or displaced no longer: a new attempt from its checkpoint
A trial's end is for good: what continues it is another trial, with the same configuration and its checkpoint.
A pending or paused trial may also end (g) without running again: eliminated at its rung, failed, or cancelled.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class SearchState(StrEnum):
    """Where a search stands."""

    QUEUED = "queued"
    """Accepted and durable, or resumed, or to go on after its end; no runner yet."""
    RUNNING = "running"
    """A runner holds its lease, or is about to take it over."""
    PAUSED = "paused"
    """A person paused it: trials are checkpointed and hold no slot; it has no runner."""
    COMPLETED = "completed"
    """Its budget is used up, its target reached, or it was stopped and its last trials have finished."""
    FAILED = "failed"
    """Ended by its own failure rule; the reason says which."""
    CANCELLED = "cancelled"
    """Ended at once by a person."""

    @property
    def is_terminal(self) -> bool:
        """Whether the search has ended. It changes again only if a person lets it go on."""
        return self in _SEARCH_ENDS


class TrialState(StrEnum):
    """Where a trial stands."""

    PENDING = "pending"
    """Proposed, or between two attempts; waits for a gang."""
    RUNNING = "running"
    """An attempt is under way."""
    PAUSED = "paused"
    """Waits at a rung, or was displaced; its last checkpoint is committed or its last epochs will be repeated."""
    COMPLETED = "completed"
    """Trained to its full number of epochs, or reached the target."""
    STOPPED = "stopped"
    """Ended early by the scheduler, always with its reason."""
    FAILED = "failed"
    """Out of attempts, or an error that a retry cannot mend."""
    CANCELLED = "cancelled"
    """Ended by a person."""

    @property
    def is_terminal(self) -> bool:
        """Whether this state never changes again."""
        return not TRIAL_EDGES[self]


_SEARCH_ENDS = frozenset({SearchState.COMPLETED, SearchState.FAILED, SearchState.CANCELLED})

SEARCH_EDGES: Mapping[SearchState, frozenset[SearchState]] = {
    SearchState.QUEUED: frozenset({SearchState.RUNNING, SearchState.PAUSED, SearchState.FAILED, SearchState.CANCELLED}),
    SearchState.RUNNING: frozenset(
        {SearchState.PAUSED, SearchState.COMPLETED, SearchState.FAILED, SearchState.CANCELLED}
    ),
    SearchState.PAUSED: frozenset({SearchState.QUEUED, SearchState.CANCELLED}),
    SearchState.COMPLETED: frozenset({SearchState.QUEUED}),
    SearchState.FAILED: frozenset({SearchState.QUEUED}),
    SearchState.CANCELLED: frozenset({SearchState.QUEUED}),
}

_TRIAL_ENDS = frozenset({TrialState.COMPLETED, TrialState.STOPPED, TrialState.FAILED, TrialState.CANCELLED})

TRIAL_EDGES: Mapping[TrialState, frozenset[TrialState]] = {
    TrialState.PENDING: frozenset({TrialState.RUNNING}) | _TRIAL_ENDS,
    TrialState.RUNNING: frozenset({TrialState.PENDING, TrialState.PAUSED}) | _TRIAL_ENDS,
    TrialState.PAUSED: frozenset({TrialState.RUNNING}) | _TRIAL_ENDS,
    TrialState.COMPLETED: frozenset(),
    TrialState.STOPPED: frozenset(),
    TrialState.FAILED: frozenset(),
    TrialState.CANCELLED: frozenset(),
}


def search_sources(to: SearchState) -> frozenset[SearchState]:
    """The states from which a search may move to `to`; computed from the edges."""
    return frozenset(state for state, targets in SEARCH_EDGES.items() if to in targets)


def trial_sources(to: TrialState) -> frozenset[TrialState]:
    """The states from which a trial may move to `to`; computed from the edges."""
    return frozenset(state for state, targets in TRIAL_EDGES.items() if to in targets)


class Intent(StrEnum):
    """What a person wants of a search next; written by the API, obeyed by coordinator and runner.

    An intent may only get more severe, in the order in which they stand here: a cancel is never taken back.
    """

    RUN = "run"
    """Go on."""
    STOP = "stop"
    """Start no new trial; running ones finish."""
    CANCEL = "cancel"
    """End everything now."""
