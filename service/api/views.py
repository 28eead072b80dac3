"""Makes the API's answers from the ledger's facts. Reads the ledger, decides nothing."""

from __future__ import annotations

from datetime import UTC, datetime

from service.algorithms import AlgorithmSpec, Audit
from service.algorithms.forecast import Forecast
from service.models import Attempt, Checkpoint, Descent, Event, Report, Search, Trial
from service.schemas import (
    AttemptView,
    AuditView,
    BestView,
    CheckpointView,
    DescentView,
    DifferenceView,
    EventView,
    ForecastView,
    LineageView,
    ReportView,
    RungCostView,
    SearchSpec,
    SearchView,
    TrialView,
    spec_of,
)
from service.states import Intent, TrialState
from service.store import Ledger


def search_view(ledger: Ledger, search: Search) -> SearchView:
    """One search with its progress; a handful of queries."""
    spec = spec_of(search)
    counts = {state: count for state, count in ledger.counts(search.id).items() if count}
    link = f"/v1/searches/{search.id}"
    return SearchView(
        id=search.id,
        project=search.project,
        name=search.name,
        trainable=search.trainable,
        algorithm=_algorithm_name(spec),
        state=search.state,
        reason=search.state_reason,
        intent="pause" if search.on_hold and search.intent is Intent.RUN else search.intent,
        version=search.version,
        spec=spec.model_dump(mode="json"),
        trials=counts,
        trials_total=spec.budget.trials,
        slots=search.allowance,
        likely_start=search.likely_start,
        best=best_view(ledger, search),
        rungs=ledger.rungs(search.id),
        seconds_left=_seconds_left(search, spec, counts),
        lineage=LineageView(
            parents=[descent_view(parent) for parent in ledger.parents(search.id)],
            children=[descent_view(child) for child in ledger.children(search.id)],
        ),
        created_at=search.created_at,
        started_at=search.started_at,
        ended_at=search.ended_at,
        last_seq=search.last_seq,
        links={
            "self": link,
            "trials": f"{link}/trials",
            "events": f"{link}/events",
            "best": f"{link}/best",
            "checkpoint": f"{link}/best/checkpoint",
        },
    )


def descent_view(descent: Descent) -> DescentView:
    """A search that another one began with."""
    return DescentView(
        search=descent.search, kind=descent.kind, trials=descent.num_trials, left_out=dict(descent.left_out)
    )


def etag(version: int) -> str:
    """The header that names a version of what can be changed in a search; how far it has come is not part of it."""
    return f'"{version}"'


def forecast_view(forecast: Forecast) -> ForecastView:
    """What a search would cost."""
    return ForecastView(
        trials=forecast.trials,
        epochs=forecast.epochs,
        wall_epochs=forecast.wall_epochs,
        rungs=[RungCostView(epoch=cost.epoch, trials=cost.trials, epochs=cost.epochs) for cost in forecast.rungs],
        least_epochs=forecast.least_epochs,
        most_epochs=forecast.most_epochs,
        exact=forecast.exact,
    )


def best_view(ledger: Ledger, search: Search) -> BestView | None:
    """The best trial so far with its checkpoint; None before the first finite value."""
    trial = ledger.best(search.id)
    if trial is None or trial.value is None or trial.best_epoch is None:
        return None
    found = ledger.best_checkpoint(search.id)
    reports = [r for r in ledger.reports(search.id, trial.number) if r.epoch == trial.best_epoch and r.seen]
    return BestView(
        search=search.id,
        trial=trial.number,
        epoch=trial.best_epoch,
        metric=search.spec["objective"]["metric"],
        value=trial.value,
        config=dict(trial.config),
        metrics=dict(reports[0].metrics) if reports else {},
        checkpoint=checkpoint_view(found[1]) if found is not None and found[0].number == trial.number else None,
    )


def checkpoint_view(checkpoint: Checkpoint) -> CheckpointView:
    """A checkpoint without its path, which never leaves the service."""
    return CheckpointView(
        trial=checkpoint.trial,
        attempt=checkpoint.attempt,
        epoch=checkpoint.epoch,
        bytes=checkpoint.bytes,
        manifest_sha256=checkpoint.manifest_sha256,
        created_at=checkpoint.created_at,
    )


def trial_view(trial: Trial, attempts: list[Attempt] | None = None) -> TrialView:
    """One trial, with its attempts where they are given."""
    return TrialView(
        number=trial.number,
        state=trial.state,
        reason=trial.state_reason,
        config=dict(trial.config),
        origin=dict(trial.origin),
        epoch=trial.epoch,
        value=trial.value,
        best_epoch=trial.best_epoch,
        attempts=trial.attempts,
        created_at=trial.created_at,
        started_at=trial.started_at,
        ended_at=trial.ended_at,
        history=[_attempt_view(attempt) for attempt in attempts or []],
    )


def report_view(report: Report) -> ReportView:
    """The metrics of one epoch."""
    return ReportView(
        trial=report.trial,
        attempt=report.attempt,
        epoch=report.epoch,
        value=report.value,
        metrics=dict(report.metrics),
        seen=report.seen,
        started_at=report.started_at,
        ended_at=report.ended_at,
        resources=dict(report.resources) if report.resources is not None else None,
    )


def event_view(event: Event) -> EventView:
    """One line of a search's log."""
    return EventView(
        seq=event.seq, kind=event.kind, trial=event.trial, attempt=event.attempt, data=dict(event.data), at=event.at
    )


def audit_view(search: str, audit: Audit) -> AuditView:
    """What came of deciding a search again."""
    found = audit.difference
    return AuditView(
        search=search,
        checked=audit.checked,
        difference=None
        if found is None
        else DifferenceView(
            seq=found.seq, trial=found.trial, recorded=found.recorded, now=found.now, fields=list(found.fields)
        ),
    )


def _attempt_view(attempt: Attempt) -> AttemptView:
    return AttemptView(
        number=attempt.number,
        start_epoch=attempt.start_epoch,
        gang=attempt.gang,
        pids=list(attempt.pids),
        outcome=attempt.outcome,
        reason=attempt.reason,
        started_at=attempt.started_at,
        ended_at=attempt.ended_at,
    )


def _algorithm_name(spec: SearchSpec) -> str:
    algorithm = AlgorithmSpec.parse(spec.algorithm)
    return algorithm.preset or f"{algorithm.sampler.name}+{algorithm.scheduler.name}"


def _seconds_left(search: Search, spec: SearchSpec, counts: dict[TrialState, int]) -> float | None:
    """Elapsed time scaled by the trials still to end; the budget of seconds is an upper bound."""
    if search.started_at is None or search.state.is_terminal or spec.budget.trials is None:
        return None
    elapsed = (datetime.now(UTC) - search.started_at).total_seconds()
    ended = sum(count for state, count in counts.items() if state.is_terminal)
    if not ended:
        return None
    estimate = elapsed / ended * (spec.budget.trials - ended)
    return estimate if spec.budget.seconds is None else min(estimate, max(0.0, spec.budget.seconds - elapsed))
