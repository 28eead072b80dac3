"""One search under one lease: the Study decides, the ledger remembers, and this ties them together. No Ray here.

The order never varies: the Study is told, report and verdict commit in one transaction, then the caller acts. So
whatever dies, the ledger holds everything that anybody acted on, and `recovery` can rebuild this object from it.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TypeVar

from service.algorithms import (
    Action,
    ActionKind,
    Cancelled,
    Closed,
    Continued,
    Enqueued,
    Event,
    Failed,
    Proposal,
    Reported,
    Resized,
    Resume,
    Start,
    Study,
    event_from_dict,
)
from service.algorithms.trials import Phase
from service.errors import LedgerUnavailable
from service.models import Checkpoint, Lease, Search, Wish
from service.runner import retention
from service.runner.adoption import unrecorded
from service.runner.memo import Live, Saved, TrialMemo, assignment_of
from service.runner.paths import SearchPaths
from service.runner.patience import Patience
from service.runner.ready import ReadyQueue
from service.runner.spending import Spending
from service.schemas import SearchSpec, spec_of
from service.states import Intent, SearchState, TrialState
from service.store import EventKind, Ledger, Writer
from trainables import Assignment, CheckpointRecord, EpochResult, Failure
from trainables.checkpoints.stores import FolderStore, Store
from trainables.failpoints import failpoint

log = logging.getLogger(__name__)
T = TypeVar("T")

_LONGEST_BACKOFF_S = 300.0
"""Seconds that a trial waits at most after a fault, however many it has borne."""


_LASTS_S = 1.0
"""Seconds for which a search must be able to use fewer gangs until the coordinator is told."""


_STORE_PAUSE_S = 10.0
"""Seconds that a trial waits where the checkpoint store does not answer; each request to it was tried again before."""


def _nothing(_: Writer) -> None:
    """What an event writes besides itself, unless its teller says more."""


class Verdict(StrEnum):
    """What becomes of a gang's present run after a report."""

    CONTINUE = "continue"
    """It trains the next epoch."""
    END = "end"
    """The gang is free for another trial."""
    COMMIT_THEN_END = "commit_then_end"
    """The same, once it has written a checkpoint of the epoch it is at."""


@dataclass(kw_only=True)
class Run:
    """The running search.

    Not thread-safe: one thread calls everything here, see `desk`.

    Attributes:
        search: as it was when the run began.
        spec: as it is now; see `heed`.
        version: of the search, as last heeded.
        demand: gangs it could use, as the coordinator was told.
        memos: the trials that have not ended.
        live: trials in Tune's hands, by number.
        ready: trials that wait for a gang.
        slots: the allowance as last read.
        patience: with the ledger.
        store: where the checkpoints live; `store_url` names it to the gangs.
        finished: whether the search has ended, or is paused, and nothing is left to do but to let go of the gangs.
    """

    search: Search
    spec: SearchSpec
    lease: Lease
    ledger: Ledger
    study: Study
    paths: SearchPaths
    backoff_s: float
    store: Store = field(default_factory=FolderStore)
    store_url: str = ""
    spending: Spending
    clock: Callable[[], float] = time.monotonic
    version: int = 0
    demand: int | None = None
    memos: dict[int, TrialMemo] = field(default_factory=dict)
    live: dict[int, Live] = field(default_factory=dict)
    slots: int = 0
    failures: int = 0
    finished: bool = False
    ready: ReadyQueue = field(init=False)
    _wants_less_since: float = field(init=False, default=0.0)
    patience: Patience = field(init=False)

    def __post_init__(self) -> None:
        self.ready = ReadyQueue(self.clock)
        self.patience = Patience(self.ledger, self.lease)

    # What Tune asks

    def next_assignment(self) -> Assignment | None:
        """The next trial to put on a gang; None while no slot is free or there is nothing to start."""
        if self.finished or self._holding() >= self.slots:
            return None
        number = self._take_ready()
        while number is None and self._propose():
            number = self._take_ready()
        if number is None:
            return None
        memo = self.memos[number]
        start = memo.checkpoint or self.saved(self._inherited(memo))
        self.live[number] = Live(attempt=memo.attempts + 1, start=start, epochs=self.study.max_epochs)
        return assignment_of(
            self.search,
            self.spec,
            number,
            memo,
            lease_epoch=self.lease.epoch,
            directory=self.paths.attempt(number, memo.attempts + 1, self.lease.epoch),
            logs=self.paths.logs(number),
            start=start,
            store=self.store_url,
            store_root=self.paths.store,
        )

    def begun(self, trial: int) -> None:
        """A gang has taken the trial up."""
        live, memo = self.live[trial], self.memos[trial]
        if live.begun or live.leaving:
            return

        def verbs(w: Writer) -> None:
            failpoint("attempt.before_begin", LedgerUnavailable)
            w.begin_attempt(self.search.id, trial, live.start_epoch)
            if live.start_epoch < memo.from_epoch:
                lost = f"trial {memo.parent} has no checkpoint of epoch {memo.from_epoch} for its clone"
                message = {"message": f"{lost}: it begins at epoch {live.start_epoch} and catches up untold"}
                w.event(self.search.id, EventKind.WARNING, message, trial=trial, attempt=live.attempt)

        self._commit(verbs)
        live.begun = True
        self.spending.began(trial)
        memo.attempts = live.attempt

    def reported(self, trial: int, result: EpochResult, finish: Callable[[], CheckpointRecord | str]) -> Verdict:
        """A gang finished an epoch, or failed in the user's code.

        Args:
            trial: the trial's number.
            result: what the gang hands back.
            finish: waits for the checkpoint of this epoch that the gang is writing, and returns its record, or the
                reason why there is none. Called where the attempt ends: its checkpoint is committed with its verdict.

        Returns:
            What the gang does next. Everything that the verdict rests on is committed.
        """
        live = self.live.get(trial)
        if live is None or live.leaving:
            return Verdict.END
        if self._ends_by_itself(trial, result):
            return Verdict.END
        memo = self.memos[trial]
        self.spending.trained(result.ended_at - result.started_at)
        value = _finite(result.metrics[self._metric])
        fresh = result.epoch > memo.epoch
        event = Reported(trial=trial, epoch=result.epoch, value=value) if fresh else None
        actions = self.study.tell(event) if event else []
        goes_on = not actions or actions[0].kind is ActionKind.CONTINUE
        why_displaced = self._displaces(live, result.epoch) if goes_on else None
        displaced = why_displaced is not None
        last = finish() if result.checkpoint_pending and (displaced or not goes_on) else None
        records = [record for record in (result.checkpoint, last) if isinstance(record, CheckpointRecord)]
        errors = [error for error in (result.checkpoint_error, last) if isinstance(error, str)]

        def verbs(w: Writer) -> list[Path]:
            w.report(
                self.search.id,
                trial,
                live.attempt,
                result.epoch,
                value=value,
                metrics={name: _finite(metric) for name, metric in result.metrics.items()},
                gang=result.gang,
                pids=result.pids,
                started_at=_utc(result.started_at),
                ended_at=_utc(result.ended_at),
                resources=result.resources,
                fact=event.to_dict() if event else None,
                actions=[action.to_dict() for action in actions] if event else None,
            )
            for record in records:
                self._record(w, trial, live.attempt, record)
            for message in (*errors, *result.warnings):
                self._warn(w, trial, live.attempt, message)
            self._carry_out(w, actions)
            if why_displaced is not None:
                w.end_attempt(self.search.id, trial, "displaced", why_displaced)
                w.move_trial(self.search.id, trial, TrialState.PAUSED, why_displaced, displaced=True)
            failpoint("report.before_commit", LedgerUnavailable)
            ended = _ended_by(actions)
            return self._tidy(w, {*ended, *([trial] if records else [])}, saved=trial if records else None, ended=ended)

        gone = self._commit(verbs)
        failpoint("report.after_commit")
        retention.remove(self.store, gone)
        memo.epoch = max(memo.epoch, result.epoch)
        for record in records:
            self._remember(memo, record)
        self._forget(actions)
        if displaced:
            live.leaving = True
            self.ready.add(trial)
        if goes_on and not displaced:
            return Verdict.CONTINUE
        paused = displaced or actions[0].kind is ActionKind.PAUSE
        is_saved = result.checkpoint_pending or any(record.epoch == result.epoch for record in records)
        return Verdict.COMMIT_THEN_END if paused and not is_saved else Verdict.END

    def checkpointed(self, trial: int, record: CheckpointRecord | str) -> None:
        """The gang wrote the checkpoint that `COMMIT_THEN_END` asked for, or says why there is none."""
        attempt = self.live[trial].attempt
        if isinstance(record, str):
            self._commit(lambda w: self._warn(w, trial, attempt, record))
            return
        self._save(trial, attempt, record)

    def broke(self, trial: int, reason: str) -> None:
        """The gang's processes broke: the attempt is lost, and the trial gets another one if it has any left."""
        live = self.live.get(trial)
        if live is None or live.leaving or trial not in self.memos:
            return
        memo = self.memos[trial]
        if live.begun:
            self.adopt(trial, live.attempt)
        memo.faults += 1
        if memo.faults >= self.spec.retries.attempts:
            self._fail(trial, f"attempt {memo.faults} of {self.spec.retries.attempts} broke: {reason}")
            return
        delay_s = min(self.backoff_s * 2 ** (memo.faults - 1), _LONGEST_BACKOFF_S)
        why = f"fault {memo.faults} of {self.spec.retries.attempts} borne, again in {delay_s:g} s: {reason}"

        def verbs(w: Writer) -> None:
            if live.begun:
                w.end_attempt(self.search.id, trial, "crashed", reason)
                w.move_trial(self.search.id, trial, TrialState.PENDING, why)
            else:  # there is no row of an attempt that could say why the trial does not start
                w.event(self.search.id, EventKind.WARNING, {"message": why}, trial=trial)

        self._commit(verbs)
        failpoint("fault.after_commit")
        live.leaving = True
        self.ready.add(trial, delay_s=delay_s)

    def released(self, trial: int) -> None:
        """Tune has let go of the trial's run; its gang is warm for another, or gone."""
        self.broke(trial, "its run ended without a result")
        self.live.pop(trial, None)
        self.spending.ended(trial)

    def _unrecorded(self, trial: int, attempt: int, *, after: int, upto: int) -> CheckpointRecord | None:
        folder = self.paths.trial(trial)
        return unrecorded(self.store, folder, attempt, self.search.id, trial, after=after, upto=upto)

    def on_disk(self, trial: int, epoch: int) -> CheckpointRecord | str:
        """The checkpoint of that epoch that the trial's attempt has written; or that there is none."""
        record = self._unrecorded(trial, self.live[trial].attempt, after=epoch - 1, upto=epoch)
        return record or f"no checkpoint of epoch {epoch}: the ledger was away, and it was not whole when it came back"

    def adopt(self, trial: int, attempt: int) -> None:
        """Records a checkpoint that an attempt completed and could not tell of any more."""
        memo = self.memos[trial]
        known = memo.checkpoint.epoch if memo.checkpoint else memo.from_epoch
        record = self._unrecorded(trial, attempt, after=known, upto=memo.epoch)
        if record is not None:
            self._save(trial, attempt, record)

    # What the coordinator and people ask

    def heed(self, search: Search) -> None:
        """Takes in what people changed since: all of it is told to the Study that the Study decides by."""
        if self.finished or search.version == self.version:
            return
        wishes = self.ledger.untold(search.id)
        if wishes:
            search = self.ledger.search(search.id)  # at least as new as they are: they come with changes of the spec
        for wish in wishes:
            self._grant(wish)
        self.spec, self.version = spec_of(search), search.version
        trials, epochs = self.spec.budget.trials, self.spec.budget.epochs
        assert trials is not None
        if (trials, epochs) != (self.study.max_trials, self.study.max_epochs):
            self._tell(Resized(max_trials=trials, max_epochs=epochs))
        for config in self.spec.enqueue[self.study.num_enqueued :]:
            self._tell(Enqueued(config=config))

    def obey(self, intent: Intent, slots: int, *, on_hold: bool = False) -> None:
        """Takes the newest intent and allowance; called between two steps of the controller.

        Args:
            on_hold: a person wants the search paused: it gives back all gangs, each at its next report.
        """
        self.slots = 0 if on_hold else slots
        if self.finished:
            return
        if intent is Intent.CANCEL:
            self._end(SearchState.CANCELLED, "cancelled by a person")
            return
        if self._too_many_failed():  # its last runner was lost between the failure and the consequence
            return
        if intent is Intent.STOP:
            self._close("stopped by a person")
        elif self._seconds_left() <= 0:
            self._close(f"its {self.spec.budget.seconds:g} seconds are used up")
        overdue = self._overdue()
        if overdue is not None:
            self._close_now(overdue)
        self._tell_demand()
        if on_hold:
            self._pause()
        elif not self.live and not len(self.ready):
            self._propose()

    # How it goes on

    def _grant(self, wish: Wish) -> None:
        """Tells the Study what a person wants, unless that has become impossible meanwhile; then the log says so."""
        event = event_from_dict(wish.fact)
        try:
            self._tell(event, lambda w: w.wish_told(self.search.id, wish.number))
        except ValueError as error:
            message = {"message": f"a wish cannot be granted any more: {error}"}

            def verbs(w: Writer) -> None:
                w.wish_told(self.search.id, wish.number)
                w.event(self.search.id, EventKind.WARNING, message)

            self._commit(verbs)
            return
        if isinstance(event, Continued) and self.study.trials[event.trial].phase is Phase.FAILED:
            self.failures -= 1

    def _take_ready(self) -> int | None:
        return self.ready.take(busy=self._is_busy)

    def _is_busy(self, trial: int) -> bool:
        """Whether a gang still has the trial, or still writes the checkpoint that it is to begin with."""
        memo = self.memos[trial]
        if trial in self.live or memo.parent is None or memo.checkpoint is not None:
            return trial in self.live
        parent, inherited = self.live.get(memo.parent), self._inherited(memo)
        return parent is not None and parent.leaving and (inherited is None or inherited.epoch < memo.from_epoch)

    def _inherited(self, memo: TrialMemo) -> Checkpoint | None:
        """The checkpoint that a clone begins with until it has one of its own."""
        if memo.parent is None or memo.checkpoint is not None:
            return None
        return retention.inherited(self._checkpoints(memo.parent), memo.from_epoch)

    def _propose(self) -> bool:
        """Makes the Study's next proposal durable; False if there is none. Ends a search that is done."""
        proposal = self.study.propose()
        too_dear = self._too_dear(proposal)
        if too_dear is not None:
            if self.live or len(self.ready):  # which may end early, and leave enough
                return False
            self._close(too_dear)
            proposal = self.study.propose()
        self.study.accept(proposal)
        if isinstance(proposal, Start):
            failpoint("propose.before_commit")
            self._commit(
                lambda w: w.propose(
                    self.search.id,
                    proposal.trial,
                    dict(proposal.config),
                    proposal.origin.to_dict(),
                    proposal=proposal.to_dict(),
                )
            )
            failpoint("propose.after_commit")
            self.memos[proposal.trial] = TrialMemo(
                config=dict(proposal.config),
                epoch=proposal.from_epoch,
                parent=proposal.parent,
                from_epoch=proposal.from_epoch,
                continues=self.study.trials[proposal.trial].continues,
                goal=proposal.epochs,
            )
        elif isinstance(proposal, Resume):
            self._commit(lambda w: w.resume(self.search.id, proposal.trial, proposal.to_dict(), proposal.reason))
            failpoint("promote.after_commit")
            self.memos[proposal.trial].goal = proposal.epochs
        else:
            if not self.live and not len(self.ready):
                self._complete(proposal.reason)
            return False
        self.ready.add(proposal.trial)
        return True

    def _complete(self, reason: str) -> None:
        if self.memos:
            waiting = ", ".join(str(number) for number in sorted(self.memos))
            raise RuntimeError(f"the Study waits ({reason}), but nothing runs: trials {waiting} would wait for ever")
        self._end(SearchState.COMPLETED, reason, version=self.version)

    def _close(self, reason: str) -> None:
        if not self.study.closed:
            self._tell(Closed(reason=reason))

    def _close_now(self, reason: str) -> None:
        """Nothing new, and what runs ends at its next report: nobody waits for it."""
        self._close(reason)
        for trial in list(self.memos):
            self._tell(Cancelled(trial=trial), partial(self._cancel, trial=trial, reason=reason))
            if trial in self.live:
                self.live[trial].leaving = True
            self.memos.pop(trial)
            self.ready.drop(trial)

    def _tell_demand(self) -> None:
        """Lets the coordinator lend out slots that cannot be used now, as at a barrier. Less counts once it lasts."""
        could = self._holding() + len(self.ready)
        wants = self.spec.parallelism if self.study.may_propose else min(could, self.spec.parallelism)
        now = self.clock()
        if self.demand is None or wants >= self.demand:
            self._wants_less_since = now
        if wants != self.demand and (wants > (self.demand or 0) or now - self._wants_less_since >= _LASTS_S):
            self._commit(lambda w: w.set_demand(self.search.id, wants))
            self.demand = wants

    def _pause(self) -> None:
        """Once no gang trains any more, the search is paused, and this run over: the next one recovers.

        A trial that no gang has taken up yet is not waited for: it might be long until there is room.
        """
        if any(live.begun for live in self.live.values()):
            return
        reason = f"paused by a person; {len(self.memos)} trials wait where they are"
        self.finished = self._commit(lambda w: w.pause_search(self.search.id, reason))
        if self.finished:
            for live in self.live.values():
                live.leaving = True

    def _overdue(self) -> str | None:
        """Why everything ends now, if it does."""
        cap, deadline = self.spec.budget.gpu_hours, self.spec.deadline
        if cap is not None and self.spending.used_hours >= cap:
            return f"its {cap:g} GPU-hours are used up"
        if deadline is not None and datetime.now(UTC) >= deadline:
            return f"its deadline, {deadline.isoformat()}, has passed"
        return None

    def _too_dear(self, proposal: Proposal) -> str | None:
        """Why the GPU-hours do not suffice for a proposal beside what runs already; None if they do."""
        cap = self.spec.budget.gpu_hours
        if cap is None or not isinstance(proposal, Start | Resume):
            return None
        used = self.spending.used_hours
        runs = self.spending.forecast_hours(memo.goal - memo.epoch for memo in self._promised())
        begins_at = self.memos[proposal.trial].epoch if isinstance(proposal, Resume) else proposal.from_epoch
        takes = self.spending.forecast_hours([proposal.epochs - begins_at])
        if used + runs + takes <= cap:
            return None
        return (
            f"its {cap:g} GPU-hours do not suffice: {used:.3g} are used, {runs:.3g} promised to trials that run, and "
            f"trial {proposal.trial} would take {takes:.3g} to epoch {proposal.epochs}"
        )

    def _promised(self) -> list[TrialMemo]:
        """The trials that run or wait for a gang; those that wait at a rung are not among them."""
        return [memo for number, memo in self.memos.items() if number in self.live or number in self.ready]

    def _tell(self, event: Event, also: Callable[[Writer], None] = _nothing) -> None:
        """An event that is no report: told, then committed with its verdicts and whatever `also` writes."""
        actions = self.study.tell(event)

        trial = getattr(event, "trial", None)
        ended = _ended_by(actions) | ({event.trial} if isinstance(event, Failed | Cancelled) else set())

        def verbs(w: Writer) -> list[Path]:
            also(w)
            w.decide(self.search.id, trial, event.to_dict(), [a.to_dict() for a in actions])
            self._carry_out(w, actions)
            return self._tidy(w, ended, ended=ended)

        retention.remove(self.store, self._commit(verbs))
        self._forget(actions)

    def _ends_by_itself(self, trial: int, result: EpochResult) -> bool:
        """Whether the attempt cannot go on after this result, whatever the Study thinks; it has ended then."""
        if result.failure is not None and result.failure.kind == "checkpoint":
            self._go_back(trial, result.failure.message)
            return True
        if result.failure is not None and result.failure.kind == "store":
            self._wait_for_store(trial, result.failure.message)
            return True
        fault = self._fault_of(result)
        if fault is None:
            return False
        if result.checkpoint is not None:
            self.checkpointed(trial, result.checkpoint)
        self._fail(trial, fault)
        return True

    def _fault_of(self, result: EpochResult) -> str | None:
        """Why the trial cannot go on after this result; None if it can."""
        if result.failure is not None:
            return _describe(result.failure)
        if self._metric not in result.metrics:
            return f"it reports {', '.join(sorted(result.metrics))}, and not the objective {self._metric}"
        return None

    def _fail(self, trial: int, reason: str) -> None:
        """The trial is lost for good; the Study learns it, and the search fails if that is one too many."""
        live = self.live[trial]

        def verbs(w: Writer) -> None:
            if live.begun:
                w.end_attempt(self.search.id, trial, "failed", reason)
            w.move_trial(self.search.id, trial, TrialState.FAILED, reason)

        self._tell(Failed(trial=trial, reason=reason), verbs)
        live.leaving = True
        self.memos.pop(trial)
        self.failures += 1
        self._too_many_failed()

    def _too_many_failed(self) -> bool:
        """Whether more trials failed than the budget bears; the search has ended then."""
        bears = self.spec.budget.failures
        if self.failures <= bears:
            return False
        self._end(SearchState.FAILED, f"{self.failures} trials failed, and budget.failures bears {bears}")
        return True

    def _end(self, state: SearchState, reason: str, version: int | None = None) -> None:
        """The search is over: what has not ended is cancelled, in the same transaction.

        Args:
            version: it is not over if a person has changed it since this one: there may be more to do.
        """

        def verbs(w: Writer) -> list[Path] | None:
            if version is not None and not w.is_at(self.search.id, version):
                return None
            for number in self.memos:
                self._cancel(w, number, reason)
            w.move_search(self.search.id, state, reason)
            failpoint("end.before_commit", LedgerUnavailable)
            return self._tidy(w, self.memos, ended=self.memos)

        gone = self._commit(verbs)
        if gone is None:
            return
        failpoint("end.after_commit")
        retention.remove(self.store, gone)
        for live in self.live.values():
            live.leaving = True
        self.memos.clear()
        self.ready.clear()
        self.finished = True

    def _cancel(self, w: Writer, trial: int, reason: str) -> None:
        live = self.live.get(trial)
        if live is not None and live.begun and not live.leaving:
            w.end_attempt(self.search.id, trial, "cancelled", reason)
        w.move_trial(self.search.id, trial, TrialState.CANCELLED, f"the search ended: {reason}")

    def _carry_out(self, w: Writer, actions: list[Action]) -> None:
        for action in actions:
            outcome = _OUTCOMES.get(action.kind)
            if outcome is None:
                continue
            live = self.live.get(action.trial)
            if live is not None and live.begun and not live.leaving:
                w.end_attempt(self.search.id, action.trial, outcome[0], action.reason)
            w.move_trial(self.search.id, action.trial, outcome[1], action.reason)

    def _forget(self, actions: list[Action]) -> None:
        """Drops from memory what the committed verdicts ended. Only who reported can be on a gang: it leaves it."""
        for action in actions:
            if action.kind not in _OUTCOMES:
                continue
            live = self.live.get(action.trial)
            if live is not None:
                live.leaving = True
            if action.kind is not ActionKind.PAUSE:
                self.memos.pop(action.trial, None)
                self.ready.drop(action.trial)

    def _displaces(self, live: Live, epoch: int) -> str | None:
        """Why a trial that goes on must leave its gang; None: it need not."""
        if self._holding() > self.slots:
            return f"displaced: the allowance is {self.slots} and {self._holding()} were running"
        if epoch >= live.epochs:
            return f"displaced: its gang was to train {live.epochs} epochs, and more are wanted by now"
        return None

    def _save(self, trial: int, attempt: int, record: CheckpointRecord) -> None:
        """Commits a checkpoint that comes without a report."""

        def verbs(w: Writer) -> list[Path]:
            self._record(w, trial, attempt, record)
            return self._tidy(w, {trial}, saved=trial, ended=() if trial in self.memos else {trial})

        retention.remove(self.store, self._commit(verbs))
        if trial in self.memos:
            self._remember(self.memos[trial], record)

    def _record(self, w: Writer, trial: int, attempt: int, record: CheckpointRecord) -> None:
        failpoint("checkpoint.before_row", LedgerUnavailable)
        w.checkpoint(
            self.search.id,
            trial,
            attempt,
            record.epoch,
            path=self.paths.relative(Path(record.path)),
            bytes=record.bytes,
            manifest_sha256=record.manifest_sha256,
        )

    def _tidy(
        self, w: Writer, trials: Collection[int], *, saved: int | None = None, ended: Collection[int] = ()
    ) -> list[Path]:
        """Forgets the rows of checkpoints that may go, and returns the folders to delete.

        Args:
            trials: whose checkpoints are looked at.
            saved: one that has a checkpoint of its own by now, so that its parent's may go.
            ended: those of them that will not train on.
        """
        memo = self.memos.get(saved) if saved is not None else None
        parents = {memo.parent} if memo is not None and memo.parent is not None and memo.checkpoint is None else set()
        gone: list[Checkpoint] = []
        for trial in sorted({*trials, *parents}):
            needy = [
                memo.from_epoch
                for number, memo in self.memos.items()
                if memo.parent == trial and memo.checkpoint is None and number != saved and number not in ended
            ]
            there, best = w.checkpoints(self.search.id, trial), w.best_epoch(self.search.id, trial)
            trains = trial in self.memos and trial not in ended
            gone += retention.superfluous(there, best, self.spec.checkpoints.keep, needy, trains=trains)
        for checkpoint in gone:
            w.forget_checkpoint(self.search.id, checkpoint.trial, checkpoint.attempt, checkpoint.epoch)
        return [self.paths.absolute(checkpoint.path) for checkpoint in gone]

    def _wait_for_store(self, trial: int, reason: str) -> None:
        """The checkpoint that an attempt should go on from cannot be had at present: no fault of the trial's."""

        def verbs(w: Writer) -> None:
            w.end_attempt(self.search.id, trial, "lost", reason)
            w.move_trial(self.search.id, trial, TrialState.PENDING, f"again in {_STORE_PAUSE_S:g} s: {reason}")

        self._commit(verbs)
        self.live[trial].leaving = True
        self.ready.add(trial, delay_s=_STORE_PAUSE_S)

    def _go_back(self, trial: int, reason: str) -> None:
        """The checkpoint that an attempt should go on from does not verify: the trial goes on from the one before."""
        live, memo, start = self.live[trial], self.memos[trial], self.live[trial].start
        assert start is not None
        path = self.paths.relative(start.path)
        owner = trial if start is memo.checkpoint else memo.parent
        assert owner is not None
        rows = self._checkpoints(owner)
        damaged = next((row for row in rows if row.path == path), None)  # None where another clone has said so already
        before = self.saved(max((row for row in rows if row != damaged), key=retention.age, default=None))
        to = f"epoch {before.epoch}" if before else "the beginning"

        def verbs(w: Writer) -> None:
            if damaged is not None:
                w.forget_checkpoint(self.search.id, owner, damaged.attempt, damaged.epoch, damage=reason)
            w.end_attempt(self.search.id, trial, "damaged", reason)
            why = f"its checkpoint of epoch {start.epoch} is damaged, again from {to}"
            w.move_trial(self.search.id, trial, TrialState.PENDING, why)

        self._commit(verbs)
        retention.remove(self.store, [start.path])
        if owner == trial:
            memo.checkpoint = before
        memo.best_loss = self.best_loss(trial, before)
        live.leaving = True
        self.ready.add(trial)

    def best_loss(self, trial: int, saved: Saved | None) -> float | None:
        """The trial's lowest loss up to a checkpoint; None if there is none."""
        row = self.patience.read(lambda: self.ledger.trial(self.search.id, trial))
        if saved is None or row.value is None or row.best_epoch is None or row.best_epoch > saved.epoch:
            return None
        return self.study.objective.loss(row.value)

    def _checkpoints(self, trial: int) -> list[Checkpoint]:
        return self.patience.read(lambda: self.ledger.checkpoints(self.search.id, trial))

    def saved(self, row: Checkpoint | None) -> Saved | None:
        """What an attempt needs of a checkpoint's row."""
        if row is None:
            return None
        return Saved(path=self.paths.absolute(row.path), epoch=row.epoch, manifest_sha256=row.manifest_sha256)

    def _remember(self, memo: TrialMemo, record: CheckpointRecord) -> None:
        """The trial goes on from this checkpoint. Only what is saved counts as its best so far: it is trained again."""
        memo.checkpoint = Saved(path=Path(record.path), epoch=record.epoch, manifest_sha256=record.manifest_sha256)
        loss = self.study.objective.loss(_finite(record.metrics.get(self._metric, math.nan)))
        if math.isfinite(loss) and (memo.best_loss is None or loss < memo.best_loss):
            memo.best_loss = loss

    def _warn(self, w: Writer, trial: int, attempt: int, message: str) -> None:
        w.event(self.search.id, EventKind.WARNING, {"message": message}, trial=trial, attempt=attempt)

    def _holding(self) -> int:
        return sum(not live.leaving for live in self.live.values())

    @property
    def _metric(self) -> str:
        return self.study.objective.metric

    def _seconds_left(self) -> float:
        if self.spec.budget.seconds is None or self.search.started_at is None:
            return math.inf
        return self.spec.budget.seconds - (datetime.now(UTC) - self.search.started_at).total_seconds()

    def _commit(self, verbs: Callable[[Writer], T]) -> T:
        return self.patience.commit(verbs)


_OUTCOMES = {
    ActionKind.COMPLETE: ("completed", TrialState.COMPLETED),
    ActionKind.STOP: ("stopped", TrialState.STOPPED),
    ActionKind.PAUSE: ("paused", TrialState.PAUSED),
}
"""What a verdict does to the attempt and to the trial; other kinds change neither."""


def _ended_by(actions: Iterable[Action]) -> set[int]:
    """The trials that will not train on after these verdicts."""
    return {action.trial for action in actions if action.kind in _OUTCOMES and action.kind is not ActionKind.PAUSE}


def _describe(failure: Failure) -> str:
    return f"{failure.kind} error: {failure.message}"


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _utc(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
