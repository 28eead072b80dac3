"""Each override of `service/runner/controller.py`, against stock Tune: when a test here fails, its override can go."""

from __future__ import annotations

import inspect
from importlib.metadata import version
from types import SimpleNamespace
from unittest.mock import Mock

import pytest
from ray.exceptions import RayTaskError
from ray.tune.execution.placement_groups import PlacementGroupFactory
from ray.tune.execution.tune_controller import TuneController
from ray.tune.utils.object_cache import _ObjectCache

from service.runner.controller import GangController, reason_of

GANG = PlacementGroupFactory([{"CPU": 1}] * 2, strategy="STRICT_PACK")


def test_ray_is_the_pinned_version_that_these_overrides_were_written_for():
    assert version("ray") == "2.60.0"


def test_every_override_replaces_a_method_that_stock_tune_still_has():
    ours = {name for name, member in vars(GangController).items() if inspect.isfunction(member)}
    added = {"__init__", "set_slots", "commit_then_stop", "commit_now", "go_on", "_look_after_gangs"}
    assert ours - added == {
        "_maybe_reuse_cached_actor",
        "_maybe_update_trial_queue",
        "_process_trial_failure",
        "checkpoint",
        "on_step_end",
    }
    for name in ours - added:
        assert callable(getattr(TuneController, name))


class StagedTrial:
    """What the controller asks of a trial that it hands a cached gang."""

    placement_group_factory = GANG
    experiment_tag = ""

    def __init__(self):
        self.config = {}

    def set_ray_actor(self, actor):
        """Nothing to set: no actor is real here."""


class Staged:
    """A controller's insides with one staged trial whose own gang is placed, and another gang in the cache."""

    def __init__(self, controller_class):
        self.controller = controller_class.__new__(controller_class)
        self.removed = []
        self.own, self.cached = object(), object()
        self.trial = StagedTrial()
        cache = _ObjectCache()
        cache.increase_max(GANG)
        cache.cache_object(GANG, self.cached)
        live = {self.own: (object(), None), self.cached: (object(), None)}
        self.controller.__dict__.update(
            _resetting_trials=set(),
            _actor_cache=cache,
            _trial_to_actor={self.trial: self.own},
            _actor_to_trial={self.own: self.trial},
            _actor_manager=SimpleNamespace(_live_actors_to_ray_actors_resources=live, live_actors=list(live)),
            _remove_actor=lambda tracked_actor: self.removed.append(tracked_actor),
            _schedule_trial_reset=lambda *_args: None,
        )

    def reuse(self):
        return self.controller._maybe_reuse_cached_actor(self.trial)


def test_stock_tune_cancels_a_placed_gang_when_a_cached_one_is_free_and_ours_keeps_it():
    stock, ours = Staged(TuneController), Staged(GangController)
    assert stock.reuse()
    assert stock.removed == [stock.own]
    assert not ours.reuse()
    assert ours.removed == []


def test_ours_too_gives_up_a_gang_that_still_waits_for_its_placement_group():
    ours = Staged(GangController)
    ours.controller._actor_manager.live_actors.remove(ours.own)
    assert ours.reuse()
    assert ours.removed == [ours.own]


@pytest.mark.parametrize(("controller_class", "blocks"), [(TuneController, True), (GangController, False)])
def test_stock_tune_blocks_for_the_next_trial_when_none_is_live_and_ours_does_not(controller_class, blocks):
    controller = controller_class.__new__(controller_class)
    asked = []

    def update(blocking=False, timeout=600):
        asked.append(blocking)
        return False

    controller.__dict__.update(
        _search_alg=SimpleNamespace(is_finished=lambda: False),
        _pending_trials=set(),
        _running_trials=set(),
        _paused_trials=set(),
        _max_pending_trials=1,
        _update_trial_queue=update,
    )
    controller._maybe_update_trial_queue()
    assert asked == [blocks]


def test_stock_tunes_cache_throws_gangs_away_that_trials_give_back_together():
    cache = _ObjectCache()
    assert cache.cache_object(GANG, "the first of two that pause at a barrier")
    assert not cache.cache_object(GANG, "the second")  # set_slots raises the maximum, so that both are kept


def test_stock_tunes_cache_keeps_one_gang_even_if_none_is_wanted():
    cache = _ObjectCache()
    cache.cache_object(GANG, "a gang whose slot belongs to another search now")
    assert list(cache.flush_cached_objects()) == []
    assert len(list(cache.flush_cached_objects(force_all=True))) == 1


def test_stock_tune_still_writes_snapshots_that_nobody_reads():
    assert "_checkpoint_manager" in inspect.getsource(TuneController.checkpoint)


class BrokenTrial:
    """What the controller asks of a trial whose gang broke."""

    trial_id = "000000-1"
    status = "PENDING"
    placement_group_factory = GANG

    def handle_error(self, exception):
        """Nothing to write: the ledger has it."""


class Broken:
    """A controller's insides with one staged trial whose warm gang breaks while it is reset."""

    def __init__(self, controller_class):
        self.controller = controller_class.__new__(controller_class)
        on_fault = Mock()
        self.cache = _ObjectCache()
        self.cache.increase_max(GANG)
        self.trial = BrokenTrial()
        self.controller.__dict__.update(
            _staged_trials={self.trial},
            _actor_cache=self.cache,
            _scheduler_alg=Mock(),
            _search_alg=Mock(),
            _callbacks=Mock(),
            _iteration=0,
            _trials=[],
            _schedule_trial_stop=Mock(),
            _on_fault=on_fault,
            _watch=Mock(why=Mock(return_value=None)),
        )
        self.controller._process_trial_failure(self.trial, RuntimeError("a rank\n\tdied"))
        self.told = [call.args[1] for call in on_fault.call_args_list]


def test_stock_tune_leaves_a_trial_staged_whose_warm_gang_broke_and_ours_does_not():
    stock, ours = Broken(TuneController), Broken(GangController)
    assert stock.controller._staged_trials == {stock.trial}
    assert stock.cache.total_max_objects == 1
    assert ours.controller._staged_trials == set()
    assert ours.cache.total_max_objects == 0


def test_stock_tune_tells_nobody_why_a_gang_broke_and_ours_does_in_one_line():
    assert Broken(TuneController).told == []
    assert Broken(GangController).told == ["RuntimeError: a rank died"]


def test_of_a_long_error_both_ends_are_told_without_colours():
    reason = reason_of(RuntimeError(f"\x1b[36mray::Gang\x1b[39m {'x' * 9999} the rank died"))
    assert reason.startswith("RuntimeError: ray::Gang x")
    assert reason.endswith("x the rank died")
    assert len(reason) < 520


def test_of_an_error_that_ray_wrapped_the_gangs_own_is_told():
    wrapped = RayTaskError("train", "Traceback: ...", ValueError("no such rank")).as_instanceof_cause()
    assert reason_of(wrapped) == "ValueError: no such rank"


def test_stock_tune_still_tells_its_hooks_of_a_failure_without_the_reason():
    assert list(inspect.signature(TuneController._process_trial_failure).parameters) == ["self", "trial", "exception"]
    source = inspect.getsource(TuneController._process_trial_failure)
    assert "self._search_alg.on_trial_complete(trial.trial_id, error=True)" in source
