"""A search over a plain function: paused and displaced trials go on from what it saved, or train again untold."""

from __future__ import annotations

import pytest

from tests.integration.test_engine import Stepping
from tests.support.counting import COUNTING
from tests.support.judge import judge
from tests.support.runs import Searches

SPACE = {"step": {"type": "int", "low": 1, "high": 9}}

pytestmark = pytest.mark.usefixtures("cluster")


@pytest.fixture
def searches(tmp_path):
    searches = Searches(tmp_path)
    yield searches
    searches.ledger.close()


def finished(searches, space=SPACE):
    search = searches.submit("hyperband", trials=13, epochs=9, space=space, path=COUNTING)
    with Stepping(searches.run(search, slots=2)) as stepping:
        stepping.to_the_end()
    assert judge(searches.ledger, search).faults == []
    attempts = [attempt for n in range(13) for attempt in searches.ledger.attempts(search, n)]
    assert any(attempt.outcome == "paused" for attempt in attempts)
    return search, [attempt for attempt in attempts if attempt.number > 1]


def test_trials_that_pause_at_a_barrier_go_on_from_the_folder_that_the_function_saved(searches):
    search, resumed = finished(searches)
    assert resumed
    assert all(attempt.start_epoch > 0 for attempt in resumed)
    assert judge(searches.ledger, search).most_repeated == 0
    for trial in searches.ledger.trials(search):
        for report in searches.ledger.reports(search, trial.number):
            assert report.metrics["total"] == trial.config["step"] * report.epoch


def test_trials_that_saved_nothing_at_their_pause_train_again_and_the_study_hears_no_epoch_twice(searches):
    search, resumed = finished(searches, {**SPACE, "saves_every": {"type": "constant", "value": 2}})
    assert {attempt.start_epoch % 2 for attempt in resumed} == {0}
    assert judge(searches.ledger, search).most_repeated > 0
    for trial in searches.ledger.trials(search):
        told = [report for report in searches.ledger.reports(search, trial.number) if report.seen]
        assert [report.epoch for report in told] == list(range(1, len(told) + 1))
        for report in searches.ledger.reports(search, trial.number):
            assert report.metrics["total"] == trial.config["step"] * report.epoch
