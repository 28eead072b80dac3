"""`rung extend`, `retry` and `branch`: what they send, and what they say."""

from __future__ import annotations

import json

from tests.unit.cli.conftest import Rung
from tests.unit.client.double import FakeService

ID = "k3abcdefghij"


def test_extend_sends_what_is_given_and_a_key(rung: Rung, service: FakeService) -> None:
    ran = rung("extend", ID, "--trials", "60", "--seconds", "10")
    (sent,) = service.sent("POST", "/extend")
    assert json.loads(sent.content) == {"trials": 60, "seconds": 10.0}
    assert sent.headers["Idempotency-Key"]
    assert (ran.code, ran.err) == (0, f"{ID} is queued: extended\nnext: rung watch {ID}\n")


def test_retry_means_the_failed_trials_unless_it_is_told_which(rung: Rung, service: FakeService) -> None:
    assert rung("retry", ID).code == 0
    assert rung("retry", ID, "--state", "cancelled", "--state", "failed", "--trial", "3", "--trial", "7").code == 0
    bodies = [json.loads(sent.content) for sent in service.sent("POST", "/retry")]
    assert bodies == [{"states": ["failed"]}, {"states": ["cancelled", "failed"], "trials": [3, 7]}]


def test_branch_prints_the_new_id_alone_and_beside_it_what_it_begins_with(rung: Rung, service: FakeService) -> None:
    ran = rung("branch", ID, "--set", "space.lr.high=0.05", "--set", "algorithm.name=tpe")
    (sent,) = service.sent("POST", "/branch")
    assert json.loads(sent.content) == {"space": {"lr": {"high": 0.05}}, "algorithm": {"name": "tpe"}}
    assert (ran.code, ran.out) == (0, "branched\n")
    assert f"begins with 9 trials of {ID}; 3 left out: its lr is outside the space\n" in ran.err
