"""One short life of a real service: a runner is killed inside a transition, and everything that was promised holds."""

from __future__ import annotations

from tests.chaos.real.campaign import live


def test_a_service_struck_inside_its_transitions_keeps_every_promise():
    rows = live(seed=1, db="sqlite", faults=["F3"], seconds=10, searches=1)
    assert rows, "nothing was struck"
    assert [sentence for row in rows for sentence in row.violations] == []
