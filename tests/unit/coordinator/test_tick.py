"""One look of the coordinator: a real ledger, a cluster without Ray."""

from __future__ import annotations

import pytest

from service.coordinator.allowance import Node
from service.coordinator.tick import MAX_RUNNER_FAILURES, Tick, lease_name
from service.errors import Fenced
from service.schemas import SearchSpec
from service.states import Intent, SearchState
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


def test_the_lease_of_a_runner_is_named_after_its_search():
    assert lease_name("k3") == "search/k3"
