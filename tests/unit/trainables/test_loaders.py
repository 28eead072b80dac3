"""Batches come as configuration and trainable say, the same for a resumed trial, with loading workers or not."""

from __future__ import annotations

import pytest
import torch

from tests.support.assignments import an_assignment
from tests.support.augmented import IMPORT_PATH
from tests.support.ranks import a_lone_rank, alone, save
from tests.support.recording import notes
from trainables.gang.rank import Rank

WORKERS = {"num_workers": 2, "prefetch_factor": 3, "loader_timeout": 60.0, "pin_memory": True}


def of(directory, config, **fields):
    return an_assignment(directory, {"batch_size": 8, **config}, import_path=IMPORT_PATH, **fields)


def weights(rank):
    return {name: tensor.clone() for name, tensor in rank._current.model.state_dict().items()}


def refusal(directory, config):
    return Rank(0, 1, cpus=1, gpus=0, timeout_s=60).build(of(directory, config)).message


def trained_on(folder, epoch):
    """Return the samples of an epoch's batches of one rank, in order."""
    lines = [line["ids"] for line in notes(folder) if line["event"] == "train"]
    per_epoch = len(lines) // 2
    return lines[(epoch - 1) * per_epoch : epoch * per_epoch]


@pytest.mark.parametrize(
    "config",
    [{}, WORKERS, {**WORKERS, "persistent_workers": True}],
    ids=["without-workers", "workers", "persistent-workers"],
)
def test_a_resumed_trial_gets_the_very_batches_it_would_have_had(tmp_path, config):
    whole = a_lone_rank(of(tmp_path, config))
    record = save(tmp_path, of(tmp_path, config), 1, whole.run_epoch(), alone(whole))
    must = whole.run_epoch().metrics
    resumed = a_lone_rank(of(tmp_path, config, resume_from=record.path))
    assert resumed.run_epoch().metrics == must
    assert all(torch.equal(weights(resumed)[name], tensor) for name, tensor in weights(whole).items())


def test_the_number_of_workers_changes_nothing_about_what_they_load(tmp_path):
    one, two = (a_lone_rank(of(tmp_path, {**WORKERS, "num_workers": n})).run_epoch().metrics for n in (1, 2))
    assert one == two


def test_noise_of_a_worker_is_another_in_each_batch_and_epoch(tmp_path):
    rank = a_lone_rank(of(tmp_path, {**WORKERS, "lr": 0.0, "persistent_workers": True}))
    losses = {rank.run_epoch().metrics["train_loss"] for _ in range(3)}
    assert len(losses) == 3


def test_an_error_in_a_worker_is_the_users(tmp_path):
    failure = a_lone_rank(of(tmp_path, {**WORKERS, "noise": 5})).run_epoch()
    assert failure.kind == "user"
    assert "no such sample" in failure.message


def test_a_last_batch_of_fewer_samples_is_left_out_on_request(tmp_path):
    rank = a_lone_rank(of(tmp_path, {"drop_last": True, "log": str(tmp_path)}))
    rank.run_epoch()
    rank.run_epoch()
    assert [len(ids) for ids in trained_on(tmp_path, 1)] == [8, 8, 8, 8]


def test_leaving_out_all_there_is_is_refused(tmp_path):
    assert "config.drop_last: got true with 33 samples" in refusal(tmp_path, {"drop_last": True, "batch_size": 34})


def test_a_sampler_of_the_trainables_own_is_divided_batch_by_batch(pair, tmp_path):
    config = {"options": "every_third", "log": str(tmp_path), "batch_size": 4}
    pair.assign(of(tmp_path, config, workers=2))
    pair.call("run_epoch")
    lines = {
        rank: [line["ids"] for line in notes(tmp_path) if (line["rank"], line["event"]) == (rank, "train")]
        for rank in (0, 1)
    }
    assert lines == {0: [[1, 7], [13, 19], [25, 31]], 1: [[4, 10], [16, 22], [28]]}


def test_what_a_sampler_draws_is_the_same_on_each_rank_and_another_each_epoch(tmp_path, pair):
    config = {"options": "weighted", "noise": 0.0, "momentum": 0.9, "batch_size": 7}
    alone_ = a_lone_rank(of(tmp_path, {**config, "log": str(tmp_path)}))
    must = [alone_.run_epoch().metrics for _ in range(2)]
    assert trained_on(tmp_path, 1) != trained_on(tmp_path, 2)
    pair.assign(of(tmp_path, config, workers=2))
    for metrics in must:
        assert pair.call("run_epoch")[0].metrics == pytest.approx(metrics, abs=1e-5)


def test_a_sampler_that_divides_by_itself_is_refused(tmp_path):
    assert "got a DistributedSampler, must yield the samples of all ranks" in refusal(
        tmp_path, {"options": "distributed"}
    )


def test_batches_of_the_trainables_own_form_are_cut_into_micro_batches(tmp_path):
    whole, parts = (
        a_lone_rank(of(tmp_path, {"options": "collate", "noise": 0.0, **config})).run_epoch().metrics
        for config in ({}, {"micro_batch_size": 3})
    )
    assert parts == pytest.approx(whole, abs=1e-6)


def test_an_argument_that_the_configuration_has_is_refused(tmp_path):
    message = refusal(tmp_path, {"options": "wrong"})
    assert "Augmented.loader_options: got 'num_workers', must be among collate_fn" in message
