"""The facts the ledger keeps, as the rest of the service passes them round: frozen, by value, JSON-able. No behaviour.

What crosses HTTP is in `service.schemas`; the tables are in `service.store`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from service.access import Scope
from service.states import Intent, SearchState, TrialState

Json = Mapping[str, Any]
"""A JSON object."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Search:
    """One submitted spec and how far it has come.

    Attributes:
        id: 12 lower-case letters and digits, made by the ledger.
        project: whose it is; it never changes.
        spec: the resolved spec as it was submitted: every default filled in, as `service.schemas.SearchSpec` dumps it.
        trainable_path: `module:Class`, resolved when the search was submitted.
        state_reason: why it is in its state; for a queued search what it waits for.
        allowance: slots the coordinator grants it at present.
        last_seq: sequence of its newest event.
        changes: what people changed since, laid over the spec (`service.schemas.spec_of` does so).
        version: 1, and one more with every change.
        on_hold: a person wants it paused.
        demand: gangs that it could use now, by its runner; None before it said so.
        likely_start: when a search that waits for slots is likely to get some; None where that is not foreseeable.
    """

    id: str
    project: str
    name: str
    trainable: str
    trainable_path: str
    spec: Json
    state: SearchState
    state_reason: str
    intent: Intent
    allowance: int
    last_seq: int
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    changes: Json
    version: int
    on_hold: bool
    demand: int | None
    likely_start: datetime | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Trial:
    """One configuration of a search.

    Attributes:
        number: 0, 1, 2 ... within its search, in the order of proposal.
        origin: how the proposal came about (`service.algorithms.Origin` as JSON).
        state_reason: why it is in its state; for a stopped trial rung, value, cutoff and rank.
        displaced: paused, but only a slot is missing: the allowance fell, or it was promoted and waits for a gang.
        attempts: attempts begun so far.
        epoch: furthest epoch that the Study was told, 0 before the first; a repeated epoch does not set it back.
        value: the objective at `best_epoch` (scope best) or at the last epoch (scope last); None if that is not finite.
    """

    search: str
    number: int
    config: Json
    origin: Json
    state: TrialState
    state_reason: str
    displaced: bool
    attempts: int
    epoch: int
    value: float | None
    best_epoch: int | None
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Attempt:
    """One run of a trial, from a gang taking it up to its end.

    Attributes:
        number: 1, 2, 3 ... within its trial.
        lease_epoch: epoch of the lease under which it was begun; part of its checkpoint path.
        start_epoch: epoch of the checkpoint it began from, 0 for none.
        gang: name of the gang as the Ray dashboard shows it; None until the first report.
        outcome: None while it runs, then completed, stopped, paused, displaced, failed, crashed, lost, cancelled or
            damaged (the checkpoint that it was to go on from).
    """

    search: str
    trial: int
    number: int
    lease_epoch: int
    start_epoch: int
    gang: str | None
    pids: tuple[int, ...]
    outcome: str | None
    reason: str
    started_at: datetime
    ended_at: datetime | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Report:
    """The metrics of one epoch of one attempt.

    Attributes:
        value: the objective's metric, None when it was not finite.
        seen: whether the Study was told: true for the first committed report of a (trial, epoch), false for a repeat.
        started_at: when the epoch's first batch began, on the gang's node.
        ended_at: when the epoch ended there.
        resources: what the epoch cost, None where it was not measured; names and units are trainables' (`measures`).
    """

    search: str
    trial: int
    attempt: int
    epoch: int
    value: float | None
    metrics: Mapping[str, float | None]
    seen: bool
    gang: str
    pids: tuple[int, ...]
    started_at: datetime
    ended_at: datetime
    resources: Mapping[str, float] | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Checkpoint:
    """A committed checkpoint.

    Attributes:
        path: folder below the checkpoint store, e.g. `k3.../trial-0007/attempt-1-3/epoch-0009`; never shown.
        manifest_sha256: hash of its manifest.json, hexadecimal.
        deleted_at: when retention removed its files, None while they are there.
    """

    search: str
    trial: int
    attempt: int
    epoch: int
    path: str
    bytes: int
    manifest_sha256: str
    created_at: datetime
    deleted_at: datetime | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Descent:
    """Whose results a search began with.

    Attributes:
        search: the other search: the parent where parents are listed, the child where children are.
        kind: `branch`, or `warm_start`.
        num_trials: trials whose results were taken over.
        left_out: trials that were not, by the reason.
    """

    search: str
    kind: str
    num_trials: int
    left_out: Mapping[str, int]


@dataclass(frozen=True, kw_only=True, slots=True)
class Wish:
    """What a search's Study is to be told because a person wants it.

    Attributes:
        number: 1, 2, 3 ... within its search, in the order of telling.
        fact: an event of the Study, as its `to_dict` wrote it.
    """

    number: int
    fact: Json


@dataclass(frozen=True, kw_only=True, slots=True)
class Event:
    """One line of a search's append-only log.

    Attributes:
        seq: 1, 2, 3 ... within its search without a gap; the `id:` of a server-sent event.
        kind: one of `service.store.events`.
    """

    search: str
    seq: int
    kind: str
    trial: int | None
    attempt: int | None
    data: Json
    at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Lease:
    """The right to write, under a rising epoch.

    Attributes:
        name: `coordinator`, or `search/<id>`.
        owner: who holds it; unique to one process life.
        epoch: rises by one with every change of owner; every fenced write carries it.
    """

    name: str
    owner: str
    epoch: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Project:
    """A name that searches and keys belong to; a key of one sees nothing of another.

    Attributes:
        quota: what its searches may hold together, by the names of `Quota`'s fields; absent: as much as there is.
    """

    name: str
    created_at: datetime
    quota: Json = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Usage:
    """What the searches of a project have used so far.

    Attributes:
        gpu_hours: of all attempts that have ended.
        checkpoint_bytes: of the checkpoints that are there.
    """

    gpu_hours: float
    checkpoint_bytes: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Key:
    """An API key as the ledger knows it: everything but the secret.

    Attributes:
        id: 8 characters, part of the key's text.
        name: for people; need not be unique.
        sha256: of the key's text, hexadecimal; never shown.
        project: the only one it sees; None: every one.
        created_by: id of the principal that made it.
        expires_at: when it ends by itself; None: never.
        revoked_at: when a person ended it; None: nobody has.
        last_used_at: coarse, to the minute; None: never used.
    """

    id: str
    name: str
    sha256: str
    project: str | None
    scopes: frozenset[Scope]
    created_by: str
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Session:
    """A browser that has logged in with a key.

    Attributes:
        sha256: of the cookie's secret, hexadecimal.
        key: id of the key it logged in with, or that of the operator; it may do what that key may.
        expires_at: when it ends by itself.
    """

    sha256: str
    key: str
    created_at: datetime
    expires_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class AuditEntry:
    """One line of the audit log: somebody wrote, or tried to.

    Attributes:
        seq: 1, 2, 3 ... in the order of writing; gaps are possible.
        principal: id of the key, or that of the operator.
        project: the project it is bound to; None: none.
        path: of the request, with its query.
        status: HTTP status of the answer.
    """

    seq: int
    at: datetime
    principal: str
    project: str | None
    method: str
    path: str
    status: int
