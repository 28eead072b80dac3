"""What the API answers with. Made from `service.models` by the API's routes; read back by the client."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from service.states import SearchState, TrialState


class View(BaseModel):
    """Base of all answers: frozen; a field that a newer server adds is ignored by an older client."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class BestView(View):
    """The best trial at this moment."""

    search: str
    trial: int
    epoch: int = Field(description="Epoch whose value counts.")
    metric: str
    value: float
    config: dict[str, Any]
    metrics: dict[str, float | None] = Field(description="All metrics reported at that epoch.")
    checkpoint: CheckpointView | None = Field(description="Its committed checkpoint; None until one is.")


class CheckpointView(View):
    """A committed checkpoint; its files are under `.../best/checkpoint`."""

    trial: int
    attempt: int
    epoch: int
    bytes: int
    manifest_sha256: str
    created_at: datetime


class SearchView(View):
    """One search and its progress."""

    id: str
    name: str
    trainable: str
    algorithm: str
    state: SearchState
    reason: str = Field(description="Why it is in its state; for a queued search what it waits for.")
    intent: str
    spec: dict[str, Any] = Field(description="The resolved spec: every default filled in.")
    trials: dict[TrialState, int] = Field(description="Trials by state; absent states have none.")
    trials_total: int | None = Field(description="Trials that the budget allows.")
    slots: int = Field(description="Trials that may run at once at present.")
    best: BestView | None
    rungs: dict[int, int] = Field(description="Epochs of a rung to trials that reached it.")
    seconds_left: float | None = Field(
        description="An estimate from the pace so far; None before the first trial has ended."
    )
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    links: dict[str, str]


class SearchPage(View):
    """Searches, newest first."""

    items: list[SearchView]
    next_cursor: str | None = Field(description="Pass as `cursor` for the next page; None at the end.")


class AttemptView(View):
    """One run of a trial."""

    number: int
    start_epoch: int
    gang: str | None = Field(description="Its name in the Ray dashboard.")
    pids: list[int]
    outcome: str | None
    reason: str
    started_at: datetime
    ended_at: datetime | None


class TrialView(View):
    """One configuration of a search."""

    number: int
    state: TrialState
    reason: str
    config: dict[str, Any]
    origin: dict[str, Any] = Field(description="How the proposal came about.")
    epoch: int
    value: float | None
    best_epoch: int | None
    attempts: int
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    history: list[AttemptView] = Field(
        default_factory=list, description="Its attempts; only where one trial is asked for."
    )


class TrialPage(View):
    """Trials in the order of their numbers."""

    items: list[TrialView]
    next_cursor: str | None


class ReportView(View):
    """The metrics of one epoch."""

    trial: int
    attempt: int
    epoch: int
    value: float | None
    metrics: dict[str, float | None]
    seen: bool = Field(description="False where an attempt repeated an epoch that was already reported.")
    started_at: datetime
    ended_at: datetime


class EventView(View):
    """One event of a search; the data of a server-sent event."""

    seq: int
    kind: str
    trial: int | None
    attempt: int | None
    data: dict[str, Any]
    at: datetime


class ValidationView(View):
    """What would run, if this spec were submitted."""

    spec: dict[str, Any] = Field(description="The resolved spec.")
    trials: int = Field(description="Trials that the budget allows.")
    grid_size: int | None = Field(description="Distinct configurations of the space; None if infinitely many.")
    slots: int = Field(description="Trials that the cluster could run at once.")
    rungs: list[int] = Field(description="Epochs at which the scheduler decides.")
    first_proposals: list[dict[str, Any]]


class TrainableView(View):
    """A registered trainable."""

    name: str
    doc: str
    space: dict[str, Any]
    objective: dict[str, Any]
    budget: dict[str, Any]
    metrics: list[str]


class AlgorithmView(View):
    """A preset."""

    name: str
    description: str
    paper: str
    sampler: str
    sampler_description: str
    scheduler: str
    scheduler_description: str
    options: list[dict[str, Any]] = Field(description="Each option's name, bounds, default and meaning.")


class Health(View):
    """Whether the service lives, or is ready."""

    status: str
    checks: dict[str, str] = Field(default_factory=dict)


BestView.model_rebuild()
