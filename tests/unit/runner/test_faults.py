"""Faults of other search code in how trials are run; docs/algorithms.md lists all of them with their tests."""

from __future__ import annotations

import pytest

from service.states import SearchState
from tests.support.runs import Searches
from tests.unit.runner.driver import Driver


@pytest.fixture
def searches(tmp_path):
    searches = Searches(tmp_path)
    yield searches
    searches.ledger.close()


def test_a_retried_trial_stays_in_its_bracket(searches):
    """Fault 5: a retry dropped the trial into the newest bracket, at whatever rung that was."""
    search = searches.submit("hyperband", trials=14, epochs=9)
    driver = Driver(searches.run(search, slots=14))
    driver.fill()
    # Given trials 0 to 8 in the bracket that begins at epoch 1, and 9 to 13 in the one that begins at epoch 3
    driver.crash(0)
    driver.fill()
    for trial in range(1, 9):
        driver.train(trial)
    driver.train(0)
    events = searches.ledger.events(search, limit=1000)
    reasons = [event.data["reason"] for event in events if event.kind == "trial.state" and event.trial == 0]
    assert "rung 0 (epoch 1)" in reasons[-1]
    assert any("bracket 0" in reason for reason in reasons)


def test_a_trial_that_waited_goes_on_where_it_was_although_no_checkpoint_was_due(searches):
    """Fault 19: trials without a checkpoint began at zero when they were let go on, so a rung cost up to eta times."""
    search = searches.submit("hyperband", trials=13, epochs=9, checkpoints={"every_epochs": 100})
    Driver(searches.run(search)).to_the_end()
    resumed = [a for n in range(13) for a in searches.ledger.attempts(search, n)[1:]]
    assert resumed
    assert {attempt.start_epoch for attempt in resumed} <= {1, 3}
    reports = [(report.trial, report.epoch) for report in searches.ledger.reports(search)]
    assert len(reports) == len(set(reports)), "no epoch was trained twice"


@pytest.mark.parametrize("algorithm", ["bohb", "tpe", "pbt", "hyperband"])
def test_no_sampler_gets_around_the_limit_of_trials_at_once(algorithm, searches):
    """Fault 30: a limiter was a no-op for searchers that had a limit of their own."""
    search = searches.submit(algorithm, trials=9, epochs=9)
    driver = Driver(searches.run(search, slots=2))
    while not driver.run.finished:
        driver.step()
        assert len(driver.gangs) <= 2
    assert searches.ledger.search(search).state is SearchState.COMPLETED
