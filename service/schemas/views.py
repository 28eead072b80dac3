"""What the API answers with. Made from `service.models` by the API's routes; read back by the client."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from service.access import DEFAULT_PROJECT
from service.states import SearchState, TrialState


class View(BaseModel):
    """Base of all answers: frozen; a field that a newer server adds is ignored by an older client."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class BestView(View):
    """The best trial at this moment."""

    search: str = Field(description="Id of the search.")
    trial: int = Field(description="Number of the trial.")
    epoch: int = Field(description="Epoch whose value counts.")
    metric: str = Field(description="The objective's metric.")
    value: float = Field(description="The metric's value at that epoch.")
    config: dict[str, Any] = Field(description="The trial's configuration.")
    metrics: dict[str, float | None] = Field(description="All metrics reported at that epoch.")
    checkpoint: CheckpointView | None = Field(description="Its committed checkpoint; None until one is.")


class CheckpointView(View):
    """A committed checkpoint; its files are under `.../best/checkpoint`."""

    trial: int = Field(description="Number of the trial.")
    attempt: int = Field(description="Attempt that wrote it.")
    epoch: int = Field(description="Epoch at whose end it was written.")
    bytes: int = Field(description="Size of all its files.")
    manifest_sha256: str = Field(description="Hash of its manifest.json, hexadecimal.")
    created_at: datetime = Field(description="When it was committed.")


class DescentView(View):
    """A search that another one began with, or that began with it."""

    search: str = Field(description="Id of the other search.")
    kind: str = Field(description="branch or warm_start.")
    trials: int = Field(description="Trials whose results the later one began with.")
    left_out: dict[str, int] = Field(description="Trials that it did not, by the reason.")


class LineageView(View):
    """Where a search comes from, and what came of it."""

    parents: list[DescentView] = Field(default_factory=list, description="Searches whose results it began with.")
    children: list[DescentView] = Field(default_factory=list, description="Searches that began with its results.")


class SearchView(View):
    """One search and its progress."""

    id: str = Field(description="12 lower-case letters and digits.")
    project: str = Field(DEFAULT_PROJECT, description="Whose it is.")
    name: str = Field(description="For people; need not be unique.")
    trainable: str = Field(description="Name of its trainable.")
    algorithm: str = Field(description="The preset, or sampler+scheduler.")
    state: SearchState = Field(description="Where it stands.")
    reason: str = Field(description="Why it is in its state; of a search without slots what it waits for.")
    intent: str = Field(description="What a person wants of it next: run, pause, stop or cancel.")
    version: int = Field(default=1, description="Rises with every change of its spec; the ETag.")
    spec: dict[str, Any] = Field(description="The resolved spec as it is now: every default filled in.")
    trials: dict[TrialState, int] = Field(description="Trials by state; absent states have none.")
    trials_total: int | None = Field(description="Trials that the budget allows.")
    slots: int = Field(description="Trials that may run at once at present.")
    likely_start: datetime | None = Field(
        default=None, description="When a search that waits for slots is likely to get some; None: not foreseeable."
    )
    best: BestView | None = Field(description="The best trial so far; None before the first finite value.")
    rungs: dict[int, int] = Field(description="Epochs of a rung to trials that reached it.")
    seconds_left: float | None = Field(
        description="An estimate from the pace so far; None before the first trial has ended."
    )
    lineage: LineageView = Field(
        default_factory=lambda: LineageView(), description="Searches that it began with, and that began with it."
    )
    created_at: datetime = Field(description="When it was accepted.")
    started_at: datetime | None = Field(description="When it was first admitted.")
    ended_at: datetime | None = Field(description="When it ended.")
    last_seq: int = Field(0, description="Sequence of its newest event: where to begin to follow it from here.")
    links: dict[str, str] = Field(description="Paths of what belongs to it.")


class SearchPage(View):
    """Searches, newest first."""

    items: list[SearchView] = Field(description="The searches of this page.")
    next_cursor: str | None = Field(description="Pass as `cursor` for the next page; None at the end.")


class AttemptView(View):
    """One run of a trial."""

    number: int = Field(description="1, 2, 3 ... within its trial.")
    start_epoch: int = Field(description="Epoch of the checkpoint it began from, 0 for none.")
    gang: str | None = Field(description="Its name in the Ray dashboard.")
    pids: list[int] = Field(description="Processes of the gang, by rank.")
    outcome: str | None = Field(
        description="None, then completed, stopped, paused, displaced, failed, crashed, lost, damaged, cancelled."
    )
    reason: str = Field(description="Why it ended so.")
    started_at: datetime = Field(description="When it began.")
    ended_at: datetime | None = Field(description="When it ended.")


class TrialView(View):
    """One configuration of a search."""

    number: int = Field(description="0, 1, 2 ... within its search, in the order of proposal.")
    state: TrialState = Field(description="Where it stands.")
    reason: str = Field(description="Why it is in its state; for a stopped trial rung, value, cutoff and rank.")
    config: dict[str, Any] = Field(description="Values of its active parameters.")
    origin: dict[str, Any] = Field(description="How the proposal came about.")
    epoch: int = Field(description="Furthest epoch reported, 0 before the first.")
    value: float | None = Field(description="The objective by which it counts; None while it has no finite one.")
    best_epoch: int | None = Field(description="Epoch of that value.")
    attempts: int = Field(description="Attempts begun so far.")
    created_at: datetime = Field(description="When it was proposed.")
    started_at: datetime | None = Field(description="When its first attempt began.")
    ended_at: datetime | None = Field(description="When it ended.")
    history: list[AttemptView] = Field(
        default_factory=list, description="Its attempts; only where one trial is asked for."
    )


class TrialPage(View):
    """Trials in the order of their numbers."""

    items: list[TrialView] = Field(description="The trials of this page.")
    next_cursor: str | None = Field(description="Pass as `cursor` for the next page; None at the end.")


class TrialRowView(View):
    """One trial as a row of a table; the fields are those of `TrialView`."""

    number: int = Field(description="0, 1, 2 ... within its search.")
    state: TrialState = Field(description="Where it stands.")
    reason: str = Field(description="Why.")
    config: dict[str, Any] = Field(description="Values of its active parameters.")
    value: float | None = Field(description="The objective by which it counts.")
    best_epoch: int | None = Field(description="Epoch of that value.")
    epoch: int = Field(description="Furthest epoch reported.")
    attempts: int = Field(description="Attempts begun so far.")
    started_at: datetime | None = Field(description="When its first attempt began.")
    ended_at: datetime | None = Field(description="When it ended.")


class TrialTable(View):
    """One page of the trials that a query chose, in its order."""

    items: list[TrialRowView] = Field(description="The rows of this page.")
    matched: int = Field(description="Trials that the query chose.")
    total: int = Field(description="Trials of the search.")
    parameters: list[str] = Field(description="The parameters that vary, in the order of the space.")


class RungView(View):
    """What has been decided at one rung."""

    epoch: int = Field(description="Where it is.")
    reached: int = Field(description="Trials that came to it.")
    went_on: int = Field(description="Those that were let through or promoted.")
    stopped: int = Field(description="Those that ended there.")
    waiting: int = Field(description="Those that wait for a decision.")
    cutoff: float | None = Field(description="Value of the last one kept, by the newest verdict that names one.")


class VerdictView(View):
    """A verdict on a trial at a rung."""

    seq: int = Field(description="Sequence of the event that brought it.")
    trial: int = Field(description="Number of the trial.")
    epoch: int | None = Field(description="Epoch of the report that led to it; None where something else did.")
    kind: str = Field(description="continue, pause, promote, stop or complete.")
    reason: str = Field(description="In words.")
    rung: int = Field(description="The rung, from 0.")
    value: float | None = Field(description="The trial's value there.")
    cutoff: float | None = Field(description="Value of the last one kept.")
    rank: int | None = Field(description="1 is the best of `among`.")
    among: int | None = Field(description="Trials that were ranked.")


class FigureKind(View):
    """A figure that can be asked for."""

    name: str = Field(description="What to ask for.")
    description: str = Field(description="What it shows.")


class ReportView(View):
    """The metrics of one epoch."""

    trial: int = Field(description="Number of the trial.")
    attempt: int = Field(description="Attempt that trained the epoch.")
    epoch: int = Field(description="1, 2, 3 ...")
    value: float | None = Field(description="The objective's metric; None where it was not finite.")
    metrics: dict[str, float | None] = Field(description="All metrics; None where one was not finite.")
    seen: bool = Field(description="False where an attempt repeated an epoch that was already reported.")
    started_at: datetime = Field(description="When the epoch's first batch began.")
    ended_at: datetime = Field(description="When the epoch ended.")
    resources: dict[str, float] | None = Field(
        default=None,
        description="What the epoch cost: throughput, seconds, memory; names in docs/http.md. None of old reports.",
    )


class EventView(View):
    """One event of a search; the data of a server-sent event."""

    seq: int = Field(description="1, 2, 3 ... within its search, without a gap.")
    kind: str = Field(description="What happened.")
    trial: int | None = Field(description="Number of the trial it concerns, if one.")
    attempt: int | None = Field(description="Attempt it concerns, if one.")
    data: dict[str, Any] = Field(description="What there is to say, by kind.")
    at: datetime = Field(description="When it was written.")


class NodeView(View):
    """One living node of the cluster, whether in use or not."""

    cpus: float = Field(description="Logical CPUs.")
    gpus: float = Field(description="GPUs.")


class HolderView(View):
    """A search that has not ended, and what it holds."""

    id: str = Field(description="Its id.")
    name: str = Field(description="For people.")
    state: SearchState = Field(description="Where it stands.")
    reason: str = Field(description="Why; for a queued search what it waits for.")
    slots: int = Field(description="Trials that it may run at once at present.")
    running: int = Field(description="Trials that run.")
    priority: int = Field(description="Higher is served first.")
    weight: float = Field(description="Share of the slots among searches of one priority.")
    workers: int = Field(description="Processes of one gang.")
    cpus_per_worker: float = Field(description="Logical CPUs of each.")
    gpus_per_worker: float = Field(description="GPUs of each.")


class ClusterView(View):
    """The cluster at this moment."""

    nodes: list[NodeView] = Field(description="The living nodes; none where no cluster answers.")
    searches: list[HolderView] = Field(
        description="The searches that have not ended, oldest first; those of projects that the key sees."
    )


class DifferenceView(View):
    """A recorded proposal or verdict that would be decided otherwise now."""

    seq: int = Field(description="Sequence of the event that holds it.")
    trial: int | None = Field(description="Number of the trial it concerns, if one.")
    recorded: str = Field(description="What was decided.")
    now: str = Field(description="What would be decided now.")
    fields: list[str] = Field(description="Each field that differs, with both values.")


class AuditView(View):
    """A search decided again from what is recorded of it."""

    search: str = Field(description="Id of the search.")
    checked: int = Field(description="Proposals, facts with their verdicts, and the end, that were decided again.")
    difference: DifferenceView | None = Field(description="The first one; None where there is none.")


class ValidationView(View):
    """What would run, if this spec were submitted."""

    spec: dict[str, Any] = Field(description="The resolved spec.")
    trials: int = Field(description="Trials that the budget allows.")
    grid_size: int | None = Field(description="Distinct configurations of the space; None if infinitely many.")
    slots: int = Field(description="Trials that the cluster could run at once.")
    rungs: list[int] = Field(description="Epochs at which the scheduler decides.")
    first_proposals: list[dict[str, Any]] = Field(description="Configuration and origin of what would be tried first.")
    forecast: ForecastView = Field(description="What it would cost, on made-up curves.")
    warm_start: list[DescentView] = Field(
        default_factory=list, description="What it would begin with, by the search it is from."
    )


class RungCostView(View):
    """What is trained on the way to one rung."""

    epoch: int = Field(description="The rung's epoch.")
    trials: int = Field(description="Trials that train on the way to it, from the rung below.")
    epochs: int = Field(description="Epochs that they train there together.")


class ForecastView(View):
    """What a search would train if the order of its trials were settled at their first epoch.

    `budget.target`, `budget.patience`, `budget.seconds` and failures are left out: they only end it earlier.
    """

    trials: int = Field(description="Trials that would begin, clones included.")
    epochs: int = Field(description="Epochs that they would train together.")
    wall_epochs: float = Field(description="How long that takes on these slots, in units of the time of one epoch.")
    rungs: list[RungCostView] = Field(description="The epochs by rung, the lowest first.")
    least_epochs: int = Field(description="The epochs if every trial is out at the first decision about it.")
    most_epochs: int = Field(description="The epochs if no trial ended early: trials times epochs.")
    exact: bool = Field(description="False where a part was simulated and the rest inferred; most_epochs always holds.")


class TrainableView(View):
    """A registered trainable. One that cannot be loaded has a name and an error, and nothing else."""

    name: str = Field(description="What a spec names.")
    doc: str = Field("", description="Its documentation.")
    space: dict[str, Any] = Field(default_factory=dict, description="Its default space.")
    objective: dict[str, Any] = Field(default_factory=dict, description="Its default metric and mode.")
    budget: dict[str, Any] = Field(default_factory=dict, description="Its default trials and epochs.")
    metrics: list[str] = Field(default_factory=list, description="Metrics that it reports.")
    shape_parameters: list[str] = Field(default_factory=list, description="Parameters that clones keep unchanged.")
    error: str | None = Field(None, description="Why it cannot be loaded; None where it can.")


class AlgorithmView(View):
    """A preset."""

    name: str = Field(description="What a spec names.")
    description: str = Field(description="What it does.")
    paper: str = Field(description="Where it is from.")
    sampler: str = Field(description="Its sampler.")
    sampler_description: str = Field(description="How configurations are proposed.")
    scheduler: str = Field(description="Its scheduler.")
    scheduler_description: str = Field(description="How trials are stopped and promoted.")
    options: list[dict[str, Any]] = Field(description="Each option's name, bounds, default and meaning.")


class Health(View):
    """Whether the service lives, or is ready."""

    status: str = Field(description="ok, ready or not ready.")
    checks: dict[str, str] = Field(default_factory=dict, description="Each part: ok, or what is wrong with it.")


BestView.model_rebuild()
ValidationView.model_rebuild()
