"""The writer's verbs on trials and their attempts. Reports and checkpoints are in `result_verbs`."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import ColumnElement, and_, exists, insert, select, update

from service.errors import Conflict, IllegalTransition, NotFound
from service.models import Attempt, Json
from service.states import TrialState
from service.store.engine import insert_unless_there
from service.store.events import EventKind
from service.store.journal import append
from service.store.rows import to_attempt
from service.store.search_verbs import SearchVerbs
from service.store.tables import attempts, trials
from service.store.transitions import illegal, move_trial, require_reason


class TrialVerbs(SearchVerbs):
    """Adds proposing, starting, ending and moving of trials."""

    def propose(self, search: str, trial: int, config: Json, origin: Json, proposal: Json) -> None:
        """A new trial, pending; event `trial.proposed`.

        Args:
            trial: its number, by the Study.
            proposal: the Study's proposal, for replay.

        Raises:
            IllegalTransition: the search has ended.
            Conflict: the number is taken.
        """
        self._require_live(search, "propose a trial")
        if not insert_unless_there(
            self._connection,
            trials,
            search=search,
            number=trial,
            config=dict(config),
            origin=dict(origin),
            state=TrialState.PENDING,
            state_reason="proposed",
            displaced=False,
            attempts=0,
            epoch=0,
            created_at=datetime.now(UTC),
        ):
            raise Conflict(f"trial {trial} of search {search}: got a number that is taken, must be new; replay first")
        data = {"proposal": proposal, "config": config, "origin": origin}
        append(self._connection, search, EventKind.TRIAL_PROPOSED, data, trial=trial)

    def resume(self, search: str, trial: int, proposal: Json, reason: str) -> None:
        """The scheduler wants a paused trial to go on; event `trial.resumed`.

        It stays paused until its attempt begins, from now on as `displaced`: nothing but a slot is missing, so after a
        takeover it is taken up like any displaced trial.

        Raises:
            ValueError: the reason is empty.
            NotFound: no such trial.
            IllegalTransition: it is not paused.
        """
        require_reason(reason)
        key = and_(trials.c.search == search, trials.c.number == trial)
        state = self._connection.scalar(select(trials.c.state).where(key))
        if state is None:
            raise NotFound(f"{_label(search, trial)}: got no such trial, must be proposed first; use propose")
        change = update(trials).where(key, trials.c.state == TrialState.PAUSED)
        if self._connection.execute(change.values(displaced=True, state_reason=reason)).rowcount == 0:
            raise illegal(_label(search, trial), state, {TrialState.PAUSED}, "be resumed")
        data = {"proposal": proposal, "reason": reason}
        append(self._connection, search, EventKind.TRIAL_RESUMED, data, trial=trial)

    def move_trial(self, search: str, trial: int, to: TrialState, reason: str, displaced: bool = False) -> None:
        """Moves a trial along an edge; event `trial.state`. To running only `begin_attempt` leads.

        Args:
            displaced: for paused: by the allowance, not by the scheduler.

        Raises:
            ValueError: the reason is empty, or `to` is running.
            NotFound: no such trial.
            IllegalTransition: no such edge from its state.
        """
        if to is TrialState.RUNNING:
            raise ValueError("to: got running, must be another state; begin_attempt makes a trial run")
        move_trial(self._connection, search, trial, to, reason, displaced=displaced)

    def begin_attempt(self, search: str, trial: int, start_epoch: int) -> Attempt:
        """A gang takes the trial up: running, with its next attempt; events `trial.state` and `attempt.started`.

        Args:
            start_epoch: epoch of the checkpoint that it begins from, 0 for none.

        Raises:
            NotFound: no such trial.
            IllegalTransition: the search has ended, the trial is neither pending nor paused, or its last attempt was
                not ended.
        """
        self._require_live(search, "begin an attempt")
        begun, is_open = self._attempts(search, trial)
        if is_open:
            raise IllegalTransition(
                f"{_label(search, trial)}: got attempt {begun} still open, must have an outcome; end it first"
            )
        number = begun + 1
        reason = f"attempt {number} begins after epoch {start_epoch}"
        move_trial(self._connection, search, trial, TrialState.RUNNING, reason, values={"attempts": number})
        begin = insert(attempts).values(
            search=search,
            trial=trial,
            number=number,
            lease_epoch=self._lease.epoch,
            start_epoch=start_epoch,
            pids=[],
            reason="",
            started_at=datetime.now(UTC),
        )
        row = self._connection.execute(begin.returning(attempts)).mappings().one()
        data = {"start_epoch": start_epoch, "lease_epoch": self._lease.epoch}
        append(self._connection, search, EventKind.ATTEMPT_STARTED, data, trial=trial, attempt=number)
        return to_attempt(row)

    def end_attempt(self, search: str, trial: int, outcome: str, reason: str) -> None:
        """Closes the trial's open attempt; event `attempt.ended`. The trial's state stays as it is.

        Args:
            outcome: see `service.models.Attempt.outcome`.

        Raises:
            ValueError: the reason is empty.
            NotFound: no such trial.
            IllegalTransition: none of its attempts is open.
        """
        require_reason(reason)
        number, _ = self._attempts(search, trial)
        end = update(attempts).where(_is_open(search, trial))
        ended = self._connection.execute(end.values(outcome=outcome, reason=reason, ended_at=datetime.now(UTC)))
        if ended.rowcount == 0:
            raise IllegalTransition(
                f"{_label(search, trial)}: got no open attempt, must have one to end; begin_attempt opens one"
            )
        data = {"outcome": outcome, "reason": reason}
        append(self._connection, search, EventKind.ATTEMPT_ENDED, data, trial=trial, attempt=number)

    def _attempts(self, search: str, trial: int) -> tuple[int, bool]:
        """How many attempts the trial has begun, and whether the last one is open."""
        query = select(trials.c.attempts, exists().where(_is_open(search, trial)))
        row = self._connection.execute(query.where(trials.c.search == search, trials.c.number == trial)).one_or_none()
        if row is None:
            raise NotFound(f"{_label(search, trial)}: got no such trial, must be proposed first; use propose")
        number, is_open = row
        return number, bool(is_open)


def _is_open(search: str, trial: int) -> ColumnElement[bool]:
    return and_(attempts.c.search == search, attempts.c.trial == trial, attempts.c.outcome.is_(None))


def _label(search: str, trial: int) -> str:
    return f"trial {trial} of search {search}"
