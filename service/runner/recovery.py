"""Builds a `Run` from the ledger alone, whatever its last runner was doing when it went. The only way a run begins.

A search that never ran is the same thing with an empty history. Recorded proposals and verdicts are fed to a fresh
Study as facts, in their order; nothing is decided again. Trials that were on a gang start a new attempt from their
newest committed checkpoint, and epochs they repeat are not told to the Study twice.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path

from search_spaces import Space
from service.algorithms import (
    Action,
    AlgorithmSpec,
    Enqueued,
    Objective,
    Study,
    event_from_dict,
    proposal_from_dict,
)
from service.models import Lease, Search, Trial
from service.runner import retention
from service.runner.memo import Live, TrialMemo
from service.runner.paths import SearchPaths
from service.runner.run import Run
from service.runner.spending import Spending
from service.runner.spool import Spool
from service.schemas import SearchSpec, spec_of
from service.states import TrialState
from service.store import Ledger, Recorded
from trainables.checkpoints.stores import open_store
from trainables.failpoints import failpoint


def recover(
    *,
    ledger: Ledger,
    lease: Lease,
    search: Search,
    store: Path,
    backoff_s: float,
    spool: Spool | None = None,
    store_url: str = "",
) -> Run:
    """The run of `search` under `lease`, ready to go on.

    Args:
        ledger: the truth.
        lease: this runner's; what its predecessor had begun is closed under it.
        search: not terminal.
        store: folder of the checkpoints; of an object store, of those on their way to or from it.
        backoff_s: seconds before the first retry of a trial after a fault.
        spool: reports that the last runner could not commit any more; None for none.
        store_url: the object store that checkpoints live in; empty where that is the folder.

    Raises:
        Fenced: another runner has taken over already.
    """
    submitted = SearchSpec.model_validate(search.spec)
    spec = spec_of(search)
    with ledger.steps(search.id) as steps:
        replay = _Replay(steps)
        study = study_of(submitted, replay)
    run = Run(
        search=search,
        spec=spec,
        lease=lease,
        ledger=ledger,
        study=study,
        paths=SearchPaths(store=store, search=search.id),
        backoff_s=backoff_s,
        demand=search.demand,
        store=open_store(store_url, store),
        store_url=store_url,
        spending=Spending(
            gpus=spec.resources.workers * spec.resources.gpus_per_worker,
            clock=time.monotonic,
            held_s=ledger.attempts_s(search.id),
        ),
    )
    trials = ledger.trials(search.id)
    unfinished = [trial for trial in trials if not trial.state.is_terminal]
    run.failures = sum(t.state is TrialState.FAILED and not run.study.was_continued(t.number) for t in trials)
    for trial in unfinished:
        run.memos[trial.number] = _memo(run, trial, replay.goals[trial.number])
    failpoint("recovery.after_replay")
    if spool is not None:
        _replay_spool(run, spool, unfinished)
        if run.finished:
            return run
        unfinished = [trial for trial in ledger.trials(search.id) if not trial.state.is_terminal]
    _close_lost_attempts(run, unfinished)
    failpoint("recovery.after_close")
    for trial in unfinished:
        if trial.state is not TrialState.PAUSED or trial.displaced:
            run.ready.add(trial.number)
        if trial.attempts:
            run.adopt(trial.number, trial.attempts)
    if replay.is_empty:
        _enqueue(run)
    run.heed(search)
    there = retention.listed(run.store, run.paths.root)
    failpoint("recovery.before_sweep")
    with ledger.write(lease) as writer:  # whose lease holds here, so that nothing in the list is a successor's
        live = [run.paths.absolute(checkpoint.path) for checkpoint in writer.checkpoints(search.id)]
    retention.sweep(run.store, there, live)
    return run


class _Replay:
    """Hands on recorded steps, and notes what the run must know of them besides.

    Attributes:
        is_empty: whether there were none: the search never ran.
        goals: of each trial the epoch to which it was to train, by its last proposal.
    """

    def __init__(self, steps: Iterable[Recorded]) -> None:
        self._steps = steps
        self.is_empty = True
        self.goals: dict[int | None, int] = {}

    def __iter__(self) -> Iterator[Recorded]:
        for step in self._steps:
            self.is_empty = False
            if step.kind == "proposal":
                self.goals[step.trial] = step.data["epochs"]
            yield step


def study_of(spec: SearchSpec, history: Iterable[Recorded]) -> Study:
    """A Study that has seen `history` as facts.

    Args:
        spec: resolved, as it was submitted: what was changed since is in the history.
        history: what the ledger recorded, in its order.
    """
    assert spec.space is not None
    assert spec.objective.metric is not None
    assert spec.objective.mode is not None
    assert spec.budget.trials is not None
    assert spec.budget.epochs is not None
    study = Study(
        space=Space.parse(spec.space),
        algorithm=AlgorithmSpec.parse(spec.algorithm),
        objective=Objective(metric=spec.objective.metric, mode=spec.objective.mode, scope=spec.objective.scope),
        max_trials=spec.budget.trials,
        max_epochs=spec.budget.epochs,
        seed=spec.seed,
        target=spec.budget.target,
        patience=spec.budget.patience,
    )
    for recorded in history:
        if recorded.kind == "proposal":
            study.accept(proposal_from_dict(recorded.data))
        else:
            study.accept_event(event_from_dict(recorded.data), [Action.from_dict(raw) for raw in recorded.actions])
    return study


def _replay_spool(run: Run, spool: Spool, unfinished: list[Trial]) -> None:
    """Tells and commits what the last runner could not any more; its attempts are still open."""
    opened = {trial.number: trial.attempts for trial in unfinished if trial.state is TrialState.RUNNING}
    for spooled in spool.left():
        trial, result = spooled.trial, spooled.result
        if opened.get(trial) != spooled.attempt or trial not in run.memos or run.finished:
            continue
        if result.failure is not None and result.failure.kind == "checkpoint":
            continue  # whoever takes the trial up looks at it again
        committed = run.ledger.reports(run.search.id, trial)
        if any((report.attempt, report.epoch) == (spooled.attempt, result.epoch) for report in committed):
            continue
        run.live.setdefault(trial, Live(attempt=spooled.attempt, begun=True))
        run.slots = len(run.live)
        run.reported(trial, result, partial(run.on_disk, trial, result.epoch))
    run.live.clear()
    run.slots = 0
    spool.clear()


def _close_lost_attempts(run: Run, unfinished: list[Trial]) -> None:
    lost = [trial.number for trial in unfinished if trial.state is TrialState.RUNNING]
    if not lost:
        return
    reason = f"its runner was lost; lease epoch {run.lease.epoch} takes over"
    with run.ledger.write(run.lease) as writer:
        for number in lost:
            writer.end_attempt(run.search.id, number, "lost", reason)
            writer.move_trial(run.search.id, number, TrialState.PENDING, reason)


def _memo(run: Run, trial: Trial, goal: int) -> TrialMemo:
    record = run.study.trials[trial.number]
    memo = TrialMemo(
        config=dict(trial.config),
        epoch=max(trial.epoch, record.from_epoch),
        attempts=trial.attempts,
        parent=record.parent,
        from_epoch=record.from_epoch,
        continues=record.continues,
        goal=goal,
    )
    memo.faults = sum(a.outcome == "crashed" for a in run.ledger.attempts(run.search.id, trial.number))
    checkpoints = run.ledger.checkpoints(run.search.id, trial.number)
    memo.checkpoint = run.saved(max(checkpoints, key=retention.age, default=None))
    memo.best_loss = run.best_loss(trial.number, memo.checkpoint)
    return memo


def _enqueue(run: Run) -> None:
    """Tells the Study the spec's own configurations, all in one transaction and before anything else is recorded.

    So none is lost or asked for twice.
    """
    with run.ledger.write(run.lease) as writer:
        for config in run.spec.enqueue:
            event = Enqueued(config=config)
            actions = run.study.tell(event)
            writer.decide(run.search.id, None, event.to_dict(), [action.to_dict() for action in actions])
