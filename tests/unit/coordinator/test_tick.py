"""One look of the coordinator: a real ledger, a cluster without Ray."""

from __future__ import annotations

import random
from datetime import UTC, datetime

import pytest
import ray
from ray.exceptions import RaySystemError

from service.coordinator.allowance import Node
from service.coordinator.cluster import nodes
from service.coordinator.tick import MAX_RUNNER_FAILURES, Tick, lease_name
from service.errors import ClusterUnavailable, Conflict, Fenced, IllegalTransition
from service.schemas import SearchSpec
from service.states import Intent, SearchState, TrialState
from service.store import EventKind, Ledger

SPEC = {
    "trainable": "digits_mlp",
    "space": {},
    "algorithm": {"name": "random"},
    "objective": {"metric": "loss", "mode": "min"},
    "budget": {"trials": 8, "epochs": 1},
    "resources": {"workers": 2},
}


class PretendedCluster:
    """Nodes, and runners that live until somebody ends them."""

    def __init__(self, cpus=4):
        self.cpus = cpus
        self.started = []
        self.alive = {}

    def nodes(self):
        return [Node(cpus=self.cpus, gpus=0)]

    def runners(self):
        return set(self.alive)

    def start_runner(self, search, lease):
        assert search not in self.alive
        self.alive[search] = lease
        self.started.append((search, lease.epoch))

    def end_runner(self, search):
        self.alive.pop(search, None)


@pytest.fixture
def ledger(tmp_path):
    ledger = Ledger.open(f"sqlite:///{tmp_path / 'ledger.db'}")
    yield ledger
    ledger.close()


@pytest.fixture
def cluster():
    return PretendedCluster()


@pytest.fixture
def tick(ledger, cluster):
    return Tick(ledger, cluster, ledger.seize_lease("coordinator", "test", 3600))


def submit(ledger, **changes):
    spec = SearchSpec.model_validate(SPEC | changes).model_dump(mode="json")
    search, _ = ledger.submit(spec=spec, name="s", trainable="digits_mlp", trainable_path="m:C")
    return search.id


def test_a_queued_search_that_gets_a_slot_is_admitted_and_its_runner_started(ledger, cluster, tick):
    search = submit(ledger)
    tick()
    assert ledger.search(search).state is SearchState.RUNNING
    assert ledger.search(search).allowance == 2
    assert cluster.started == [(search, 1)]
    tick()
    assert cluster.started == [(search, 1)]


def test_a_search_that_must_wait_says_for_what(ledger, cluster, tick):
    submit(ledger, parallelism=2, priority=1)
    waiting = submit(ledger)
    tick()
    row = ledger.search(waiting)
    assert row.state is SearchState.QUEUED
    assert "2 x (1 CPU, 0 GPU) on one node" in row.state_reason
    assert "1 other searches hold all slots" in row.state_reason


def test_a_running_search_that_lost_its_slots_says_why_and_when_it_is_likely_to_go_on(ledger, cluster, tick):
    first = submit(ledger, parallelism=2)
    tick()
    submit(ledger, parallelism=2, priority=1)
    tick()
    row = ledger.search(first)
    assert (row.state, row.allowance) == (SearchState.RUNNING, 0)
    assert row.state_reason.startswith(
        "waits for 2 x (1 CPU, 0 GPU) on one node; 1 other searches hold all slots, 1 of"
    )
    assert row.likely_start is None  # nobody knows yet how long the other one takes
    cluster.cpus = 8
    tick()
    assert ledger.search(first).state_reason == "runs with 2 slots"


def test_searches_that_take_turns_know_when_theirs_comes(ledger, cluster, tick):
    cluster.cpus = 2
    submit(ledger, parallelism=2)
    second = submit(ledger, parallelism=2)
    tick()
    left = (ledger.search(second).likely_start - datetime.now(UTC)).total_seconds()
    assert 20 < left <= 31


def test_a_paused_search_gets_no_slots_and_a_resumed_one_is_admitted_again(ledger, cluster, tick):
    search = submit(ledger)
    ledger.pause(search)
    tick()
    assert (ledger.search(search).allowance, cluster.started) == (0, [])
    ledger.resume(search)
    tick()
    assert ledger.search(search).state is SearchState.RUNNING


def test_what_was_changed_counts_from_the_next_look(ledger, cluster, tick):
    search = submit(ledger, parallelism=1)
    tick()
    ledger.amend(search, lambda _: {"parallelism": 2})
    tick()
    assert ledger.search(search).allowance == 2


def test_slots_that_a_search_cannot_use_at_present_are_lent_to_another(ledger, cluster, tick):
    first = submit(ledger, priority=1)
    tick()
    with ledger.write(cluster.alive[first]) as writer:
        writer.set_demand(first, 1)
    tick()
    assert ledger.search(first).allowance == 2  # nobody else wants them
    second = submit(ledger)
    tick()
    assert (ledger.search(first).allowance, ledger.search(second).allowance) == (1, 1)


def test_a_search_that_fits_on_no_node_any_more_says_so(ledger, cluster, tick):
    waiting = submit(ledger)
    cluster.cpus = 1
    tick()
    assert "waits for a node that can hold" in ledger.search(waiting).state_reason


def test_allowances_move_when_a_second_search_comes_and_come_back_when_it_has_ended(ledger, cluster, tick):
    first = submit(ledger)
    tick()
    second = submit(ledger)
    tick()
    assert (ledger.search(first).allowance, ledger.search(second).allowance) == (1, 1)
    with ledger.write(cluster.alive[second]) as writer:
        writer.move_search(second, SearchState.COMPLETED, "done")
    tick()
    assert ledger.search(first).allowance == 2


def test_a_runner_that_died_is_replaced_at_once_under_a_higher_epoch(ledger, cluster, tick):
    search = submit(ledger)
    tick()
    old = cluster.alive.pop(search)
    tick()
    assert cluster.started == [(search, 1), (search, 2)]
    with pytest.raises(Fenced), ledger.write(old):
        pass


def test_a_runner_that_lives_without_its_lease_is_ended_and_then_replaced(ledger, cluster, tick):
    search = submit(ledger)
    tick()
    ledger.release_lease(cluster.alive[search])
    tick()
    tick()
    assert cluster.started == [(search, 1), (search, 2)]


def test_the_process_of_an_ended_search_is_left_to_tidy_up_until_it_gives_its_lease_back(ledger, cluster, tick):
    search = submit(ledger)
    tick()
    lease = cluster.alive[search]
    with ledger.write(lease) as writer:
        writer.move_search(search, SearchState.COMPLETED, "done")
    tick()
    assert search in cluster.alive
    assert cluster.started == [(search, 1)]
    ledger.release_lease(lease)
    tick()
    assert search not in cluster.alive


def test_a_search_whose_runner_fails_again_and_again_fails_with_the_last_error(ledger, cluster, tick):
    search = submit(ledger)
    for _ in range(MAX_RUNNER_FAILURES):
        tick()
        with ledger.write(cluster.alive.pop(search)) as writer:
            writer.event(search, EventKind.RUNNER_FAILED, {"traceback": "Traceback\nKeyError: 'x'"})
    tick()
    row = ledger.search(search)
    assert row.state is SearchState.FAILED
    assert "KeyError: 'x'" in row.state_reason
    assert len(cluster.started) == MAX_RUNNER_FAILURES


def test_a_queued_search_that_is_stopped_ends_without_having_run(ledger, cluster, tick):
    cluster.cpus = 0
    search = submit(ledger)
    tick()
    ledger.request(search, Intent.STOP)
    tick()
    assert ledger.search(search).state is SearchState.CANCELLED


def test_a_coordinator_that_was_taken_over_does_nothing_more(ledger, cluster, tick):
    ledger.seize_lease("coordinator", "another", 3600)
    search = submit(ledger)
    with pytest.raises(Fenced):
        tick()
    assert ledger.search(search).state is SearchState.QUEUED
    assert cluster.started == []


def test_a_coordinator_that_was_taken_over_starts_no_runner_even_if_it_has_nothing_to_write(ledger, cluster, tick):
    search = submit(ledger)
    tick()
    cluster.alive.clear()
    ledger.seize_lease("coordinator", "another", 3600)
    held = ledger.lease(lease_name(search)).lease
    with pytest.raises(Fenced):
        tick()
    assert cluster.started == [(search, 1)]
    assert ledger.lease(lease_name(search)).lease == held  # a runner that the other one started goes on undisturbed


def test_after_the_ledger_was_away_a_runner_that_could_not_renew_has_one_lease_time_to_do_so(ledger, cluster, tick):
    # Given a runner whose lease ran out while the ledger was away
    search = submit(ledger)
    tick()
    runner = cluster.alive[search]
    ledger.renew_lease(runner, 0.0)
    now = [0.0]
    lease = ledger.seize_lease("coordinator", "test", 3600)
    later = Tick(ledger, cluster, lease, grace_s=15.0, clock=lambda: now[0])
    # Then nobody takes over before one lease time after its return
    now[0] = 14.9
    later()
    assert cluster.alive == {search: runner}
    now[0] = 15.1
    later()
    later()
    assert cluster.started == [(search, 1), (search, 2)]


def test_two_coordinators_on_one_ledger_are_harmless(ledger, cluster):
    """Each believes in its lease until it writes; whoever was taken over writes nothing and starts nothing."""
    search = submit(ledger)
    ticks = {name: Tick(ledger, cluster, ledger.seize_lease("coordinator", name, 3600)) for name in "ab"}
    chance = random.Random(7)
    fenced = 0
    for _ in range(60):
        name = chance.choice("ab")
        cluster.alive.clear()
        try:
            ticks[name]()
        except Fenced:
            fenced += 1
            ticks[name] = Tick(ledger, cluster, ledger.seize_lease("coordinator", name, 3600))
    assert fenced > 10
    epochs = [epoch for _, epoch in cluster.started]
    assert epochs == list(range(1, len(epochs) + 1)), "each runner has a lease of its own"
    moves = [event.data["to"] for event in ledger.events(search) if event.kind == EventKind.SEARCH_STATE]
    assert moves == ["running"]


def test_a_report_between_two_failures_shows_progress_and_the_search_goes_on(ledger, cluster, tick):
    search = submit(ledger)
    for failure in range(MAX_RUNNER_FAILURES):
        tick()
        with ledger.write(cluster.alive.pop(search)) as writer:
            writer.event(search, EventKind.RUNNER_FAILED, {"traceback": "Traceback\nKeyError: 'x'"})
            if failure == 1:
                writer.event(search, EventKind.REPORT, {"epoch": 1, "actions": []})
    tick()
    assert ledger.search(search).state is SearchState.RUNNING
    assert search in cluster.alive


def test_a_search_that_failed_for_its_runner_gets_no_further_one_and_frees_its_slots(ledger, cluster, tick):
    failing, other = submit(ledger, parallelism=2), submit(ledger)
    for _ in range(MAX_RUNNER_FAILURES):
        tick()
        with ledger.write(cluster.alive.pop(failing)) as writer:
            writer.event(failing, EventKind.RUNNER_FAILED, {"traceback": "Traceback\nKeyError: 'x'"})
    tick()
    tick()
    assert failing not in cluster.alive
    assert ledger.search(other).allowance == 2


def test_a_search_that_failed_for_its_runner_leaves_no_trial_and_no_attempt_open(ledger, cluster, tick):
    # Given a search whose runner had a trial on a gang and another one waiting, and fails again and again
    search = submit(ledger)
    tick()
    with ledger.write(cluster.alive[search]) as writer:
        for trial in range(2):
            writer.propose(search, trial, {}, {}, {"number": trial})
        writer.begin_attempt(search, 0, 0)
    for _ in range(MAX_RUNNER_FAILURES):
        with ledger.write(cluster.alive.pop(search)) as writer:
            writer.event(search, EventKind.RUNNER_FAILED, {"traceback": "Traceback\nKeyError: 'x'"})
        tick()
    # Then nothing of it seems to run
    assert ledger.search(search).state is SearchState.FAILED
    assert {trial.state for trial in ledger.trials(search)} == {TrialState.CANCELLED}
    assert [attempt.outcome for attempt in ledger.attempts(search, 0)] == ["lost"]


def test_a_coordinator_that_stands_still_before_it_starts_a_runner_takes_no_lease_from_a_living_one(
    ledger, cluster, tick, monkeypatch
):
    # Given a coordinator that has seen a runner missing, and stands still
    search = submit(ledger)
    runner_failures = ledger.runner_failures

    def stand_still(_):
        monkeypatch.setattr(ledger, "runner_failures", runner_failures)
        Tick(ledger, cluster, ledger.seize_lease("coordinator", "successor", 3600))()
        return []

    monkeypatch.setattr(ledger, "runner_failures", stand_still)
    # When it goes on after its successor has started one
    with pytest.raises(Fenced):
        tick()
    # Then that one holds its lease still
    assert cluster.started == [(search, 1)]
    ledger.renew_lease(cluster.alive[search], 15)


def test_a_search_near_its_end_gives_up_slots_that_it_has_no_trials_for(ledger, cluster, tick):
    search = submit(ledger, budget={"trials": 2, "epochs": 1})
    tick()
    assert ledger.search(search).allowance == 2
    with ledger.write(cluster.alive[search]) as writer:
        for trial in range(2):
            writer.propose(search, trial, {}, {}, proposal={})
        writer.move_trial(search, 0, TrialState.CANCELLED, "for the test")
    tick()
    assert ledger.search(search).allowance == 1


def test_a_search_that_is_stopped_keeps_slots_for_its_running_trials_only(ledger, cluster, tick):
    search = submit(ledger)
    tick()
    with ledger.write(cluster.alive[search]) as writer:
        writer.propose(search, 0, {}, {}, proposal={})
    ledger.request(search, Intent.STOP)
    tick()
    assert ledger.search(search).allowance == 1


def test_clones_beyond_the_budget_of_trials_leave_the_other_trials_their_slots(ledger, cluster, tick):
    # Given a population whose clones have begun, so that more trials have begun than the budget has
    search = submit(ledger, budget={"trials": 2, "epochs": 3})
    tick()
    with ledger.write(cluster.alive[search]) as writer:
        for trial in range(5):
            writer.propose(search, trial, {}, {}, {"number": trial})
            if trial < 4:
                writer.move_trial(search, trial, TrialState.STOPPED, "a clone takes its place")
    tick()
    # Then the one that has not ended keeps a slot
    assert ledger.search(search).allowance == 1


def test_a_search_of_higher_priority_takes_the_slots_and_gives_them_back(ledger, cluster, tick):
    first = submit(ledger)
    tick()
    urgent = submit(ledger, priority=5, parallelism=2)
    tick()
    assert (ledger.search(first).allowance, ledger.search(urgent).allowance) == (0, 2)
    assert ledger.search(first).state is SearchState.RUNNING  # displaced, not ended
    ledger.request(urgent, Intent.CANCEL)
    with ledger.write(cluster.alive[urgent]) as writer:
        writer.move_search(urgent, SearchState.CANCELLED, "cancelled by a person")
    tick()
    assert ledger.search(first).allowance == 2


def test_a_reason_to_wait_is_written_once_and_again_when_it_changes(ledger, cluster, tick):
    submit(ledger, parallelism=2, priority=1)
    waiting = submit(ledger)

    def told():
        return [event.data["reason"] for event in ledger.events(waiting) if event.kind == EventKind.SEARCH_WAITS]

    for _ in range(3):
        tick()
    assert len(told()) == 1
    cluster.cpus = 1
    for _ in range(3):
        tick()
    assert len(told()) == 2


def test_a_look_that_finds_nothing_new_writes_nothing(ledger, cluster, tick):
    search = submit(ledger)
    tick()
    before = ledger.search(search)
    tick()
    assert ledger.search(search) == before


def test_a_search_that_is_cancelled_while_it_is_being_admitted_is_put_right_by_the_next_look(ledger, cluster, tick):
    cancelled, other = submit(ledger), submit(ledger)
    shown = cluster.nodes

    def cancel_meanwhile():
        cluster.nodes = shown
        ledger.request(cancelled, Intent.CANCEL)
        return shown()

    cluster.nodes = cancel_meanwhile
    with pytest.raises(IllegalTransition):
        tick()
    tick()
    assert ledger.search(cancelled).state is SearchState.CANCELLED
    assert ledger.search(other).allowance == 2
    assert set(cluster.alive) == {other}


def test_nodes_that_ray_does_not_tell_are_a_cluster_that_is_unavailable(monkeypatch):
    def silent():
        raise RaySystemError("GCS is gone")

    monkeypatch.setattr(ray, "nodes", silent)
    with pytest.raises(ClusterUnavailable, match="must tell its nodes"):
        nodes()


def test_only_living_nodes_count(monkeypatch):
    told = [
        {"Alive": True, "Resources": {"CPU": 8.0, "GPU": 2.0, "memory": 1.0}},
        {"Alive": False, "Resources": {"CPU": 64.0}},
        {"Alive": True, "Resources": {"memory": 1.0}},
    ]
    monkeypatch.setattr(ray, "nodes", lambda: told)
    assert nodes() == [Node(cpus=8, gpus=2), Node(cpus=0, gpus=0)]


def test_the_lease_of_a_runner_is_named_after_its_search():
    assert lease_name("k3") == "search/k3"


def test_a_project_holds_no_more_slots_than_its_quota_and_its_searches_say_so(ledger, cluster, tick):
    ledger.set_quota("default", {"slots": 1})
    first, second = submit(ledger), submit(ledger)
    tick()
    assert (ledger.search(first).allowance, ledger.search(second).allowance) == (1, 0)
    assert ledger.search(second).state_reason == "waits for the quota of its project default: 1 slots at once"
    ledger.set_quota("default", {})
    tick()
    assert (ledger.search(first).allowance, ledger.search(second).allowance) == (1, 1)


def test_a_project_that_has_used_its_gpu_hours_up_gets_no_slots(ledger, cluster, tick):
    ledger.set_quota("default", {"gpu_hours": 0.0})
    search = submit(ledger)
    tick()
    assert ledger.search(search).allowance == 0
    assert "0 GPU-hours, and 0 are used" in ledger.search(search).state_reason


def test_one_more_search_than_the_quota_of_its_project_is_refused(ledger):
    ledger.set_quota("default", {"searches": 1})
    first = submit(ledger)
    with pytest.raises(Conflict, match="at most 1 of default"):
        submit(ledger)
    ledger.request(first, Intent.CANCEL)
    submit(ledger)
