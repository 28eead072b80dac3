"""Tune's trial controller with five overrides. It knows placement groups and actors; what to run, others decide.

Each override has a test in `tests/guards/test_tune_overrides.py` that fails when stock Tune no longer needs it. Ray is
pinned in `pyproject.toml` because of this file.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from typing import Any

import ray
from ray.exceptions import GetTimeoutError, RayError
from ray.tune.execution.placement_groups import PlacementGroupFactory
from ray.tune.execution.tune_controller import TuneController
from ray.tune.experiment import Trial as TuneTrial

from service.runner.watch import GangWatch
from trainables.gang.beats import GROUP

log = logging.getLogger(__name__)

_COLOUR = re.compile(r"\x1b\[[0-9;]*m")

_SHOWN = 250
"""Characters that are kept of either end of a long error."""


class GangController(TuneController):  # type: ignore[misc]  # ray ships no types that strict mode can follow
    """Steps gangs: `reuse_actors` is always on, and the cache holds as many warm gangs as the search has slots."""

    def __init__(
        self,
        *,
        gang: PlacementGroupFactory,
        watch: GangWatch,
        on_fault: Callable[[TuneTrial, str], None],
        **kwargs: Any,
    ) -> None:
        """Args:
        gang: the placement group that every trial of this search asks for.
        watch: knows why a gang's process ended, and ends those that are silent.
        on_fault: told the trial and the reason when an attempt ends because its processes broke.
        """
        super().__init__(reuse_actors=True, **kwargs)
        self._class_cache = _ActorClass()
        self._gang = gang
        self._watch = watch
        self._on_fault = on_fault
        self._warm = 0

    def set_slots(self, slots: int) -> None:
        """Keeps at most `slots` gangs warm from now on; gangs above that are ended at the end of the step.

        Trials that pause together at a rung all give back their gang in one moment. Stock Tune keeps only as many as
        there are staged trials at that moment, and the others would start cold at the next rung.
        """
        self._actor_cache.increase_max(self._gang, slots - self._warm)
        self._warm = slots
        self.update_max_pending_trials(max(1, slots))

    def on_step_end(self) -> None:
        """As stock, and looks after the gangs.

        With no slots at all not even one gang is kept: its resources belong to another search now. Nor is an idle one
        beside as many as there are slots, which stock Tune keeps: it counts only the idle ones.
        """
        super().on_step_end()
        excess = len(self._actor_manager.live_actors) - self._warm
        while excess > 0 and self._actor_cache.has_cached_object(self._gang):
            idle = self._actor_cache.pop_cached_object(self._gang)
            idle.set_on_stop(None)
            idle.set_on_error(None)
            self._remove_actor(tracked_actor=idle)
            excess -= 1
        self._look_after_gangs()
        if self._warm == 0:
            self._cleanup_cached_actors(force_all=True)

    def commit_then_stop(self, trial: TuneTrial, on_commit: Callable[[Any], None]) -> None:
        """Has the gang write a checkpoint of the epoch it is at, then ends the run.

        Args:
            trial: whose run ends.
            on_commit: gets the checkpoint's record, or the reason why there is none.
        """

        def committed(trial: TuneTrial, record: Any) -> None:
            on_commit(record)
            self.stop_trial(trial)

        self._schedule_trial_task(trial, "try_to_commit", on_result=committed, on_error=self._trial_task_failure)

    def go_on(self, trial: TuneTrial) -> None:
        """Has a gang that was held after a report train its next epoch."""
        self._schedule_trial_train(trial)

    def commit_now(self, trial: TuneTrial) -> Any:
        """Waits for the checkpoint that a trial's gang is writing.

        Returns:
            Its record, or the reason why there is none.
        """
        ref = trial.temporary_state.ray_actor.try_to_commit.remote()
        while True:
            try:
                return ray.get(ref, timeout=self._watch.interval_s)
            except GetTimeoutError:
                self._look_after_gangs()
            except RayError as error:
                return self._watch.why(error) or reason_of(error)

    def _look_after_gangs(self) -> None:
        gangs = self._actor_manager._live_actors_to_ray_actors_resources.values()
        self._watch.look({actor._actor_id.hex(): actor for actor, _ in gangs})

    def _maybe_reuse_cached_actor(self, trial: TuneTrial) -> bool:
        """A trial whose own gang is already placed keeps it.

        Stock Tune cancels half-started gangs whenever a cached one frees up, so that short trials collapse towards one
        at a time. A gang that still waits for its placement group is given up for the cached one all the same: with one
        free slot the cached gang holds the very resources that the other waits for.
        """
        own = self._trial_to_actor.get(trial)
        if own in self._actor_manager.live_actors and trial not in self._resetting_trials:
            return False
        return bool(super()._maybe_reuse_cached_actor(trial))

    def _maybe_update_trial_queue(self) -> None:
        """Never blocks. Stock Tune sleeps inside its step, up to minutes, when no trial is live."""
        while len(self._pending_trials) < self._max_pending_trials:
            if not self._update_trial_queue(blocking=False):
                break

    def _process_trial_failure(self, trial: TuneTrial, exception: Exception) -> None:
        """As stock, and tells the reason, which stock Tune keeps in a pickle only.

        Stock Tune unstages a trial only when its gang starts or dies. Where a warm gang breaks while it is reset, the
        trial would stay staged for ever, and the cache would keep one gang more than there are slots.
        """
        log.warning("a gang broke under trial %s", trial.trial_id, exc_info=exception)
        self._on_fault(trial, self._watch.why(exception) or reason_of(exception))
        super()._process_trial_failure(trial, exception)
        if trial in self._staged_trials:
            self._unstage_trial_with_resources(trial)

    def checkpoint(self, force: bool = False, wait: bool = False) -> None:
        """Writes nothing: the ledger is the truth, and nothing is ever restored from Tune's files."""


class _ActorClass:
    """In place of Tune's cache of actor classes, for actors that answer a pulse beside their work.

    It also leaves out the environment that Tune gives each actor: Ray would start a process for it, where without one
    it may take a process that waits ready.
    """

    def __init__(self) -> None:
        self._remote: Any = None

    def get(self, gang: type) -> Any:
        """The Ray class of the one class of this search."""
        self._remote = self._remote or ray.remote(concurrency_groups={GROUP: 1})(gang)
        return self._remote


def reason_of(exception: Exception) -> str:
    """What a person reads of an error in a gang: one line without colours, at most about 500 characters.

    Ray's own text is the whole traceback, with what matters at its two ends.
    """
    cause = getattr(exception, "cause", None) or exception
    text = " ".join(_COLOUR.sub("", f"{type(cause).__name__}: {cause}").split())
    return text if len(text) <= 2 * _SHOWN else f"{text[:_SHOWN]} ... {text[-_SHOWN:]}"
