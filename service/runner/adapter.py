"""Presents a `Run` to Tune: as its search algorithm, its scheduler and its callback. Nothing is decided here.

Tune rewraps what its hooks raise, so `Link` keeps the first error, and whoever steps the controller raises it again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from typing import Any

from ray.train._internal.storage import StorageContext
from ray.tune import Callback
from ray.tune.execution.placement_groups import PlacementGroupFactory
from ray.tune.experiment import Trial as TuneTrial
from ray.tune.schedulers import TrialScheduler
from ray.tune.search.search_algorithm import SearchAlgorithm

from service.runner.controller import GangController
from service.runner.desk import LATE, Desk
from service.runner.run import Run, Verdict
from service.runner.spool import Spool
from trainables import Assignment, CheckpointRecord, EpochResult
from trainables.gang.processes import Limits

GANG = "Gang"
"""Name under which the gang is registered with Tune."""

RESULT_KEY = "rung"
"""Where a gang's result is in the dictionary that Tune hands on."""

_DECISIONS = {Verdict.CONTINUE: TrialScheduler.CONTINUE, Verdict.END: TrialScheduler.STOP}


class Link:
    """What the three faces share.

    Attributes:
        run: the search.
        runs: Tune's trials that have not ended, by our trial number.
        desk: carries out everything that is asked of the run.
        spool: reports that wait for the ledger.
        error: the first error of the run's, None so far. After it nothing is carried out.
    """

    def __init__(self, run: Run, spool: Spool) -> None:
        self.run = run
        self.runs: dict[int, TuneTrial] = {}
        self.spool = spool
        self.error: Exception | None = None
        self.desk = Desk(lambda: run.patience.is_away, self._failed)

    def _failed(self, error: Exception) -> None:
        self.error = error

    def fault(self, trial: TuneTrial, reason: str) -> None:
        """A gang's processes broke. Of an attempt that has ended, as Tune may say it twice, it counts for nothing."""
        number = number_of(trial)
        if self.runs.get(number) is trial:
            self.desk.ask(lambda: self.run.broke(number, reason))


class Assignments(SearchAlgorithm):  # type: ignore[misc]  # ray ships no types that strict mode can follow
    """Tune's search algorithm: hands out the run's assignments, one trial of Tune's for each attempt."""

    def __init__(self, link: Link, gang: PlacementGroupFactory, storage: StorageContext, limits: Limits) -> None:
        self._link = link
        self._gang = gang
        self._storage = storage
        self._limits = asdict(limits)
        self._late: list[Assignment] = []

    def next_trial(self) -> TuneTrial | None:
        """The next assignment, None while there is none, or the ledger is away."""
        assignment = self._late.pop(0) if self._late else self._ask()
        if assignment is None:
            return None
        trial = TuneTrial(
            GANG,
            config={"assignment": assignment.to_dict(), "limits": self._limits},
            trial_id=f"{assignment.trial:06d}-{assignment.attempt}",
            placement_group_factory=self._gang,
            storage=self._storage,
            max_failures=0,
        )
        self._link.runs[assignment.trial] = trial
        return trial

    def _ask(self) -> Assignment | None:
        if self._link.desk.is_away:
            return None
        call: Callable[[], Assignment | None] = self._link.run.next_assignment
        answer = self._link.desk.ask(call, then=self._keep)
        return None if answer is LATE else answer

    def _keep(self, assignment: Assignment | None) -> None:
        if assignment is not None:
            self._late.append(assignment)

    def is_finished(self) -> bool:
        """False: when the run is over, nobody steps any more; it may end while Tune is in the middle of a step."""
        return False

    def set_finished(self) -> None:
        """Tune's own wish to end counts for nothing: only the Study and people end a search."""

    def on_trial_result(self, trial_id: str, result: dict[str, Any]) -> None:
        """Nothing to do: the scheduler was told."""

    def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:
        """Tune has ended a run, for whatever reason."""
        number = int(trial_id.split("-")[0])
        self._link.runs.pop(number, None)
        self._link.desk.ask(lambda: self._link.run.released(number))


class Verdicts(TrialScheduler):  # type: ignore[misc]  # ray ships no types that strict mode can follow
    """Tune's scheduler: asks the run what a report leads to."""

    def __init__(self, link: Link) -> None:
        super().__init__()
        self._link = link
        self._overruled: set[str] = set()

    def on_trial_result(self, tune_controller: Any, trial: TuneTrial, result: dict[str, Any]) -> str:
        """The verdict on a report, when everything that it rests on is committed.

        While the ledger is away a gang goes on without one, unless it has nothing to go on with, or no further report
        may wait: then it is held until the verdict comes.
        """
        assignment, epoch_result = assignment_in(trial), result[RESULT_KEY]
        assert isinstance(epoch_result, EpochResult)
        if trial.trial_id in self._overruled:
            self._overruled.remove(trial.trial_id)
            return str(TrialScheduler.STOP)
        run, number = self._link.run, assignment.trial

        def finish() -> CheckpointRecord | str:
            if self._link.desk.is_late:
                return run.on_disk(number, epoch_result.epoch)
            record: CheckpointRecord | str = self.controller.commit_now(trial)
            return record

        held = epoch_result.failure is not None or epoch_result.epoch >= assignment.epochs or self._link.spool.is_full
        verdict = self._link.desk.ask(
            lambda: run.reported(number, epoch_result, finish), then=lambda late: self._decided(trial, late, held=held)
        )
        if verdict is LATE:
            self._link.spool.add(number, assignment.attempt, epoch_result)
            return str(TrialScheduler.NOOP if held else TrialScheduler.CONTINUE)
        if verdict is Verdict.COMMIT_THEN_END:
            self.controller.commit_then_stop(trial, partial(self._committed, number))
        return _DECISIONS[verdict] if verdict in _DECISIONS else str(TrialScheduler.NOOP)

    def _committed(self, number: int, record: CheckpointRecord | str) -> None:
        self._link.desk.ask(lambda: self._link.run.checkpointed(number, record))

    def _decided(self, trial: TuneTrial, verdict: Verdict, *, held: bool) -> None:
        """A verdict that comes late. The gang may be epochs beyond it, so no checkpoint is asked of it any more."""
        self._link.spool.settled()
        if trial not in self._link.runs.values():
            return
        if verdict is not Verdict.CONTINUE:
            if held:
                self.controller.stop_trial(trial)
            else:
                self._overruled.add(trial.trial_id)
        elif held:
            self.controller.go_on(trial)

    def attach(self, controller: GangController) -> None:
        """Sets the controller itself; the one that Tune hands to the hooks is a wrapper with fewer verbs."""
        self.controller = controller

    def on_trial_add(self, tune_controller: Any, trial: TuneTrial) -> None:
        """Nothing to do: the run made the trial itself."""

    def on_trial_remove(self, tune_controller: Any, trial: TuneTrial) -> None:
        """Nothing to do: the search algorithm is told as well."""

    def on_trial_complete(self, tune_controller: Any, trial: TuneTrial, result: dict[str, Any]) -> None:
        """Nothing to do: the search algorithm is told as well."""

    def on_trial_error(self, tune_controller: Any, trial: TuneTrial) -> None:
        """Nothing to do: `Link.fault` was told, with the reason."""

    def choose_trial_to_run(self, tune_controller: Any) -> TuneTrial | None:
        """None: pending trials start in the order in which they came."""
        return None

    def debug_string(self) -> str:
        """What Tune prints of its scheduler."""
        return f"search {self._link.run.search.id}"


class Starts(Callback):  # type: ignore[misc]  # ray ships no types that strict mode can follow
    """Tune's callback: tells the run that a gang has taken a trial up."""

    def __init__(self, link: Link) -> None:
        self._link = link

    def on_trial_start(self, iteration: int, trials: list[TuneTrial], trial: TuneTrial, **info: Any) -> None:
        """A warm gang was reset, or a new one is up."""
        self._link.desk.ask(lambda: self._link.run.begun(number_of(trial)))


def assignment_in(trial: TuneTrial) -> Assignment:
    """What one of Tune's trials was made for."""
    return Assignment.from_dict(trial.config["assignment"])


def number_of(trial: TuneTrial) -> int:
    """The number of our trial that one of Tune's was made for."""
    return assignment_in(trial).trial
