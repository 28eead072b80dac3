"""The whole road for each algorithm: POST over HTTP, two gangs of two DDP ranks at a time, the best checkpoint back."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.judge import judge
from tests.support.service import finished

ROOT = Path(__file__).parents[2]

GRID = {
    "hidden": {"type": "ordinal", "choices": [16, 64]},
    "optimizer": {"type": "categorical", "choices": ["sgd", "adam"]},
    "momentum": {"type": "float", "low": 0.0, "high": 0.9, "step": 0.45, "when": {"optimizer": "sgd"}},
    "lr": {"type": "constant", "value": 0.01},
}
"""2 x (3 with momentum + 1 without) = 8 points."""

SEARCHES = {
    "grid": {"algorithm": {"name": "grid"}, "space": GRID, "budget": {"epochs": 2}},
    "random": {"algorithm": {"name": "random"}, "budget": {"trials": 6, "epochs": 2}},
    "asha": {"algorithm": {"name": "asha"}, "budget": {"trials": 12, "epochs": 9}},
    "bohb": {"algorithm": {"name": "bohb"}, "budget": {"trials": 17, "epochs": 9}},
    "tpe": {"algorithm": {"name": "tpe"}, "budget": {"trials": 8, "epochs": 2}},
}


def a_search(name: str) -> dict:
    """The spec of one algorithm's search: two gangs of two ranks."""
    return {
        "name": name,
        "trainable": "digits_mlp",
        "resources": {"workers": 2},
        "parallelism": 2,
        "seed": 3,
        **SEARCHES[name],
    }


@pytest.mark.parametrize("name", SEARCHES)
def test_a_search_completes_on_ddp_gangs_and_gives_back_the_best_in_the_ledger(name, service, client, tmp_path):
    # Given a spec, when it is submitted and has ended
    search = client.submit(a_search(name))
    view = finished(search)

    # Then the ledger is sound, every trial ran on two ranks, and no more than two gangs were ever made
    ledger = service.ledger()
    verdict = judge(ledger, search.id)
    assert verdict.faults == []
    assert verdict.trials == {"grid": 8}.get(name, view.trials_total)
    assert all(len(report.pids) == 2 for report in ledger.reports(search.id))
    assert verdict.pids == 4

    # And the best that the API names is the best of all reports, counted here
    finite = [report for report in ledger.reports(search.id) if report.value is not None]
    assert all(math.isfinite(report.value) for report in finite)
    best = min(finite, key=lambda report: (report.value, report.trial))
    assert (view.best.trial, view.best.epoch, view.best.value) == (best.trial, best.epoch, best.value)

    # And its checkpoint, loaded without Ray, gives the reported loss again
    folder = search.download_best(tmp_path / "best")
    checker = ROOT / "examples" / "check_checkpoint.py"
    done = subprocess.run([sys.executable, "-P", checker, folder], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads((Path(folder) / "manifest.json").read_text())["epoch"] == best.epoch


@pytest.mark.parametrize("name", ["asha", "bohb"])
def test_trials_stopped_early_say_rung_value_and_cutoff(name, client):
    view = next(v for v in client.searches(name=name))
    trials = client.search(view.id).trials()
    stopped = trials[trials.state == "stopped"]
    assert len(stopped) > 0
    assert len(stopped) < len(trials)
    for reason in stopped.reason:
        assert "rung" in reason
        assert "loss" in reason
        assert "cutoff" in reason


def test_every_trial_says_how_its_configuration_came_about(client, service):
    for view in client.searches():
        for trial in service.ledger().trials(view.id):
            assert trial.origin["text"]


@pytest.mark.parametrize("name", SEARCHES)
def test_the_same_spec_and_seed_fed_the_recorded_order_of_events_decide_the_same_again(name, client):
    # Given a search that ran for real, when the service audits it, then no proposal and no verdict differs
    search = client.search(next(iter(client.searches(name=name))).id)
    audit = search.audit()
    assert audit.difference is None
    assert audit.checked > len(search.reports())


@pytest.mark.parametrize("name", ["asha"])
def test_the_same_spec_and_seed_propose_the_same_configurations_on_another_number_of_slots(name, client):
    before = client.search(next(iter(client.searches(name=name))).id)
    again = client.submit(a_search(name) | {"parallelism": 1, "resources": {"workers": 1}, "name": "again"})
    finished(again)
    one, other = before.trials(), again.trials()
    columns = [column for column in one.columns if column.startswith("config.")]
    assert columns
    assert one[columns].equals(other[columns])
