"""The kinds of a search's events, and what `data` holds for each. How one is appended is in `journal`."""

from __future__ import annotations

from enum import StrEnum


class EventKind(StrEnum):
    """What happened; the `event:` of a server-sent event."""

    SEARCH_SUBMITTED = "search.submitted"
    """Always sequence 1. `name`, `trainable`."""
    SEARCH_INTENT = "search.intent"
    """A person wants something else, pause and resume included. `from`, `to`."""
    SEARCH_CHANGED = "search.changed"
    """A person changed what may be changed while it runs. `version`, `changes`: all that was changed so far."""
    SEARCH_STATE = "search.state"
    """The search moved along an edge. `from`, `to`, `reason`."""
    SEARCH_WAITS = "search.waits"
    """A queued search waits for something else than before. `reason`."""
    SEARCH_ALLOWANCE = "search.allowance"
    """The coordinator grants other slots than before. `from`, `to`."""
    TRIAL_PROPOSED = "trial.proposed"
    """A new trial, pending. `proposal` as the Study made it, `config`, `origin`."""
    TRIAL_RESUMED = "trial.resumed"
    """The scheduler wants a paused trial to go on; it waits for a gang. `proposal`, `reason`."""
    TRIAL_STATE = "trial.state"
    """The trial moved along an edge. `from`, `to`, `reason`, `displaced`."""
    ATTEMPT_STARTED = "attempt.started"
    """A gang took up the trial; its `trial.state` stands right before. `start_epoch`, `lease_epoch`."""
    ATTEMPT_ENDED = "attempt.ended"
    """`outcome`, `reason`."""
    REPORT = "report"
    """One epoch. `epoch`, `value`, `metrics`, `gang`; `fact` and `actions` of the Study, both null for a repeat."""
    STUDY_TOLD = "study.told"
    """The Study was told what is no report: a failure, a cancel, an enqueued configuration. `fact`, `actions`."""
    CHECKPOINT_COMMITTED = "checkpoint.committed"
    """`epoch`, `bytes`."""
    CHECKPOINT_DELETED = "checkpoint.deleted"
    """Retention removed its files. `epoch`."""
    CHECKPOINT_DAMAGED = "checkpoint.damaged"
    """Its files did not verify when a trial was to go on from it; it is deleted, an earlier one is used. `epoch`,
    `reason`."""
    RUNNER_FAILED = "runner.failed"
    """The runner met an error of its own and gave up; the coordinator starts another. `traceback`."""
    WARNING = "warning"
    """Something a person should know that changes no state. `message`, and whatever explains it."""
