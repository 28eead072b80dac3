"""Views as pandas DataFrames, one row a trial or a report. A module of its own, so that only tables import pandas."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from service.schemas import ReportView, TrialView

TRIAL_COLUMNS = ("number", "state", "reason", "epoch", "value", "best_epoch", "attempts")
"""Columns that every table of trials begins with."""

REPORT_COLUMNS = ("trial", "attempt", "epoch", "value", "seen")
"""Columns that every table of reports begins with."""

_TRIAL_TIMES = ("created_at", "started_at", "ended_at")
_REPORT_TIMES = ("started_at", "ended_at")


def trials_frame(trials: Iterable[TrialView]) -> pd.DataFrame:
    """One row a trial: TRIAL_COLUMNS, `config.<name>` for each parameter (missing where inactive), UTC times."""
    rows = [_row(trial.model_dump(), TRIAL_COLUMNS, ("config",), _TRIAL_TIMES) for trial in trials]
    return _frame(rows, TRIAL_COLUMNS, _TRIAL_TIMES)


def reports_frame(reports: Iterable[ReportView]) -> pd.DataFrame:
    """One row a report: REPORT_COLUMNS, `metrics.<name>`, `resources.<name>`, UTC times on the gang's node."""
    rows = [_row(report.model_dump(), REPORT_COLUMNS, ("metrics", "resources"), _REPORT_TIMES) for report in reports]
    return _frame(rows, REPORT_COLUMNS, _REPORT_TIMES)


def _row(view: Mapping[str, Any], first: Sequence[str], nested: Sequence[str], last: Sequence[str]) -> dict[str, Any]:
    return {
        **{name: view[name] for name in first},
        **{f"{each}.{name}": value for each in nested for name, value in (view[each] or {}).items()},
        **{name: view[name] for name in last},
    }


def _frame(rows: Sequence[Mapping[str, Any]], first: Sequence[str], times: Sequence[str]) -> pd.DataFrame:
    middle = dict.fromkeys(name for row in rows for name in row if name not in first and name not in times)
    frame = pd.DataFrame(rows, columns=[*first, *middle, *times])
    for name in times:
        frame[name] = pd.to_datetime(frame[name], utc=True)
    if "state" in frame:
        frame["state"] = frame["state"].astype(str)
    return frame
