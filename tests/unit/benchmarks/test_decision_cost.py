"""The benchmark of a decision's cost: it measures what it says it measures."""

from benchmarks.decision_cost import FLAT, LEVELS, history, measure


def test_every_rung_of_the_table_has_every_trial():
    rungs = history(FLAT, 20).rungs()
    assert {epochs: len(losses) for epochs, losses in rungs.items()} == dict.fromkeys(LEVELS, 20)


def test_a_decision_takes_time_and_the_slowest_no_less_than_the_median():
    median, high = measure("random", FLAT, 20, 5)
    assert 0 < median <= high
