"""Presents a `Run` to Tune: as its search algorithm, its scheduler and its callback. Nothing is decided here.

Tune rewraps what its hooks raise, so `Link` keeps the first error, and whoever steps the controller raises it again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from typing import Any, TypeVar

from ray.train._internal.storage import StorageContext
from ray.tune import Callback
from ray.tune.execution.placement_groups import PlacementGroupFactory
from ray.tune.experiment import Trial as TuneTrial
from ray.tune.schedulers import TrialScheduler
from ray.tune.search.search_algorithm import SearchAlgorithm

from service.runner.controller import GangController
from service.runner.run import Run, Verdict
from trainables import Assignment, EpochResult
from trainables.gang.processes import Limits

T = TypeVar("T")

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
        error: the first error inside a hook, None so far. After it every hook does nothing.
    """

    def __init__(self, run: Run) -> None:
        self.run = run
        self.runs: dict[int, TuneTrial] = {}
        self.error: Exception | None = None

    def guard(self, hook: Callable[[], T]) -> T | None:
        """Calls the hook; an error is kept instead of raised."""
        if self.error is not None:
            return None
        try:
            return hook()
        except Exception as error:  # noqa: BLE001 -- raised again, as it is, by the thread that steps
            self.error = error
            return None

    def fault(self, trial: TuneTrial, reason: str) -> None:
        """A gang's processes broke. Of an attempt that has ended, as Tune may say it twice, it counts for nothing."""
        number = number_of(trial)
        if self.runs.get(number) is trial:
            self.guard(lambda: self.run.broke(number, reason))


class Assignments(SearchAlgorithm):  # type: ignore[misc]  # ray ships no types that strict mode can follow
    """Tune's search algorithm: hands out the run's assignments, one trial of Tune's for each attempt."""

    def __init__(self, link: Link, gang: PlacementGroupFactory, storage: StorageContext, limits: Limits) -> None:
        self._link = link
        self._gang = gang
        self._storage = storage
        self._limits = asdict(limits)

    def next_trial(self) -> TuneTrial | None:
        """The next assignment, None while there is none."""
        assignment = self._link.guard(self._link.run.next_assignment)
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

    def is_finished(self) -> bool:
        """Whether no trial will come any more."""
        return self._link.run.finished

    def set_finished(self) -> None:
        """Tune's own wish to end counts for nothing: only the Study and people end a search."""

    def on_trial_result(self, trial_id: str, result: dict[str, Any]) -> None:
        """Nothing to do: the scheduler was told."""

    def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:
        """Tune has ended a run, for whatever reason."""
        number = int(trial_id.split("-")[0])
        self._link.runs.pop(number, None)
        self._link.guard(lambda: self._link.run.released(number))


class Verdicts(TrialScheduler):  # type: ignore[misc]  # ray ships no types that strict mode can follow
    """Tune's scheduler: asks the run what a report leads to."""

    def __init__(self, link: Link) -> None:
        super().__init__()
        self._link = link

    def on_trial_result(self, tune_controller: Any, trial: TuneTrial, result: dict[str, Any]) -> str:
        """The verdict on a report, when everything that it rests on is committed."""
        number, epoch_result = number_of(trial), result[RESULT_KEY]
        assert isinstance(epoch_result, EpochResult)
        run = self._link.run
        finish = partial(self.controller.commit_now, trial)
        verdict = self._link.guard(lambda: run.reported(number, epoch_result, finish))
        if verdict is Verdict.COMMIT_THEN_END:
            self.controller.commit_then_stop(
                trial, lambda record: self._link.guard(lambda: run.checkpointed(number, record))
            )
        return _DECISIONS[verdict] if verdict in _DECISIONS else str(TrialScheduler.NOOP)

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
        self._link.guard(lambda: self._link.run.begun(number_of(trial)))


def number_of(trial: TuneTrial) -> int:
    """The number of our trial that one of Tune's was made for."""
    return Assignment.from_dict(trial.config["assignment"]).trial
