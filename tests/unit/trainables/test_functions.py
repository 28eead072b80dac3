"""A plain function trains epoch by epoch, resumes from what it saved, and leaves nothing behind when it is ended."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path

import pytest

from tests.support.assignments import an_assignment
from tests.support.counting import COUNTING, MISBEHAVING, may_end
from tests.support.ranks import a_lone_rank, alone
from trainables import CheckpointError, Failure, Run, evaluate, load, trainable, verify
from trainables.checkpoints.checkpoint import CheckpointWriter, FileEntry, read
from trainables.training import turns


def the_assignment(directory, config=None, **fields):
    return an_assignment(directory, config, **{"trainable": "counting", "import_path": COUNTING, "epochs": 5} | fields)


def save(directory, rank, measures, assignment):
    writer = CheckpointWriter(directory, measures.epoch)
    (part,) = alone(rank)(str(writer.aside))
    facts = {"config": dict(assignment.config), "import_path": assignment.import_path, "kind": part.kind}
    return writer.commit(part.files, measures.metrics, facts)


def threads():
    return [thread for thread in threading.enumerate() if thread.name == "trainable-function"]


@pytest.fixture(autouse=True)
def no_thread_stays():
    yield
    assert threads() == []


def test_each_epoch_is_one_stretch_of_the_function(tmp_path):
    log = tmp_path / "log"
    rank = a_lone_rank(the_assignment(tmp_path, {"step": 2, "log": str(log)}))
    assert [rank.run_epoch().metrics["total"] for _ in range(3)] == [2, 4, 6]
    assert log.read_text() == "begin 0 rank 0 of 1\n"
    rank.close()


def test_a_function_that_is_stopped_is_unwound_and_its_thread_ends(tmp_path):
    log = tmp_path / "log"
    rank = a_lone_rank(the_assignment(tmp_path, {"log": str(log)}))
    rank.run_epoch()
    assert len(threads()) == 1
    assert rank.build(the_assignment(tmp_path)) is None
    assert threads() == []
    assert log.read_text().splitlines()[1:] == ["finally"]


def test_a_function_that_has_trained_its_last_epoch_runs_to_its_end(tmp_path):
    log = tmp_path / "log"
    rank = a_lone_rank(the_assignment(tmp_path, {"log": str(log)}, epochs=2))
    assert [rank.run_epoch().epoch for _ in range(2)] == [1, 2]
    rank.close()
    assert log.read_text().splitlines()[1:] == ["end", "finally"]


def test_a_resumed_function_reports_what_an_uninterrupted_one_does(tmp_path):
    assignment = the_assignment(tmp_path, {"step": 3})
    rank = a_lone_rank(assignment)
    whole = [rank.run_epoch() for _ in range(2)]
    record = save(tmp_path, rank, whole[-1], assignment)
    whole += [rank.run_epoch() for _ in range(2)]
    rank.close()
    resumed = a_lone_rank(the_assignment(tmp_path, {"step": 3}, resume_from=record.path))
    assert resumed.resumed_from == record
    again = [resumed.run_epoch() for _ in range(2)]
    resumed.close()
    assert [(part.epoch, part.metrics) for part in again] == [(part.epoch, part.metrics) for part in whole[2:]]
    assert len({part.metrics["drawn"] for part in whole}) == 4


def test_a_checkpoint_has_the_functions_files_with_their_subfolders_and_loads_by_its_own_load(tmp_path):
    assignment = the_assignment(tmp_path, {"step": 3})
    rank = a_lone_rank(assignment)
    record = save(tmp_path, rank, rank.run_epoch(), assignment)
    rank.close()
    assert set(read(record.path).manifest["files"]) == {"state.json", "files/deep/state.json"}
    assert read(record.path).manifest["kind"] == "directory"
    assert verify(record.path) == record
    assert load(record.path) == {"total": 3}
    assert [path.name for path in tmp_path.iterdir()] == ["epoch-0001"]
    with pytest.raises(TypeError, match="got a plain function, must be a Trainable"):
        evaluate(record.path)


def test_a_function_without_load_says_where_its_files_are(tmp_path):
    assignment = the_assignment(tmp_path)
    rank = a_lone_rank(assignment)
    measures = rank.run_epoch()
    record = save(tmp_path, rank, measures, the_assignment(tmp_path, import_path=MISBEHAVING))
    rank.close()
    with pytest.raises(TypeError, match=rf"got no load.*{record.path}/files"):
        load(record.path)


@pytest.mark.parametrize("damage", [Path.unlink, lambda file: file.write_text("{}")])
def test_a_damaged_file_in_a_subfolder_is_refused_by_name(tmp_path, damage):
    assignment = the_assignment(tmp_path)
    rank = a_lone_rank(assignment)
    record = save(tmp_path, rank, rank.run_epoch(), assignment)
    rank.close()
    damage(Path(record.path, "files", "deep", "state.json"))
    with pytest.raises(CheckpointError, match=r"files/deep/state.json: got .*, must be"):
        verify(record.path)


def test_a_manifest_that_leads_out_of_its_folder_is_refused(tmp_path):
    writer = CheckpointWriter(tmp_path, 1)
    (tmp_path / "secret").write_text("not yours")
    (writer.aside / "own").write_text("mine")
    entry = FileEntry.of(tmp_path / "secret")
    outside = FileEntry(name="../secret", bytes=entry.bytes, sha256=entry.sha256)
    record = writer.commit([outside], {}, {})
    with pytest.raises(CheckpointError, match="must be inside the folder"):
        read(record.path)


def test_an_epoch_reported_without_a_checkpoint_has_none_and_says_so_once(tmp_path):
    rank = a_lone_rank(the_assignment(tmp_path, {"saves_every": 2}))
    first = rank.run_epoch()
    assert not first.is_savable
    assert "epoch 1 was reported without a checkpoint" in first.warnings[0]
    with pytest.raises(CheckpointError, match="no checkpoint of epoch 1: got a report without one"):
        rank.snapshot()
    second, third = rank.run_epoch(), rank.run_epoch()
    assert second.is_savable
    assert third.warnings == ()
    rank.close()


def test_a_folder_that_the_function_has_written_itself_is_copied(tmp_path):
    folder = tmp_path / "own"
    (folder / "sub").mkdir(parents=True)
    (folder / "sub" / "weights").write_text("1")
    rank = a_lone_rank(the_assignment(tmp_path, {"folder": str(folder)}, import_path=f"{__name__}:hands_over_a_folder"))
    measures = rank.run_epoch()
    record = save(tmp_path / "store", rank, measures, the_assignment(tmp_path))
    rank.close()
    assert Path(record.path, "files", "sub", "weights").read_text() == "1"
    assert (folder / "sub" / "weights").exists()


@trainable()
def hands_over_a_folder(config, run):
    for _ in run.epochs():
        run.report(loss=1, checkpoint=config["folder"])


def a_link(folder):
    (folder / "link").symlink_to("/etc/hostname")


BAD_SAVES = {
    "a link": (a_link, "link: got a link"),
    "nothing": (lambda _: None, "got no files"),
    "an error": (lambda folder: (folder / "no" / "where").write_text(""), "No such file"),
}


@trainable()
def saves_badly(config, run):
    for _ in run.epochs():
        run.report(loss=1, checkpoint=BAD_SAVES[config["what"]][0])


@pytest.mark.parametrize("what", BAD_SAVES)
def test_a_bad_save_leaves_no_checkpoint_and_the_function_trains_on(tmp_path, what):
    rank = a_lone_rank(the_assignment(tmp_path, {"what": what}, import_path=f"{__name__}:saves_badly"))
    measures = rank.run_epoch()
    with pytest.raises((CheckpointError, OSError), match=BAD_SAVES[what][1]):
        save(tmp_path, rank, measures, the_assignment(tmp_path))
    assert rank.run_epoch().epoch == 2
    rank.close()
    assert not list(tmp_path.glob("epoch-????"))


FAILURES = {
    "raises": ("user", "ValueError: this was asked for"),
    "exits": ("user", "SystemExit: 0"),
    "runs out of memory": ("oom", "MemoryError: no room"),
    "interrupts": ("user", "RuntimeError: the trainable's function raised KeyboardInterrupt"),
    "reports another metric": ("user", "objective.metric: got 'loss', must be one of those reported, accuracy"),
    "reports a text": ("user", "got loss='low', must be a number"),
    "skips its report": ("user", "got no report of epoch 2, must be one for each epoch"),
}


@pytest.mark.parametrize("how", FAILURES)
def test_what_goes_wrong_in_the_function_comes_back_as_a_failure_and_the_rank_goes_on(tmp_path, how):
    rank = a_lone_rank(the_assignment(tmp_path, {"how": how}, import_path=MISBEHAVING))
    rank.run_epoch()
    failure = rank.run_epoch()
    assert isinstance(failure, Failure)
    assert (failure.kind, FAILURES[how][1] in failure.message) == (FAILURES[how][0], True), failure.message
    assert threads() == []
    assert rank.build(the_assignment(tmp_path)) is None
    assert rank.run_epoch().epoch == 1
    rank.close()


@trainable()
def gives_up(config, run):
    run.report(loss=1.0)


def test_a_function_that_returns_early_fails_with_what_it_must_do(tmp_path):
    rank = a_lone_rank(the_assignment(tmp_path, import_path=f"{__name__}:gives_up"))
    rank.run_epoch()
    assert "must be reports up to epoch 5; loop over run.epochs()" in rank.run_epoch().message


def test_a_function_that_trains_is_interrupted_and_ends(tmp_path):
    rank = a_lone_rank(the_assignment(tmp_path, {"how": "sleeps"}, import_path=MISBEHAVING))
    rank.run_epoch()
    threading.Timer(0.3, rank.interrupt).start()
    began = time.monotonic()
    assert rank.run_epoch().message.startswith("Interrupted")
    assert time.monotonic() - began < 3


def test_a_function_that_does_not_let_itself_be_stopped_makes_the_process_unfit(tmp_path, monkeypatch):
    monkeypatch.setattr(turns, "UNWIND_S", 0.3)
    rank = a_lone_rank(the_assignment(tmp_path, {"how": "swallows"}, import_path=MISBEHAVING))
    rank.run_epoch()
    threading.Timer(0.3, rank.interrupt).start()
    with pytest.raises(RuntimeError, match="must let Stopped pass"):
        rank.run_epoch()
    (thread,) = threads()
    may_end.set()
    thread.join(5)


def test_two_ranks_both_call_the_function_and_rank_0s_report_and_folder_count(pair, tmp_path):
    config = {"log": str(tmp_path / "log")}
    pair.assign(the_assignment(tmp_path, config, workers=2))
    first, second = pair.call("run_epoch")
    assert (first.epoch, second.epoch) == (1, 1)
    assert first.metrics["drawn"] != second.metrics["drawn"]
    writer = CheckpointWriter(tmp_path, 1)
    files = [part.files for part in pair.save(str(writer.aside))]
    assert [len(part) for part in files] == [1, 0]
    writer.discard()
    pair.call("forget")
    begun = sorted(line for line in (tmp_path / "log").read_text().splitlines() if line.startswith("begin"))
    assert begun == ["begin 0 rank 0 of 2", "begin 0 rank 1 of 2"]


def test_a_decorated_function_can_still_be_called_and_keeps_what_was_said_of_it():
    reported = []

    class Backstage:
        def seed_epoch(self, epoch):
            pass

        def hand_in(self, report):
            reported.append(report.metrics)

    @trainable(objective={"metric": "score", "mode": "max"}, metrics=("loss",))
    def two(config, run):
        """Report twice."""
        for epoch in run.epochs():
            run.report(score=epoch * config["by"])

    run = Run(
        num_epochs=2,
        epoch=0,
        resume_from=None,
        is_clone=False,
        seed=1,
        rank=0,
        world=1,
        device="cpu",
        _backstage=Backstage(),
    )
    two({"by": 3}, run)
    assert json.dumps(reported) == '[{"score": 3.0}, {"score": 6.0}]'
    assert two.metrics == ("score", "loss")
    with pytest.raises(ValueError, match="got epoch 3, must be <= 2"):
        run.report(score=1)


def test_a_function_of_other_arguments_is_refused():
    with pytest.raises(TypeError, match=r"must take \(config, run\)"):

        @trainable()
        def alone_with_its_configuration(config):
            pass
