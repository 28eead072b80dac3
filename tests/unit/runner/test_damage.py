"""A checkpoint that does not verify is never gone on from: the trial takes the one before, and an event says why."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from service.runner.run import Verdict
from service.states import TrialState
from tests.support.runs import Searches
from tests.unit.runner.driver import Driver
from trainables import Assignment, CheckpointError, Failure
from trainables.checkpoints.checkpoint import MANIFEST, STATE, CheckpointWriter, read, seal
from trainables.checkpoints.resuming import resume_point

SHARD = "model.safetensors"


@pytest.fixture
def searches(tmp_path):
    searches = Searches(tmp_path)
    yield searches
    searches.ledger.close()


def write(assignment: Assignment, epoch: int):
    """A whole checkpoint, as a gang writes it."""
    writer = CheckpointWriter(Path(assignment.directory), epoch)
    (writer.aside / SHARD).write_bytes(os.urandom(64))
    facts = {"search": assignment.search, "trial": assignment.trial}
    return writer.commit([seal(writer.aside / SHARD)], {"loss": 1.0}, facts)


def flip(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[20] ^= 1
    file.write_bytes(content)


def swap(mine: Path, other: Path) -> None:
    aside = mine.with_name("aside")
    mine.rename(aside)
    shutil.copytree(other, mine)
    shutil.rmtree(aside)


DAMAGE = {
    "a flipped byte": lambda mine, _: flip(mine / SHARD),
    "a cut file": lambda mine, _: os.truncate(mine / STATE, 5),
    "a missing shard": lambda mine, _: (mine / SHARD).unlink(),
    "an empty manifest": lambda mine, _: os.truncate(mine / MANIFEST, 0),
    "no folder at all": lambda mine, _: shutil.rmtree(mine),
    "another trial's files": swap,
}


def trained(searches, *, epochs: int):
    """Two trials with a checkpoint of each of their epochs, the first of which has lost its gang."""
    search = searches.submit(
        "random", trials=2, epochs=9, objective={"scope": "last"}, checkpoints={"every_epochs": 100}
    )
    driver = Driver(searches.run(search, slots=2))
    driver.fill()
    for epoch in range(1, epochs + 1):
        for trial in (0, 1):
            driver.train(trial, checkpoint=write(driver.gangs[trial].assignment, epoch))
    theirs = driver.run.memos[1].checkpoint.path
    driver.crash(0)
    return driver, search, driver.run.memos[0].checkpoint.path, theirs


def set_out(driver: Driver) -> Verdict | None:
    """A gang takes up trial 0: it verifies first, and reports what is wrong, as `Rank.build` does."""
    assignment = driver.run.next_assignment()
    driver.run.begun(0)
    try:
        resume_point(assignment)
    except CheckpointError as error:
        failure = Failure.of(error, "checkpoint", 0)
        result = replace(LAST[0], failure=failure, checkpoint=None, metrics={})
        verdict = driver.run.reported(0, result, lambda: "none")
        driver.run.released(0)
        return verdict
    return None


LAST: list = []


@pytest.fixture(autouse=True)
def _a_result(searches):
    probe = Driver(searches.run(searches.submit("random", trials=1), slots=1))
    probe.fill()
    LAST[:] = [probe.gangs[0].train()]


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE.keys())
def test_a_damaged_checkpoint_is_left_for_the_one_before(damage, searches):
    driver, search, newest, theirs = trained(searches, epochs=3)
    damage(newest, theirs)
    assert set_out(driver) is Verdict.END
    assert searches.ledger.trial(search, 0).state is TrialState.PENDING
    (event,) = (event for event in searches.ledger.events(search) if event.kind == "checkpoint.damaged")
    assert (event.trial, event.data["epoch"]) == (0, 3)
    assert "must be" in event.data["reason"]
    assert set_out(driver) is None, "the one before is sound"
    assert driver.run.live[0].start_epoch == 2


def test_it_does_not_count_as_a_fault_of_the_trial(searches):
    driver, search, newest, _ = trained(searches, epochs=2)
    faults = driver.run.memos[0].faults
    shutil.rmtree(newest)
    set_out(driver)
    assert driver.run.memos[0].faults == faults
    again = searches.run(search)
    assert again.memos[0].faults == faults, "nor to a runner that replays the ledger"


def test_where_all_are_damaged_the_trial_begins_anew(searches):
    driver, search, newest, _ = trained(searches, epochs=3)
    for folder in newest.parent.iterdir():
        flip(folder / SHARD)
    while set_out(driver) is not None:
        pass
    assert driver.run.live[0].start_epoch == 0
    assert searches.ledger.checkpoints(search, 0) == []


def test_a_trial_that_trains_keeps_the_checkpoint_before_its_newest_and_gives_it_back_at_its_end(searches):
    driver, search, newest, _ = trained(searches, epochs=4)
    assert [row.epoch for row in searches.ledger.checkpoints(search, 0)] == [3, 4]
    assert sorted(folder.name for folder in newest.parent.iterdir()) == ["epoch-0003", "epoch-0004"]
    for epoch in range(5, 10):
        driver.train(1, checkpoint=write(driver.gangs[1].assignment, epoch))
    assert searches.ledger.trial(search, 1).state is TrialState.COMPLETED
    assert [row.epoch for row in searches.ledger.checkpoints(search, 1)] == [9]


def test_files_of_another_trial_are_not_adopted(searches):
    driver, search, newest, theirs = trained(searches, epochs=1)
    swap(newest, theirs)
    with searches.ledger.write(driver.run.lease) as writer:
        writer.forget_checkpoint(search, 0, 1, 1)
    assert searches.run(search).memos[0].checkpoint is None
    assert read(theirs), "theirs is as it was"
