"""The Study: all decisions of one search, as a pure function of the facts it was told.

It knows no Ray, no clock, no database and no global random state. The runner asks `next()` whenever a slot is free and
`tell`s what happened; it stores the proposals, events and actions it got, in order. A recovery feeds those stored facts
to a fresh Study by `accept` and `accept_event`, which decide nothing, and goes on.
"""

import math
from collections import deque
from collections.abc import Collection, Mapping
from typing import Any

from search_spaces import Space
from service.algorithms.actions import Action, ActionKind
from service.algorithms.events import (
    Cancelled,
    Closed,
    Continued,
    Enqueued,
    Event,
    Failed,
    Observed,
    Reopened,
    Reported,
    Resized,
)
from service.algorithms.objective import Objective
from service.algorithms.proposals import Done, Origin, OriginKind, Proposal, Resume, Start, Wait
from service.algorithms.seeds import draw_seed
from service.algorithms.spec import AlgorithmSpec
from service.algorithms.trials import LIVE, Phase, TrialRecord, Trials

_PHASE_AFTER = {
    ActionKind.CONTINUE: Phase.RUNNING,
    ActionKind.PAUSE: Phase.PAUSED,
    ActionKind.PROMOTE: Phase.PAUSED,  # until next() resumes it
    ActionKind.STOP: Phase.ENDED,
    ActionKind.COMPLETE: Phase.ENDED,
}
_ENDS = (ActionKind.STOP, ActionKind.COMPLETE)
_OVER = frozenset(Phase) - LIVE


class Study:
    """The decisions of one search.

    `next` and `tell` decide and take in what they decided; `accept` and `accept_event` only take in. Both ways leave
    the same state behind. Not safe to call from several threads at a time. Facts handed in or out are never changed
    afterwards, and must not be changed by the caller.
    """

    def __init__(
        self,
        *,
        space: Space,
        algorithm: AlgorithmSpec,
        objective: Objective,
        max_trials: int,
        max_epochs: int,
        seed: int,
        target: float | None = None,
        patience: int | None = None,
    ) -> None:
        """Begin a search.

        Args:
            space: what may vary.
            algorithm: sampler and scheduler; `algorithm.accepts(...)` has been asked.
            objective: which metric, which direction, which value of a curve counts.
            max_trials: how many trials are proposed at most, those enqueued included. Clones are not counted, nor are
                trials that continue another.
            max_epochs: the epoch at which a trial is complete.
            seed: at least 0; with a trial's number, the source of every draw.
            target: the search is done once a report is this good or better; None: never.
            patience: the search is done once so many trials have ended since the best result so far came in, those
                stopped early and those that failed included; None: never. Running trials finish what they were
                started or resumed for.
        """
        self.trials = Trials()
        self.objective = objective
        self._space = space
        self._algorithm = algorithm
        self._max_trials = max_trials
        self._max_epochs = max_epochs
        self._seed = seed
        self._target = target
        self._patience = patience
        self._sampler = algorithm.build_sampler(space, objective, seed, max_epochs)
        self._scheduler = algorithm.build_scheduler(space, objective, seed, max_epochs)
        self._queue: deque[Mapping[str, Any]] = deque()
        self._continuing: deque[Continued] = deque()
        self._continued: set[int] = set()
        self.num_enqueued = 0
        """Configurations that it was told of, whether proposed yet or not."""
        self._closed: str | None = None
        self._target_reached: str | None = None
        self._stalled: str | None = None
        self._best_loss = math.inf
        self._num_ended_since_best = 0

    # Deciding

    def next(self) -> Proposal:
        """Return what a free slot should run.

        Clones come first, while the trials they copy are where they are; then promoted trials, then those that continue
        others, then enqueued configurations, then the sampler's.
        """
        proposal = self.propose()
        self.accept(proposal)
        return proposal

    def propose(self) -> Proposal:
        """Return what `next` would, without taking it in: asked again, it is the same until something is told."""
        if self._over is not None:
            return Done(reason=self._over)
        planned = self._scheduler.clone(len(self.trials), self.trials) or self._scheduler.resume()
        if planned is not None:
            return planned
        if self._continuing:
            return self._continue(self._continuing[0])
        if self._may_start():
            return self._start()
        waits_for = self._scheduler.waits_for()
        if waits_for is not None:
            return Wait(reason=waits_for)
        return Done(reason=f"its {self._num_budgeted()} trials are used up")

    def tell(self, event: Event) -> list[Action]:
        """Take in an event and return what follows from it.

        Returns:
            For a report, the verdict on the reporting trial first. Further actions concern paused trials.

        Raises:
            ValueError: the event names a trial that was never proposed or has ended, or an epoch that was already seen;
                or epochs that the scheduler has no place for; or the trial to continue lives, or was continued already.
            SpaceError: an enqueued configuration does not fit the space.
        """
        self._check(event)
        rung = self._record(event)
        actions = self._decide(event, rung)
        self._apply(actions)
        return actions

    def close(self, reason: str) -> list[Action]:
        """Propose nothing from now on and stop the paused trials: shorthand for telling `Closed(reason=...)`."""
        return self.tell(Closed(reason=reason))

    # Replaying

    def accept(self, proposal: Proposal) -> None:
        """Take in a proposal that was made, without deciding anything. Wait and Done change nothing."""
        match proposal:
            case Start():
                self.trials.add(proposal)
                self._scheduler.accept_start(proposal)
                if proposal.origin.kind is OriginKind.ENQUEUED:
                    self._queue.popleft()
                if proposal.origin.kind is OriginKind.CONTINUED:
                    self._continuing.popleft()
            case Resume():
                self._scheduler.accept_resume(proposal.trial)
                self.trials.move(proposal.trial, Phase.RUNNING)
            case Wait() | Done():
                pass

    def accept_event(self, event: Event, actions: Collection[Action]) -> None:
        """Take in an event and the actions that followed from it, without deciding anything."""
        self._record(event)
        self._apply(actions)

    # Reading

    def best(self) -> tuple[int, int, float] | None:
        """Return (trial, epoch, value) of the best result under the objective's scope; None before the first one.

        Trials in any phase count: their reports happened, and so did their checkpoints. The first of equals wins.
        """
        results = [(*record.result(self.objective), record.trial) for record in self.trials]
        loss, epoch, trial = min(results, key=lambda result: (result[0], result[2]), default=(math.inf, 0, 0))
        value = self.objective.value(loss)
        return None if value is None else (trial, epoch, value)

    @property
    def may_propose(self) -> bool:
        """Whether `propose` would return something to start or resume; cheap where proposing is not."""
        if self._over is not None:
            return False
        if self._continuing or self._may_start() or self._scheduler.resume() is not None:
            return True
        return self._scheduler.clone(len(self.trials), self.trials) is not None

    @property
    def max_trials(self) -> int:
        """How many trials it proposes at most, as it was told last."""
        return self._max_trials

    @property
    def closed(self) -> bool:
        """Whether it was told `Closed`."""
        return self._closed is not None

    @property
    def max_epochs(self) -> int:
        """The epoch at which a trial is complete, as it was told last."""
        return self._max_epochs

    def was_continued(self, trial: int) -> bool:
        """Whether another trial goes on with this one, or is about to."""
        return trial in self._continued

    # Facts

    def _check(self, event: Event) -> None:
        match event:
            case Reported():
                record = self._in_phase(event.trial, frozenset({Phase.RUNNING}))
                if event.epoch <= record.last_epoch:
                    raise ValueError(
                        f"reported.epoch: got {event.epoch} of trial {event.trial}, must be > {record.last_epoch}, the "
                        "last one seen; tell the first report of an epoch only"
                    )
            case Failed() | Cancelled():
                self._in_phase(event.trial, LIVE)
            case Enqueued():
                self._space.complete(event.config, 0, path="enqueue")
            case Resized():
                refusal = self._scheduler.refuses(event.max_epochs or self._max_epochs)
                if refusal is not None:
                    raise ValueError(f"resized.max_epochs: got {event.max_epochs}, {refusal}")
            case Continued():
                self._in_phase(event.trial, _OVER)
                if event.trial in self._continued:
                    raise ValueError(f"trial {event.trial}: got it to be continued again, must be done once")
            case Reopened() | Observed() | Closed():
                pass

    def _in_phase(self, trial: int, phases: frozenset[Phase]) -> TrialRecord:
        record = self.trials[trial]
        if record.phase not in phases:
            must = " or ".join(sorted(phases))
            raise ValueError(f"trial {trial}: got an event while it is {record.phase}, must be {must}")
        return record

    def _record(self, event: Event) -> int | None:
        """Take in an event; return the rung that a report answers."""
        match event:
            case Reported():
                return self._record_report(event)
            case Failed():
                self.trials.move(event.trial, Phase.FAILED)
                self._count_ends(1)
                rung = self._scheduler.record_failed(event.trial)
                self._record_rung(event.trial, rung, math.inf)
            case Cancelled():
                self._record_cancelled(event.trial)
            case _:
                self._record_wish(event)
        return None

    def _record_wish(self, event: Event) -> None:
        """Take in what people want, now or in another search's time."""
        match event:
            case Enqueued():
                self._queue.append(event.config)
                self.num_enqueued += 1
            case Resized():
                self._max_trials = event.max_trials
                self._raise_epochs(event.max_epochs or self._max_epochs)
            case Reopened():
                self._reopen()
            case Continued():
                self._continuing.append(event)
                self._continued.add(event.trial)
            case Observed():
                for trial in event.trials:
                    points = [(epoch, self.objective.loss(value)) for epoch, value in trial["points"]]
                    self.trials.observe(trial["config"], points)
            case Closed():
                self._closed = event.reason

    def _raise_epochs(self, max_epochs: int) -> None:
        if max_epochs == self._max_epochs:
            return
        self._max_epochs = max_epochs
        self._scheduler.raise_epochs(max_epochs)
        # A sampler may remember what it made of the table, and that depends on the last epoch
        self._sampler = self._algorithm.build_sampler(self._space, self.objective, self._seed, max_epochs)

    def _reopen(self) -> None:
        self._closed = self._target_reached = self._stalled = None
        self._num_ended_since_best = 0
        for record in self.trials.in_phase(*LIVE):
            self._record_cancelled(record.trial)

    def _record_cancelled(self, trial: int) -> None:
        self.trials.move(trial, Phase.CANCELLED)
        self._scheduler.record_cancelled(trial)

    def _record_report(self, event: Reported) -> int | None:
        loss = self.objective.loss(event.value)
        self.trials[event.trial].report(event.epoch, loss)
        if loss < self._best_loss:
            self._best_loss, self._num_ended_since_best = loss, 0
        self._scheduler.record_report(event.trial, event.epoch, loss)
        rung = self._scheduler.crossed(event.trial, event.epoch)
        if rung is not None:
            self._scheduler.record_result(event.trial, rung, loss)
        self._record_rung(event.trial, rung, loss)
        if rung is None and not math.isfinite(loss):
            self._record_rung(event.trial, self._scheduler.record_failed(event.trial), loss)
        if self._target_reached is None and self._reaches_target(loss):
            self._target_reached = f"trial {event.trial} reached the target: {self._show_target(loss)}"
        return rung

    def _reaches_target(self, loss: float) -> bool:
        return self._target is not None and loss <= self.objective.loss(self._target)

    def _show_target(self, loss: float) -> str:
        return f"{self.objective.metric} {self.objective.show(loss)} vs target {self._target:.6g}"

    def _record_rung(self, trial: int, rung: int | None, loss: float) -> None:
        if rung is not None:
            self.trials.record_rung(trial, self._scheduler.levels[rung], loss)

    def _apply(self, actions: Collection[Action]) -> None:
        for action in actions:
            self._scheduler.apply(action)
            self.trials.move(action.trial, _PHASE_AFTER[action.kind])
        self._count_ends(_num_ends(actions))

    # Decisions

    @property
    def _over(self) -> str | None:
        """Why nothing new begins any more; None if it may."""
        return self._target_reached or self._closed or self._stalled

    def _stalls(self, num_ending: int) -> str | None:
        """Return that patience is spent, if it is once so many more trials have ended."""
        since = self._num_ended_since_best + num_ending
        if self._patience is None or since < self._patience:
            return None
        return f"no better best in {since} trials that ended, patience is {self._patience}"

    def _count_ends(self, num_ended: int) -> None:
        self._num_ended_since_best += num_ended
        self._stalled = self._stalled or self._stalls(0)

    def _num_budgeted(self) -> int:
        uncounted = self.trials.num_from(OriginKind.CLONE) + self.trials.num_from(OriginKind.CONTINUED)
        return len(self.trials) - uncounted

    def _may_start(self) -> bool:
        if self._over is not None:
            return False
        if self._continuing:
            return True
        if self._num_budgeted() >= self._max_trials:
            return False
        return bool(self._queue) or not self._sampler.exhausted(self.trials)

    def _continue(self, asked: Continued) -> Start:
        before = self.trials[asked.trial]
        epoch = asked.from_epoch if self._scheduler.begins_late and asked.from_epoch < self._max_epochs else 0
        where = f"epoch {epoch}" if epoch else "its beginning"
        data = {
            "trial": asked.trial,
            "root": asked.trial if before.continues is None else before.continues,
            "epoch": epoch,
            "reason": asked.reason,
        }
        return Start(
            trial=len(self.trials),
            config=before.config,
            epochs=self._scheduler.start_epochs(epoch),
            origin=Origin(
                kind=OriginKind.CONTINUED,
                text=f"goes on with trial {asked.trial} at {where}: {asked.reason}",
                data=data,
            ),
            parent=asked.trial if epoch else None,
            from_epoch=epoch,
        )

    def _start(self) -> Start:
        trial = len(self.trials)
        if self._queue:
            config = self._space.complete(self._queue[0], draw_seed(self._seed, trial), path="enqueue")
            origin = Origin(kind=OriginKind.ENQUEUED, text="a person asked for it", data={"asked": self._queue[0]})
        else:
            config, origin = self._sampler.propose(trial, self.trials)
        return Start(trial=trial, config=config, epochs=self._scheduler.start_epochs(), origin=origin)

    def _decide(self, event: Event, rung: int | None) -> list[Action]:
        verdicts = [self._verdict(event, rung)] if isinstance(event, Reported) else []
        over = self._over or self._stalls(_num_ends(verdicts))
        if over is not None:
            return self._finish(verdicts, over)
        pausing = next((action.trial for action in verdicts if action.kind is ActionKind.PAUSE), None)
        settled = self._scheduler.settle(pausing, self._may_start())
        ends = [action for action in settled if action.trial == pausing and action.kind is ActionKind.STOP]
        # Where a trial's own report let the barrier fall and it is out, there is no need to pause it first
        actions = ends + [action for action in settled if action not in ends] if ends else verdicts + settled
        over = self._stalls(_num_ends(actions))
        return actions if over is None else self._finish(actions, over)

    def _finish(self, actions: list[Action], reason: str) -> list[Action]:
        """Return those of the actions that stand although nothing new begins, and stops for all who would wait."""
        standing = [action for action in actions if action.kind not in (ActionKind.PAUSE, ActionKind.PROMOTE)]
        waiting = {action.trial: action for action in actions if action.kind is ActionKind.PAUSE}
        stops = [
            Action(trial=trial, kind=ActionKind.STOP, reason=reason, rung=pause.rung, value=pause.value)
            for trial, pause in waiting.items()
        ]
        ended = {action.trial for action in standing}
        return (
            stops
            + standing
            + [
                Action(trial=record.trial, kind=ActionKind.STOP, reason=reason)
                for record in self.trials.in_phase(Phase.PAUSED)
                if record.trial not in ended
            ]
        )

    def _verdict(self, event: Reported, rung: int | None) -> Action:
        loss = self.objective.loss(event.value)
        value = self.objective.value(loss)
        if self._reaches_target(loss):
            reason = f"target reached: {self._show_target(loss)}"
            return Action(trial=event.trial, kind=ActionKind.COMPLETE, reason=reason, rung=rung, value=value)
        if event.epoch >= self._max_epochs:
            reason = f"all {self._max_epochs} epochs are trained: {self.objective.metric} {self.objective.show(loss)}"
            return Action(trial=event.trial, kind=ActionKind.COMPLETE, reason=reason, rung=rung, value=value)
        if self._target_reached is not None:
            return Action(trial=event.trial, kind=ActionKind.STOP, reason=self._target_reached, value=value)
        if rung is None and not math.isfinite(loss):
            reason = f"epoch {event.epoch}: {self.objective.metric} {self.objective.show(loss)}, so it ends here"
            return Action(trial=event.trial, kind=ActionKind.STOP, reason=reason)
        return self._scheduler.verdict(event.trial, event.epoch, rung)


def _num_ends(actions: Collection[Action]) -> int:
    return sum(action.kind in _ENDS for action in actions)
