"""A search outlives its runner and its whole cluster. Judged from the ledger, not from what the service says."""

from __future__ import annotations

import contextlib
import json
import random
import signal
import time

import psutil
import pytest

from tests.support.judge import judge
from tests.support.service import Service, finished, processes_with, wait_for

SPEC = {
    "trainable": "digits_mlp",
    "resources": {"workers": 2},
    "parallelism": 2,
    "seed": 5,
    "checkpoints": {"every_epochs": 2},
    "objective": {"scope": "last"},  # so that a new best writes no checkpoint, and epochs really are repeated
}

SEARCHES = {
    "asha": SPEC | {"algorithm": {"name": "asha"}, "budget": {"trials": 24, "epochs": 9}},
    "bohb": SPEC | {"algorithm": {"name": "bohb"}, "budget": {"trials": 20, "epochs": 9}},
}


@pytest.mark.parametrize("name", SEARCHES)
def test_a_runner_killed_again_and_again_between_reports_loses_nothing(name, service, client):
    # Given a search that is half-way through its rungs
    search = client.submit(SEARCHES[name])
    ledger = service.ledger()
    chance = random.Random(name)
    kills = 0
    for _ in range(2):
        # When its runner is killed right after some report was committed, wherever that leaves its rung
        reports = len(ledger.reports(search.id))
        more = chance.randint(5, 15)
        with contextlib.suppress(AssertionError):
            wait_for(lambda most=reports + more: len(ledger.reports(search.id)) >= most, timeout_s=120, every_s=0.01)
        if ledger.search(search.id).state.is_terminal:
            break
        service.runner().send_signal(signal.SIGKILL)
        kills += 1
    # Then it completes by itself, and nothing was lost, run twice or told twice
    finished(search)
    verdict = judge(ledger, search.id)
    assert kills == 2
    assert verdict.faults == []
    assert verdict.trials == SEARCHES[name]["budget"]["trials"]
    assert verdict.attempts > verdict.trials
    assert verdict.most_repeated <= 2


def test_a_cluster_killed_whole_goes_on_after_the_next_up(tmp_path_factory):
    # Given a service of its own in the middle of a search
    service = Service.prepare(tmp_path_factory.mktemp("s") / "home")
    service.cli("up")
    with service.client() as client:
        search = client.submit(SEARCHES["bohb"]).id
    ledger = service.ledger()
    wait_for(lambda: len(ledger.reports(search)) >= 15, timeout_s=90, every_s=0.01)
    marker = json.loads((service.home / "cluster.json").read_text())["marker"]
    # When every one of its processes is killed, and `rung up` is called again
    for process in processes_with(marker):
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    killed_at = time.monotonic()
    before = len(ledger.reports(search))
    try:
        service.cli("up")
        # Then the search goes on by itself and completes
        wait_for(lambda: len(ledger.reports(search)) > before, timeout_s=120)
        print(f"first report {time.monotonic() - killed_at:.1f} s after the kill")
        with service.client() as client:
            finished(client.search(search))
        verdict = judge(ledger, search)
        assert verdict.faults == []
        assert verdict.trials == 20
        assert verdict.most_repeated <= 2
    finally:
        service.cli("down")
    assert not processes_with(marker)
