"""A search that people steer while it runs, by the command line of a real service."""

from __future__ import annotations

import json

from tests.support.judge import judge
from tests.support.service import finished, title, wait_for

SPEC = {
    "trainable": "digits_mlp",
    "algorithm": {"name": "asha"},
    "budget": {"trials": 2000, "epochs": 9},
    "parallelism": 2,
    "tags": {"team": "steering"},
}


def test_a_search_is_paused_changed_and_resumed_and_nothing_is_lost(service, client):
    # Given a search that trains
    search = client.submit(SPEC)
    ledger = service.ledger()
    wait_for(lambda: len(ledger.reports(search.id)) >= 3, timeout_s=60)
    assert _running(service)
    # When it is paused, then it holds nothing: no slot, no gang, no runner
    assert "1 searches would be asked" in service.cli("pause", "--tag", "team=steering", "--dry-run")
    service.cli("pause", search.id)
    wait_for(lambda: search.refresh().view.state == "paused", timeout_s=30)
    wait_for(lambda: not _running(service), timeout_s=30)
    assert search.refresh().view.slots == 0
    begun = len(ledger.trials(search.id))
    reported = {trial.number: trial.epoch for trial in ledger.trials(search.id)}
    # When it is changed and resumed, then its trials go on where they were, and what was asked for is tried
    service.cli("set", search.id, f"budget.trials={begun + 2}", "parallelism=3", "tags.team=audio")
    service.cli("enqueue", search.id, "lr=0.0123")
    service.cli("resume", search.id)
    view = finished(search)
    assert (view.trials_total, view.spec["parallelism"]) == (begun + 2, 3)
    assert view.spec["tags"] == {"team": "audio"}
    trials = ledger.trials(search.id)
    assert len(trials) == begun + 2
    assert [t.config["lr"] for t in trials if t.origin["kind"] == "enqueued"] == [0.0123]
    verdict = judge(ledger, search.id)
    assert (verdict.faults, verdict.most_repeated) == ([], 0)
    for number, epoch in reported.items():
        later = [attempt for attempt in ledger.attempts(search.id, number) if attempt.start_epoch >= epoch > 0]
        assert later or ledger.trial(search.id, number).epoch == epoch
    assert json.loads(service.cli("audit", search.id, "-o", "json"))["difference"] is None


def _running(service):
    """Runners and ranks of any search."""
    return [t for t in map(title, service.processes()) if "SearchRunner" in t or "Gang" in t]
