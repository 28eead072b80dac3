"""`/v1/searches/{search}/trials` and reports."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query

from service.api.context import ContextDep
from service.api.principals import SearchId
from service.api.views import report_view, trial_view
from service.schemas import ReportView, TrialPage, TrialView
from service.states import TrialState

router = APIRouter(tags=["trials"])

TrialNumber = Annotated[int, Path(ge=0, le=10**9, description="Number of the trial, from 0")]
"""A route's parameter of this type."""


@router.get("/v1/searches/{search}/trials")
def list_trials(
    search: SearchId,
    context: ContextDep,
    state: TrialState | None = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    cursor: Annotated[int, Query(ge=-1, le=10**9, description="`next_cursor` of the page before")] = -1,
) -> TrialPage:
    """Trials in the order of their numbers."""
    found = context.ledger.trials(search, state=state, after=cursor, limit=limit + 1)
    page = found[:limit]
    more = len(found) > limit
    return TrialPage(items=[trial_view(trial) for trial in page], next_cursor=str(page[-1].number) if more else None)


@router.get("/v1/searches/{search}/trials/{number}")
def show_trial(search: SearchId, number: TrialNumber, context: ContextDep) -> TrialView:
    """One trial with its attempts."""
    return trial_view(context.ledger.trial(search, number), context.ledger.attempts(search, number))


@router.get("/v1/searches/{search}/trials/{number}/reports")
def trial_reports(search: SearchId, number: TrialNumber, context: ContextDep) -> list[ReportView]:
    """The curve of one trial, repeated epochs included."""
    context.ledger.trial(search, number)
    return [report_view(report) for report in context.ledger.reports(search, number)]


@router.get("/v1/searches/{search}/reports")
def search_reports(search: SearchId, context: ContextDep) -> list[ReportView]:
    """The curves of all trials."""
    return [report_view(report) for report in context.ledger.reports(search)]
