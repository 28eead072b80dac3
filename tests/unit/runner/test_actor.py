"""The runner's process around its run; the run itself has tests of its own."""

from __future__ import annotations

from service.runner import actor
from service.store import EventKind
from tests.support.runs import Searches


def test_a_runner_that_fails_says_why_and_gives_its_lease_back_at_once(tmp_path, monkeypatch):
    # Given a runner that meets an error of its own
    searches = Searches(tmp_path)
    search = searches.submit("random")
    monkeypatch.setenv("RUNG_HOME", str(tmp_path))

    def fail(**_):
        raise KeyError("x")

    monkeypatch.setattr(actor, "recover", fail)
    lease = searches.ledger.seize_lease(f"search/{search}", "runner", 60)
    runner = actor.SearchRunner(search, lease)
    runner._thread.join()
    # Then the coordinator finds the reason, and no lease to wait for
    assert runner.look() == "failed"
    assert [e.kind for e in searches.ledger.events(search)][-1] == EventKind.RUNNER_FAILED
    assert not searches.ledger.lease(lease.name).alive
    searches.ledger.close()
