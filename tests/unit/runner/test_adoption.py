"""Checkpoints that are written while the next epoch trains: committed with a verdict, or found by who comes after."""

from __future__ import annotations

from pathlib import Path

import pytest

from service.runner.run import Verdict
from service.states import TrialState
from tests.support.runs import Searches
from tests.unit.runner.driver import Driver
from trainables.checkpoints.checkpoint import CheckpointWriter

PENDING = {"checkpoint": None, "checkpoint_pending": True}


@pytest.fixture
def searches(tmp_path):
    searches = Searches(tmp_path)
    yield searches
    searches.ledger.close()


def started(searches, **spec):
    search = searches.submit("random", trials=1, epochs=4, objective={"scope": "last"}, **spec)
    driver = Driver(searches.run(search, slots=1))
    driver.fill()
    return driver, search


def write(driver: Driver, epoch: int) -> Path:
    """What the gang's thread does, whole: a checkpoint of that epoch, of which no report tells."""
    directory = Path(driver.gangs[0].assignment.directory)
    facts = {"search": driver.run.search.id, "trial": 0}
    return Path(CheckpointWriter(directory, epoch).commit([], {"loss": 0.5}, facts).path)


def test_a_checkpoint_that_was_whole_when_its_gang_broke_is_where_the_trial_goes_on(searches):
    driver, search = started(searches)
    driver.train(0, **PENDING)
    path = write(driver, 1)
    driver.crash(0)
    driver.fill()
    assert driver.gangs[0].assignment.resume_from == str(path)
    assert [(row.attempt, row.epoch) for row in searches.ledger.checkpoints(search)] == [(1, 1)]


def test_a_half_written_one_is_not(searches):
    driver, _ = started(searches)
    driver.train(0, **PENDING)
    path = write(driver, 1)
    (path / "state.json").write_text("{}")
    driver.crash(0)
    driver.fill()
    assert driver.gangs[0].assignment.resume_from is None


def test_nor_is_one_of_an_epoch_that_was_never_reported_or_its_report_would_be_missing(searches):
    driver, _ = started(searches)
    driver.train(0, **PENDING)
    path = write(driver, 1)
    write(driver, 2)
    driver.crash(0)
    driver.fill()
    assert driver.gangs[0].assignment.resume_from == str(path)


def test_a_new_runner_adopts_it_before_it_sweeps(searches):
    driver, search = started(searches)
    driver.train(0, **PENDING)
    path = write(driver, 1)
    later = Driver(searches.run(search, slots=1))
    later.fill()
    assert later.gangs[0].assignment.resume_from == str(path)
    assert [row.epoch for row in searches.ledger.checkpoints(search)] == [1]


def test_its_record_comes_with_the_next_report(searches):
    driver, search = started(searches)
    driver.train(0, **PENDING)
    record = driver.gangs[0].commit_checkpoint()
    driver.train(0, checkpoint=record)
    assert [row.epoch for row in searches.ledger.checkpoints(search)] == [1]
    assert driver.run.memos[0].checkpoint.path == Path(record.path)


def test_the_verdict_that_ends_a_trial_waits_for_it_and_commits_both_together(searches):
    driver, search = started(searches)
    for _ in range(3):
        driver.train(0)
    assert driver.report(0, **PENDING) is Verdict.END
    assert searches.ledger.trial(search, 0).state is TrialState.COMPLETED
    assert 4 in [row.epoch for row in searches.ledger.checkpoints(search)]


def test_one_that_fails_at_the_end_is_a_warning_and_the_verdict_stands(searches):
    driver, search = started(searches)
    for _ in range(3):
        driver.train(0)
    driver.gangs[0].commit_checkpoint = lambda: "no checkpoint of epoch 4: the disk is full"
    assert driver.report(0, **PENDING) is Verdict.END
    (warning,) = (event for event in searches.ledger.events(search) if event.kind == "warning")
    assert warning.data["message"] == "no checkpoint of epoch 4: the disk is full"
    assert searches.ledger.trial(search, 0).state is TrialState.COMPLETED


def test_an_epoch_is_the_best_so_far_only_when_it_is_saved_since_it_is_trained_again_otherwise(searches):
    driver, _ = started(searches)
    driver.train(0, metrics={"loss": 0.1}, **PENDING)
    driver.crash(0)
    driver.fill()
    assert driver.gangs[0].assignment.best_loss_so_far is None
