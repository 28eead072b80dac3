"""What figures and wide tables read of a search: a few columns of very many rows, as plain tuples.

Whole facts are in `reader`. What is drawn of them is `service.web`'s matter.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Function, Select, and_, func, null, or_, select

from service.store.reader import Reader, read_search
from service.store.tables import attempts, reports, trials, verdicts


class TrialRow(NamedTuple):
    """A trial in one line. The fields are `service.models.Trial`'s."""

    number: int
    state: str
    reason: str
    config: Mapping[str, Any]
    value: float | None
    best_epoch: int | None
    epoch: int
    attempts: int
    started_at: datetime | None
    ended_at: datetime | None


class Point(NamedTuple):
    """The objective at the end of one epoch of a trial; None where it was not finite."""

    trial: int
    epoch: int
    value: float | None


class Milestone(NamedTuple):
    """A report in the order in which epochs ended.

    Fields:
        spent: epochs of the whole search that had ended with it, itself included; repeated ones count once. None where
            they were not counted.
    """

    spent: int | None
    ended_at: datetime
    trial: int
    epoch: int
    value: float


class Span(NamedTuple):
    """The time that one attempt held a gang. The fields are `service.models.Attempt`'s."""

    trial: int
    number: int
    gang: str | None
    outcome: str | None
    started_at: datetime
    ended_at: datetime | None


class VerdictRow(NamedTuple):
    """A verdict that was reached at a rung.

    Fields:
        seq: sequence of its event.
        trial: whom it concerns.
        epoch: of the report that led to it, None where something else did.
        kind: `service.algorithms.ActionKind`.
        reason: in words.
        rung: the decision point from 0.
        value: the trial's there.
        cutoff: value of the last one kept.
        rank: 1 is the best of `among`.
    """

    seq: int
    trial: int
    epoch: int | None
    kind: str
    reason: str
    rung: int
    value: float | None
    cutoff: float | None
    rank: int | None
    among: int | None


class Columns(Reader):
    """Adds the reads of many rows. Each raises `NotFound` if there is no such search."""

    def trial_rows(self, search: str) -> list[TrialRow]:
        """All trials by number."""
        names = (trials.c[name if name != "reason" else "state_reason"] for name in TrialRow._fields)
        return self._rows(search, select(*names).where(trials.c.search == search).order_by(trials.c.number), TrialRow)

    def curves(self, search: str, numbers: Collection[int]) -> list[Point]:
        """The curves of some trials, by trial and epoch; repeated epochs are left out."""
        query = (
            select(reports.c.trial, reports.c.epoch, reports.c.value)
            .where(reports.c.search == search, reports.c.trial.in_(numbers), reports.c.seen)
            .order_by(reports.c.trial, reports.c.epoch)
        )
        return self._rows(search, query, Point)

    def milestones(self, search: str) -> list[Milestone]:
        """Every report that was better than all before, and of each trial the one that it counts by. Reads them all."""
        with self._database.reading() as connection:
            mode = read_search(connection, search).spec["objective"]["mode"]
        order = (reports.c.ended_at, reports.c.trial, reports.c.epoch)
        extreme: Mapping[str, Function[float | None]] = {
            "min": func.min(reports.c.value),
            "max": func.max(reports.c.value),
        }
        epochs = (
            select(
                func.row_number().over(order_by=order).label("spent"),
                *(reports.c[name] for name in ("ended_at", "trial", "epoch", "value")),
                extreme[mode].over(order_by=order, rows=(None, -1)).label("before"),
            )
            .where(reports.c.search == search, reports.c.seen)
            .subquery()
        )
        better: Mapping[str, ColumnElement[bool]] = {
            "min": epochs.c.value < epochs.c.before,
            "max": epochs.c.value > epochs.c.before,
        }
        is_record = or_(epochs.c.before.is_(None), better[mode])
        query = (
            select(*(epochs.c[name] for name in Milestone._fields))
            .join(trials, and_(trials.c.search == search, trials.c.number == epochs.c.trial))
            .where(epochs.c.value.is_not(None), or_(is_record, epochs.c.epoch == trials.c.best_epoch))
            .order_by(epochs.c.spent)
        )
        return self._rows(search, query, Milestone)

    def bests(self, search: str) -> list[Milestone]:
        """Of each trial the report that it counts by, in the order of time; what had been spent then is not counted."""
        query = (
            select(null(), *(reports.c[name] for name in ("ended_at", "trial", "epoch", "value")))
            .join(trials, and_(trials.c.search == reports.c.search, trials.c.number == reports.c.trial))
            .where(reports.c.search == search, reports.c.seen, reports.c.epoch == trials.c.best_epoch)
            .order_by(reports.c.ended_at, reports.c.trial)
        )
        return self._rows(search, query, Milestone)

    def spans(self, search: str, limit: int) -> list[Span]:
        """The newest attempts, the latest begun first."""
        query = select(*(attempts.c[name] for name in Span._fields)).where(attempts.c.search == search)
        return self._rows(search, query.order_by(attempts.c.started_at.desc()).limit(limit), Span)

    def num_attempts(self, search: str) -> int:
        """Attempts of all trials together."""
        query = select(func.count()).select_from(attempts).where(attempts.c.search == search)
        with self._database.reading() as connection:
            return int(connection.scalar(query) or 0)

    def verdicts(self, search: str, trial: int | None = None) -> list[VerdictRow]:
        """The verdicts on a trial, or on all, in the order in which they were reached."""
        query = (
            select(*(verdicts.c[name] for name in VerdictRow._fields))
            .where(verdicts.c.search == search)
            .order_by(verdicts.c.seq, verdicts.c.place)
        )
        if trial is not None:
            query = query.where(verdicts.c.trial == trial)
        return self._rows(search, query, VerdictRow)

    def _rows(self, search: str, query: Select[Any], row: Any) -> list[Any]:
        with self._database.reading() as connection:
            found = [row(*values) for values in connection.execute(query)]
            if not found:
                read_search(connection, search)
            return found
