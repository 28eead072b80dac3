"""Clones on the runner: which checkpoint they begin with, how long it is kept, and what happens if it is not there."""

from __future__ import annotations

import random

import pytest

from service.runner.run import Verdict
from service.states import SearchState, TrialState
from service.store import EventKind
from tests.support.judge import judge
from tests.support.runs import Searches
from tests.unit.runner.driver import Driver

SELDOM = {"every_epochs": 100}


@pytest.fixture
def searches(tmp_path):
    searches = Searches(tmp_path)
    yield searches
    searches.ledger.close()


def submit(searches, **spec):
    """Four members that meet after every epoch of twelve, and only pauses and the last epoch write checkpoints."""
    return searches.submit("pbt", **{"trials": 4, "epochs": 12, "checkpoints": SELDOM, **spec})


def clones_of(searches, search):
    return [trial for trial in searches.ledger.trials(search) if trial.origin["kind"] == "clone"]


def warnings(searches, search):
    return [event for event in searches.ledger.events(search, limit=10_000) if event.kind == EventKind.WARNING]


@pytest.mark.parametrize("slots", [1, 2, 5])
def test_every_clone_begins_with_its_parents_checkpoint_of_the_epoch_it_was_cloned_at(searches, slots):
    search = submit(searches)
    Driver(searches.run(search, slots=slots), seed=slots).to_the_end()
    clones = clones_of(searches, search)
    assert len(clones) == 11
    for clone in clones:
        first = searches.ledger.attempts(search, clone.number)[0]
        assert first.start_epoch == clone.origin["data"]["epoch"]
        assert min(r.epoch for r in searches.ledger.reports(search) if r.trial == clone.number) == first.start_epoch + 1
    assert judge(searches.ledger, search).faults == []
    assert warnings(searches, search) == []


def test_a_parents_checkpoint_goes_once_the_clone_has_its_own(searches):
    search = submit(searches, objective={"scope": "last"})
    Driver(searches.run(search)).to_the_end()
    per_trial = {}
    for checkpoint in searches.ledger.checkpoints(search):
        per_trial.setdefault(checkpoint.trial, []).append(checkpoint.epoch)
    assert {len(epochs) for epochs in per_trial.values()} == {1}, "the last one is the newest and the one that counts"
    on_disk = {p.relative_to(searches.store).as_posix() for p in (searches.store / search).glob("*/*/*")}
    assert on_disk == {checkpoint.path for checkpoint in searches.ledger.checkpoints(search)}


def test_a_clone_whose_gang_breaks_before_its_first_checkpoint_begins_with_its_parents_again(searches):
    often = {"checkpoints": {"every_epochs": 1}, "objective": {"scope": "last"}}
    search = submit(searches, section={"name": "pbt", "interval": 4}, **often)
    driver = Driver(searches.run(search, slots=4))
    while not clones_of(searches, search):
        driver.step()
    (clone,) = clones_of(searches, search)
    driver.fill()
    for _ in range(2):  # its parent trains on meanwhile, and keeps what it would otherwise not
        driver.train(clone.origin["data"]["parent"])
    driver.crash(clone.number)
    driver.to_the_end()
    first, second = searches.ledger.attempts(search, clone.number)[:2]
    assert (first.start_epoch, second.start_epoch) == (4, 4)
    assert judge(searches.ledger, search).faults == []


def test_a_clone_waits_for_the_checkpoint_that_its_parent_still_writes(searches):
    search = submit(searches, trials=2)
    run = searches.run(search, slots=3)
    driver = Driver(run)
    driver.fill()
    driver.train(0, metrics={"loss": 0.9})
    # Given that the second report lets the meeting end while the reporter, who is the best, has yet to be saved
    assert driver.report(1, metrics={"loss": 0.1}) is Verdict.COMMIT_THEN_END
    assert run.next_assignment() is None
    assert [clone.origin["data"]["parent"] for clone in clones_of(searches, search)] == [1]
    # When it is saved, then the clone begins there
    run.checkpointed(1, driver.gangs[1].commit_checkpoint())
    assignment = run.next_assignment()
    assert (assignment.trial, assignment.is_clone) == (2, True)
    assert assignment.resume_from.endswith("epoch-0001")


def test_a_clone_of_a_checkpoint_that_could_not_be_written_blocks_nobody_and_says_so(searches):
    search = submit(searches, trials=2)
    run = searches.run(search, slots=3)
    driver = Driver(run)
    driver.fill()
    driver.train(0, metrics={"loss": 0.9})
    driver.report(1, metrics={"loss": 0.1})
    driver.release(1)  # its gang broke while it wrote
    driver.to_the_end()
    assert searches.ledger.search(search).state is SearchState.COMPLETED
    assert searches.ledger.attempts(search, 2)[0].start_epoch == 0
    (warning,) = [event for event in warnings(searches, search) if event.trial == 2]
    assert warning.data["message"] == (
        "trial 1 has no checkpoint of epoch 1 for its clone: it begins at epoch 0 and catches up untold"
    )
    assert judge(searches.ledger, search).faults == []


def test_a_search_with_clones_goes_on_wherever_its_runner_was_lost(searches):
    search = submit(searches, section={"name": "pbt", "interval": 3, "quantile": 0.5}, retries={"attempts": 99})
    chance = random.Random(0)
    for _ in range(200):
        driver = Driver(searches.run(search, slots=3), seed=chance.randrange(1000))
        for _ in range(chance.randint(1, 9)):
            driver.step()
        if driver.run.finished:
            break
    for clone in clones_of(searches, search):
        starts = {attempt.start_epoch for attempt in searches.ledger.attempts(search, clone.number)}
        assert min(starts) == clone.origin["data"]["epoch"]
    assert warnings(searches, search) == []
    states = {trial.state for trial in searches.ledger.trials(search)}
    assert states == {TrialState.COMPLETED, TrialState.STOPPED}
    assert judge(searches.ledger, search).faults == []
