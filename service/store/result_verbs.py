"""The writer's verbs on what attempts bring: reports and checkpoints."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import and_, func, select, update

from service.errors import AlreadyReported, Conflict, IllegalTransition, NotFound
from service.models import Checkpoint, Json
from service.states import TrialState
from service.store.engine import insert_unless_there
from service.store.events import EventKind
from service.store.journal import append
from service.store.reader import live_checkpoints
from service.store.rows import to_checkpoint
from service.store.search_verbs import SearchVerbs
from service.store.tables import attempts, checkpoints, reports, searches, trials
from service.store.verdicts import enter_verdicts


class ResultVerbs(SearchVerbs):
    """Adds reports and checkpoints."""

    def report(
        self,
        search: str,
        trial: int,
        attempt: int,
        epoch: int,
        *,
        value: float | None,
        metrics: Mapping[str, float | None],
        gang: str,
        pids: Sequence[int],
        started_at: datetime,
        ended_at: datetime,
        resources: Mapping[str, float] | None = None,
        fact: Json | None,
        actions: Sequence[Json] | None,
    ) -> None:
        """One epoch of an attempt; event `report`.

        A report with a fact is `seen`: it moves the trial's `epoch`, `value` and `best_epoch`. A repeat of an epoch
        that an earlier attempt reported comes without a fact and is only kept.

        Args:
            value: the objective's metric; one that is not finite is kept as None, as are such metrics.
            started_at: aware, like `ended_at`.
            resources: what the epoch cost, if it was measured.
            fact: what the Study was told, None for a repeat.
            actions: its verdicts, None for a repeat.

        Raises:
            AlreadyReported: this epoch of this attempt is there, or a fact is and another one came.
            IllegalTransition: the trial does not run, or this is not its open attempt.
            NotFound: no such trial.
        """
        self._take_gang(search, trial, attempt, gang, pids)
        value = value if value is not None and math.isfinite(value) else None
        seen = fact is not None
        if not insert_unless_there(
            self._connection,
            reports,
            search=search,
            trial=trial,
            attempt=attempt,
            epoch=epoch,
            value=value,
            metrics=dict(metrics),
            seen=seen,
            gang=gang,
            pids=list(pids),
            started_at=started_at,
            ended_at=ended_at,
            resources=dict(resources) if resources is not None else None,
        ):
            raise AlreadyReported(
                f"epoch {epoch} of attempt {attempt} of trial {trial} of search {search}: got it again, "
                "must be reported once, and told to the Study once in all attempts; leave it out"
            )
        if seen:
            self._count_in(search, trial, epoch, value)
        data: dict[str, Any] = {
            "epoch": epoch,
            "value": value,
            "metrics": dict(metrics),
            "gang": gang,
            "fact": fact,
            "actions": list(actions or ()) if seen else None,
        }
        seq = append(self._connection, search, EventKind.REPORT, data, trial=trial, attempt=attempt)
        enter_verdicts(self._connection, search, seq, epoch, data["actions"] or ())

    def checkpoint(
        self, search: str, trial: int, attempt: int, epoch: int, path: str, bytes: int, manifest_sha256: str
    ) -> None:
        """A checkpoint whose files are complete; event `checkpoint.committed`. Its attempt may have ended.

        Args:
            path: its folder below the checkpoint store.
            bytes: of all its files.
            manifest_sha256: hexadecimal.

        Raises:
            NotFound: no such attempt.
            Conflict: there is one of this epoch of this attempt.
        """
        key = and_(attempts.c.search == search, attempts.c.trial == trial, attempts.c.number == attempt)
        if self._connection.scalar(select(attempts.c.number).where(key)) is None:
            raise NotFound(f"attempt {attempt} of trial {trial} of search {search}: got no such attempt, must be begun")
        label = f"checkpoint of epoch {epoch} of attempt {attempt} of trial {trial} of search {search}"
        if not insert_unless_there(
            self._connection,
            checkpoints,
            search=search,
            trial=trial,
            attempt=attempt,
            epoch=epoch,
            path=path,
            bytes=bytes,
            manifest_sha256=manifest_sha256,
            created_at=datetime.now(UTC),
        ):
            raise Conflict(f"{label}: got it again, must be committed once; leave it out")
        data = {"epoch": epoch, "bytes": bytes}
        append(self._connection, search, EventKind.CHECKPOINT_COMMITTED, data, trial=trial, attempt=attempt)

    def forget_checkpoint(
        self, search: str, trial: int, attempt: int, epoch: int, *, damage: str | None = None
    ) -> None:
        """Marks a checkpoint deleted, before its files are; event `checkpoint.deleted`, or `checkpoint.damaged`.

        Args:
            damage: what is wrong with its files, None for one that may go.

        Raises:
            NotFound: no such checkpoint, or it is marked already.
        """
        live = and_(
            checkpoints.c.search == search,
            checkpoints.c.trial == trial,
            checkpoints.c.attempt == attempt,
            checkpoints.c.epoch == epoch,
            checkpoints.c.deleted_at.is_(None),
        )
        forget = update(checkpoints).where(live).values(deleted_at=datetime.now(UTC))
        if self._connection.execute(forget).rowcount == 0:
            raise NotFound(
                f"checkpoint of epoch {epoch} of attempt {attempt} of trial {trial} of search {search}: "
                "got none, must be committed and not deleted; list them with checkpoints()"
            )
        kind = EventKind.CHECKPOINT_DELETED if damage is None else EventKind.CHECKPOINT_DAMAGED
        data = {"epoch": epoch} if damage is None else {"epoch": epoch, "reason": damage}
        append(self._connection, search, kind, data, trial=trial, attempt=attempt)

    def checkpoints(self, search: str, trial: int | None = None) -> list[Checkpoint]:
        """As `Reader.checkpoints`, with what this transaction has written."""
        rows = self._connection.execute(live_checkpoints(search, trial)).mappings()
        return [to_checkpoint(row) for row in rows]

    def best_epoch(self, search: str, trial: int) -> int | None:
        """The epoch whose value counts, with what this transaction has written; None before the first."""
        query = select(trials.c.best_epoch).where(trials.c.search == search, trials.c.number == trial)
        return self._connection.scalar(query)

    def _take_gang(self, search: str, trial: int, attempt: int, gang: str, pids: Sequence[int]) -> None:
        """Notes at an attempt who reports for it, if the trial runs and this is its open attempt."""
        running = select(trials.c.number).where(
            trials.c.search == search, trials.c.number == trial, trials.c.state == TrialState.RUNNING
        )
        reporting = update(attempts).where(
            attempts.c.search == search,
            attempts.c.trial == trial,
            attempts.c.number == attempt,
            attempts.c.outcome.is_(None),
            running.exists(),
        )
        first = func.coalesce(attempts.c.gang, gang)
        if self._connection.execute(reporting.values(gang=first, pids=list(pids))).rowcount == 0:
            raise self._not_reporting(search, trial, attempt)

    def _not_reporting(self, search: str, trial: int, attempt: int) -> NotFound | IllegalTransition:
        query = select(trials.c.state, trials.c.attempts).where(trials.c.search == search, trials.c.number == trial)
        row = self._connection.execute(query).one_or_none()
        if row is None:
            return NotFound(f"trial {trial} of search {search}: got no such trial, must be proposed first; use propose")
        return IllegalTransition(
            f"trial {trial} of search {search}: got a report of attempt {attempt}, must be running with that attempt "
            f"open (it is {row.state}, {row.attempts} begun); drop the report"
        )

    def _count_in(self, search: str, trial: int, epoch: int, value: float | None) -> None:
        """Brings the trial up to date with a report that the Study saw."""
        objective = searches.c.spec["objective"]
        query = (
            select(
                trials.c.value,
                objective["mode"].as_string().label("mode"),
                objective["scope"].as_string().label("scope"),
            )
            .join_from(trials, searches, trials.c.search == searches.c.id)
            .where(trials.c.search == search, trials.c.number == trial)
        )
        before = self._connection.execute(query).one()
        changed: dict[str, Any] = {"epoch": epoch}
        if before.scope == "last" or _is_better(value, before.value, before.mode):
            changed |= {"value": value, "best_epoch": epoch if value is not None else None}
        key = and_(trials.c.search == search, trials.c.number == trial)
        self._connection.execute(update(trials).where(key).values(**changed))


def _is_better(value: float | None, than: float | None, mode: str) -> bool:
    if value is None or than is None:
        return value is not None
    return {"min": value < than, "max": value > than}[mode]
