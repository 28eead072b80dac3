"""A gang under real Ray: warm from trial to trial, and no fault of one rank may hang or spoil the others."""

from __future__ import annotations

import os
import signal
import time
import warnings
from pathlib import Path

import pytest
from ray.exceptions import RayActorError, RayTaskError

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # Ray's own imports warn about what they deprecate
    import ray
    from ray import tune

import trainables
from tests.support.assignments import an_assignment
from tests.support.gangs import Handle
from tests.support.recording import notes
from trainables import EpochResult
from trainables.gang.gang import RESULT_KEY, Gang

pytestmark = pytest.mark.filterwarnings("ignore")  # Ray's, not ours


pytestmark = pytest.mark.usefixtures("cluster")


@pytest.fixture(scope="module")
def pairs():
    handles: list[Handle] = []
    yield handles
    for handle in handles:
        handle.stop()


@pytest.fixture
def pair(pairs, tmp_path):
    """A gang of two that tests share, since starting one takes seconds; a test that ends it says so."""
    if not pairs or pairs[-1].ended:
        pairs.append(Handle(an_assignment(tmp_path, workers=2)))
    return pairs[-1]


def alive(pid: int) -> bool:
    try:
        return "zombie" not in Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return False


def wait_until_dead(pid: int, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while alive(pid):
        assert time.monotonic() < deadline, f"process {pid} still lives after {seconds} s"
        time.sleep(0.1)


def is_saved(result: EpochResult) -> bool:
    """Whether a checkpoint of this epoch is complete, or on its way."""
    return result.checkpoint_pending or (result.checkpoint is not None and result.checkpoint.epoch == result.epoch)


def test_two_trials_on_one_gang_share_processes_and_the_second_starts_at_once(pair, tmp_path):
    digits = {"import_path": "trainables.models.digits_mlp:DigitsMlp", "trainable": "digits_mlp", "workers": 2}
    assert pair.reset(an_assignment(tmp_path / "a", {"lr": 0.01}, **digits))
    first = pair.step()
    began = time.monotonic()
    assert pair.reset(an_assignment(tmp_path / "b", {"lr": 0.02}, trial=1, seed=4, **digits))
    took = time.monotonic() - began
    second = pair.step()
    assert first.failure is None
    assert len(first.pids) == 2
    assert second.pids == first.pids
    assert second.metrics["loss"] != first.metrics["loss"]
    assert (first.epoch, second.epoch) == (1, 1)
    assert took < 1.0, f"a warm start took {took:.2f} s"


def test_a_warm_gang_loads_its_data_once_for_many_trials_and_again_when_a_data_parameter_changes(pair, tmp_path):
    for config in ({"data_seed": 1}, {"data_seed": 1, "lr": 0.1}, {"data_seed": 2}):
        assert pair.reset(an_assignment(tmp_path, {**config, "log": str(tmp_path)}, workers=2))
        assert pair.step().failure is None
    loads = [line for line in notes(tmp_path) if line["event"] == "datasets"]
    assert len(loads) == 4  # two loads on each of two ranks


def test_a_gang_goes_by_its_search_and_slot(pair, tmp_path):
    pair.reset(an_assignment(tmp_path, workers=2))
    result = pair.step()
    assert result.gang.startswith("search-s1/slot-")
    assert ray.get_actor(f"{result.gang}/rank-1", namespace="rung") is not None
    assert result.node == ray.nodes()[0]["NodeID"]


def test_a_gang_of_another_size_is_refused(pair, tmp_path):
    assert not pair.reset(an_assignment(tmp_path, workers=1))
    assert pair.reset(an_assignment(tmp_path, workers=2))


def test_a_checkpoint_of_two_ranks_loads_and_evaluates_the_same_in_one_bare_process(pair, tmp_path):
    pair.reset(an_assignment(tmp_path, {"schedule": True, "batch_norm": True}, workers=2, every_epochs=2))
    assert pair.step().checkpoint is None
    result = pair.step()
    assert is_saved(result)
    record = pair.commit()
    assert record.path == str(tmp_path / "epoch-0002")
    assert trainables.verify(record.path) == record
    again = trainables.evaluate(record.path)
    assert again["loss"] == pytest.approx(result.metrics["loss"], abs=1e-6)
    assert again["absolute"] == pytest.approx(result.metrics["absolute"], abs=1e-6)
    assert not trainables.load(record.path).training


def test_a_new_best_epoch_and_the_last_one_write_a_checkpoint(pair, tmp_path):
    worse = an_assignment(tmp_path, workers=2, scope="best", best_loss_so_far=0.0, epochs=2)
    pair.reset(worse)
    assert not is_saved(pair.step())
    assert pair.step().checkpoint is not None
    pair.reset(an_assignment(tmp_path / "b", workers=2, scope="best", best_loss_so_far=1e9))
    assert is_saved(pair.step())


def test_a_paused_trial_goes_on_on_the_gang_exactly_as_if_it_had_not_been_paused(pair, tmp_path):
    config = {"dropout": 0.3, "momentum": 0.9}
    pair.reset(an_assignment(tmp_path / "whole", config, workers=2))
    whole = [pair.step().metrics["loss"] for _ in range(4)]
    pair.reset(an_assignment(tmp_path / "parts", config, workers=2))
    pair.step(), pair.step()
    record = pair.commit()
    assert record == pair.commit()
    pair.reset(an_assignment(tmp_path / "other", {"lr": 0.5}, workers=2))
    pair.step()
    pair.reset(an_assignment(tmp_path / "parts", config, workers=2, resume_from=record.path))
    assert pair.commit() == record
    resumed = [pair.step() for _ in range(2)]
    assert [result.epoch for result in resumed] == [3, 4]
    assert [result.metrics["loss"] for result in resumed] == whole[2:]


def test_nan_is_a_result(pair, tmp_path):
    pair.reset(an_assignment(tmp_path, {"fail": "nan"}, workers=2, every_epochs=1))
    result = pair.step()
    assert result.failure is None
    assert result.metrics["loss"] != result.metrics["loss"]
    assert is_saved(result)


@pytest.mark.parametrize(
    ("config", "kind", "message"),
    [
        ({"fail": "model"}, "setup", "ValueError: this was asked for"),
        ({"fail": "datasets", "data_seed": 99}, "setup", "ValueError: this was asked for"),
        ({"fail": "datasets", "data_seed": 98, "fail_rank": 1}, "setup", "ValueError: this was asked for"),
        ({"fail": "train"}, "user", "ValueError: this was asked for"),
        ({"fail": "evaluate"}, "user", "ValueError: this was asked for"),
        ({"fail": "train", "error": "oom"}, "oom", "CUDA out of memory"),
        ({"fail": "train", "error": "exit"}, "user", "SystemExit: 0"),
        ({"batch_size": 1}, "setup", "config.batch_size: got 1, must be >= workers (2)"),
    ],
)
def test_an_error_of_the_user_is_a_result_and_the_same_processes_train_the_next_trial(
    pair, tmp_path, config, kind, message
):
    pids = pair_pids(pair, tmp_path)
    assert pair.reset(an_assignment(tmp_path, config, workers=2))
    result = pair.step()
    assert result.failure is not None
    assert result.failure.kind == kind
    assert message in result.failure.message
    assert "Traceback" in result.failure.traceback
    assert result.epoch == 1
    assert result.metrics == {}
    assert pair.step().failure == result.failure
    assert pair_pids(pair, tmp_path) == pids


def pair_pids(pair: Handle, directory: Path) -> tuple[int, ...]:
    """Train one epoch of a sound trial and return the processes that did."""
    assert pair.reset(an_assignment(directory, workers=2))
    result = pair.step()
    assert result.failure is None
    return result.pids


def test_a_missing_metric_or_a_broken_checkpoint_or_import_is_a_result(pair, tmp_path):
    faults = {
        "objective.metric: got 'accuracy'": ("setup", {"metric": "accuracy"}),
        "must be a readable manifest": ("checkpoint", {"resume_from": str(tmp_path / "epoch-0001")}),
        "No module named 'nowhere'": ("setup", {"import_path": "nowhere:Nothing"}),
    }
    for message, (kind, fields) in faults.items():
        pair.reset(an_assignment(tmp_path, workers=2, **fields))
        failure = pair.step().failure
        assert failure.kind == kind
        assert message in failure.message


@pytest.mark.parametrize("failing", [0, 1])
def test_an_error_on_one_rank_alone_frees_the_other_and_the_gang_trains_on(pair, tmp_path, failing):
    pair.reset(an_assignment(tmp_path, {"fail": "train", "fail_rank": failing}, workers=2))
    began = time.monotonic()
    result = pair.step()
    assert time.monotonic() - began < 20
    assert result.failure.rank == failing
    assert result.failure.message == "ValueError: this was asked for"
    assert len(pair_pids(pair, tmp_path)) == 2


def test_a_checkpoint_that_cannot_be_written_is_told_and_the_trial_goes_on(pair, tmp_path):
    (tmp_path / "file").write_text("a file where the folder should be")
    pair.reset(an_assignment(tmp_path / "file", workers=2, every_epochs=1))
    result = pair.step()
    assert result.failure is None
    assert result.checkpoint is None
    assert "must be writable" in result.checkpoint_error
    assert pair.step().epoch == 2


def test_a_killed_rank_ends_the_attempt_at_once_for_all(pair, tmp_path):
    pair.reset(an_assignment(tmp_path, {"sleep": 0.5, "batch_size": 8}, workers=2))
    pids = pair.step().pids
    running = pair.actor.train.remote()
    pair.ended = True
    time.sleep(0.3)
    os.kill(pids[1], signal.SIGKILL)
    began = time.monotonic()
    with pytest.raises((RayActorError, RayTaskError)):
        ray.get(running, timeout=30)
    assert time.monotonic() - began < 10


def test_no_rank_outlives_rank_0(pair):
    pids = pair.step().pids
    pair.ended = True
    os.kill(pids[0], signal.SIGKILL)
    wait_until_dead(pids[1], 15)


def test_tune_runs_trials_one_after_another_on_the_same_gang(tmp_path, monkeypatch):
    monkeypatch.setenv("TUNE_DISABLE_AUTO_CALLBACK_LOGGERS", "1")
    assignments = [
        an_assignment(tmp_path / str(n), workers=2, trial=n, search="tuned", epochs=2).to_dict() for n in range(3)
    ]
    results = tune.Tuner(
        tune.with_resources(Gang, tune.PlacementGroupFactory([{"CPU": 0.5}] * 2, strategy="STRICT_PACK")),
        param_space={"assignment": tune.grid_search(assignments)},
        tune_config=tune.TuneConfig(reuse_actors=True, max_concurrent_trials=1),
        run_config=tune.RunConfig(verbose=0, storage_path=str(tmp_path / "tune"), stop={"training_iteration": 2}),
    ).fit()
    assert not results.errors
    assert [result.metrics[RESULT_KEY].epoch for result in results] == [2, 2, 2]
    assert len({result.metrics[RESULT_KEY].pids for result in results}) == 1
