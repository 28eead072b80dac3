"""From a row of a table to the fact in `service.models`. Nobody else holds the lists and dicts in it."""

from __future__ import annotations

from typing import Any

from sqlalchemy import RowMapping

from service.models import Attempt, Checkpoint, Event, Report, Search, Trial
from service.states import Intent, SearchState, TrialState


def to_search(row: RowMapping) -> Search:
    """A row of `searches`."""
    values: dict[str, Any] = {**row, "state": SearchState(row["state"]), "intent": Intent(row["intent"])}
    return Search(**values)


def to_trial(row: RowMapping) -> Trial:
    """A row of `trials`."""
    values: dict[str, Any] = {**row, "state": TrialState(row["state"])}
    return Trial(**values)


def to_attempt(row: RowMapping) -> Attempt:
    """A row of `attempts`."""
    values: dict[str, Any] = {**row, "pids": tuple(row["pids"])}
    return Attempt(**values)


def to_report(row: RowMapping) -> Report:
    """A row of `reports`."""
    values: dict[str, Any] = {**row, "pids": tuple(row["pids"])}
    return Report(**values)


def to_checkpoint(row: RowMapping) -> Checkpoint:
    """A row of `checkpoints`."""
    values: dict[str, Any] = dict(row)
    return Checkpoint(**values)


def to_event(row: RowMapping) -> Event:
    """A row of `events`."""
    values: dict[str, Any] = dict(row)
    return Event(**values)
