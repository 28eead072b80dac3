"""Two ranks learn exactly what one would, and a resumed rank exactly what an uninterrupted one would."""

from __future__ import annotations

import gc

import psutil
import pytest
import torch

from tests.support import faulty
from tests.support.assignments import an_assignment
from tests.support.ranks import a_lone_rank, alone, save
from tests.support.recording import Recording, notes
from trainables import Failure, evaluate, load
from trainables.gang.rank import Rank
from trainables.restore import load as load_model


def weights(rank: Rank) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in rank._current.model.state_dict().items()}


def same(left: dict[str, torch.Tensor], right: dict[str, torch.Tensor]) -> bool:
    return left.keys() == right.keys() and all(torch.equal(left[name], right[name]) for name in left)


def test_two_ranks_see_each_training_and_validation_sample_exactly_once(pair, tmp_path):
    pair.assign(an_assignment(tmp_path, {"batch_size": 7, "log": str(tmp_path)}, workers=2))
    pair.call("run_epoch")
    lines = notes(tmp_path)
    for event, must in (("train", set(range(33))), ("evaluate", set(range(33, 44)))):
        seen = {
            rank: [i for line in lines if (line["event"], line["rank"]) == (event, rank) for i in line["ids"]]
            for rank in (0, 1)
        }
        assert not set(seen[0]) & set(seen[1])
        assert sorted(seen[0] + seen[1]) == sorted(must)


def test_the_averaged_gradient_of_unequal_parts_is_that_of_the_whole_batch(pair, tmp_path):
    # Given one batch of all 33 samples, 17 on one rank and 16 on the other, and a learning rate of 1
    config = {"batch_size": 33, "lr": 1.0}
    pair.assign(an_assignment(tmp_path, config, workers=2))
    before = weights(pair.rank0)
    # When both train the one batch
    pair.call("run_epoch")
    # Then the weights moved by the gradient of the mean loss over the 33 samples
    trainable = Recording()
    model = trainable.model(config)
    model.load_state_dict(before)
    inputs, targets = trainable.datasets(config).train.tensors
    trainable.loss(model(inputs), targets).backward()
    after = weights(pair.rank0)
    for name, parameter in model.named_parameters():
        assert parameter.grad.abs().max() > 1e-3
        torch.testing.assert_close(before[name] - after[name], parameter.grad, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("batch_size", [33, 11, 5])
def test_one_rank_and_two_have_the_same_loss_curve(pair, tmp_path, batch_size):
    # None leaves a rest of one sample, which two ranks would leave out. All give the ranks parts of unequal size.
    config = {"batch_size": batch_size, "momentum": 0.9, "schedule": True}
    lone = a_lone_rank(an_assignment(tmp_path, config))
    pair.assign(an_assignment(tmp_path, config, workers=2))
    for _ in range(3):
        alone, together = lone.run_epoch(), pair.call("run_epoch")[0]
        assert together.metrics == pytest.approx(alone.metrics, abs=1e-5)
    torch.testing.assert_close(weights(pair.rank0), weights(lone), rtol=1e-4, atol=1e-6)


def test_all_ranks_report_the_same_metrics(pair, tmp_path):
    pair.assign(an_assignment(tmp_path, {"batch_norm": True, "dropout": 0.2}, workers=2))
    first, second = pair.call("run_epoch")
    assert first.metrics == second.metrics


def test_the_reported_loss_is_that_of_the_saved_model_even_where_running_statistics_differ_by_rank(pair, tmp_path):
    assignment = an_assignment(tmp_path, {"batch_norm": True, "batch_size": 7}, workers=2)
    pair.assign(assignment)
    measures = pair.call("run_epoch")[0]
    record = save(tmp_path, assignment, 1, measures, pair.save)
    reported = {name: value for name, value in measures.metrics.items() if name != "train_loss"}
    assert evaluate(record.path) == pytest.approx(reported, abs=1e-6)


CONFIG = {"dropout": 0.4, "momentum": 0.9, "schedule": True, "batch_norm": True, "batch_size": 11}


def test_a_resumed_rank_has_bit_identical_weights(tmp_path):
    whole = a_lone_rank(an_assignment(tmp_path, CONFIG))
    for epoch in range(1, 5):
        measures = whole.run_epoch()
        if epoch == 2:
            record = save(tmp_path, an_assignment(tmp_path, CONFIG), 2, measures, alone(whole))
    torch.manual_seed(12345)  # whatever the process did in between
    resumed = a_lone_rank(an_assignment(tmp_path, CONFIG, resume_from=record.path))
    assert resumed.resumed_from == record
    assert [resumed.run_epoch().epoch for _ in range(2)] == [3, 4]
    assert same(weights(whole), weights(resumed))


def test_a_clone_has_its_parents_weights_and_its_own_configuration(tmp_path):
    parent = a_lone_rank(an_assignment(tmp_path, CONFIG))
    measures = parent.run_epoch()
    record = save(tmp_path, an_assignment(tmp_path, CONFIG), 1, measures, alone(parent))
    own = an_assignment(tmp_path, {**CONFIG, "lr": 0.5}, trial=7, seed=8, resume_from=record.path, is_clone=True)
    clone = a_lone_rank(own)
    assert same(weights(parent), weights(clone))
    assert clone.run_epoch().epoch == 2
    resumed = a_lone_rank(an_assignment(tmp_path, CONFIG, resume_from=record.path))
    resumed.run_epoch()
    assert not same(weights(resumed), weights(clone))


def test_a_clone_whose_weights_would_have_another_shape_says_what_to_keep(tmp_path):
    config = {"optimizer": "adam", "hidden": 16}
    digits = {"import_path": "trainables.models.digits_mlp:DigitsMlp"}
    parent = a_lone_rank(an_assignment(tmp_path, config, **digits))
    measures = parent.run_epoch()
    record = save(tmp_path, an_assignment(tmp_path, config, **digits), 1, measures, alone(parent))
    own = an_assignment(tmp_path, {**config, "hidden": 32}, resume_from=record.path, is_clone=True, **digits)
    failure = Rank(0, 1, cpus=1, gpus=0, timeout_s=60).build(own)
    assert failure.kind == "setup"
    assert "name the parameters in the trainable's shape_parameters or in algorithm.keep" in failure.message


def test_two_resumed_ranks_have_bit_identical_weights(pair, tmp_path):
    assignment = an_assignment(tmp_path, CONFIG, workers=2)
    pair.assign(assignment)
    measures = pair.call("run_epoch")[0]
    record = save(tmp_path, assignment, 1, measures, pair.save)
    pair.call("run_epoch")
    whole = weights(pair.rank0)
    pair.assign(an_assignment(tmp_path, CONFIG, workers=2, resume_from=record.path))
    pair.call("run_epoch")
    assert same(weights(pair.rank0), whole)


def test_a_checkpoint_of_two_ranks_goes_on_with_one(pair, tmp_path):
    config = {"momentum": 0.9, "schedule": True, "batch_size": 11}
    assignment = an_assignment(tmp_path, config, workers=2)
    pair.assign(assignment)
    measures = pair.call("run_epoch")[0]
    record = save(tmp_path, assignment, 1, measures, pair.save)
    together = pair.call("run_epoch")[0]
    lone = a_lone_rank(an_assignment(tmp_path, config, resume_from=record.path))
    assert lone.run_epoch().metrics == pytest.approx(together.metrics, abs=1e-5)


def test_the_seed_decides_the_weights_and_nothing_else_does(tmp_path):
    first = weights(a_lone_rank(an_assignment(tmp_path, seed=1)))
    torch.manual_seed(99)
    assert same(weights(a_lone_rank(an_assignment(tmp_path, seed=1, trial=5))), first)
    assert not same(weights(a_lone_rank(an_assignment(tmp_path, seed=2))), first)


def test_a_failure_is_returned_with_its_kind_and_the_rank_can_be_used_again(tmp_path):
    rank = Rank(0, 1, cpus=1, gpus=0, timeout_s=60)
    for config, kind in (({"fail": "model"}, "setup"), ({"fail": "model", "error": "oom"}, "oom")):
        failure = rank.build(an_assignment(tmp_path, config))
        assert isinstance(failure, Failure)
        assert failure.kind == kind
        assert "fail_if_asked" in failure.traceback
    assert rank.build(an_assignment(tmp_path, {"fail": "train"})) is None
    assert rank.run_epoch().kind == "user"
    assert rank.build(an_assignment(tmp_path)) is None
    assert rank.run_epoch().epoch == 1


@pytest.mark.parametrize("size", [0, -3, 2.5, "many"])
def test_a_batch_size_that_is_no_positive_integer_is_a_setup_failure(tmp_path, size):
    failure = Rank(0, 1, cpus=1, gpus=0, timeout_s=60).build(an_assignment(tmp_path, {"batch_size": size}))
    assert f"config.batch_size: got {size!r}, must be an integer >= 1" in failure.message


def test_loading_a_model_leaves_the_random_state_alone(tmp_path):
    rank = a_lone_rank(an_assignment(tmp_path))
    record = save(tmp_path, an_assignment(tmp_path), 1, rank.run_epoch(), alone(rank))
    before = torch.get_rng_state()
    assert same(dict(load(record.path).state_dict()), weights(rank))
    assert torch.equal(torch.get_rng_state(), before)
    assert load is load_model


def test_times_are_told_apart(tmp_path):
    measures = a_lone_rank(an_assignment(tmp_path, {"sleep": 0.05, "batch_size": 11})).run_epoch()
    assert measures.seconds["train"] >= 0.15
    assert set(measures.seconds) == {"data", "train", "evaluate", "checkpoint"}


def test_loading_workers_are_gone_as_soon_as_one_of_them_has_failed(tmp_path):
    config = {"fault": "loader", "folder": str(tmp_path), "batch_size": 8, "num_workers": 2}
    rank = a_lone_rank(an_assignment(tmp_path, config, import_path=faulty.IMPORT_PATH))
    faulty.mark_of(config).touch()
    gc.disable()  # what holds an iterator after an exception would go sooner or later
    try:
        failure = rank.run_epoch()
        assert "this sample cannot be read" in failure.message
        workers = faulty.loading_workers(tmp_path)
        assert len(workers) >= 1
        assert [pid for pid in workers if psutil.pid_exists(pid)] == []
    finally:
        gc.enable()
