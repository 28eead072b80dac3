"""Parts of a model wait frozen for their epoch, and weights come from elsewhere, alike on every rank."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from safetensors.torch import save_file

from tests.support.assignments import an_assignment
from tests.support.ranks import a_lone_rank, alone, save
from tests.support.recording import Recording
from tests.support.thawing import IMPORT_PATH
from trainables.gang.rank import Rank


def of(directory, config, **fields):
    return an_assignment(directory, {"batch_size": 11, **config}, import_path=IMPORT_PATH, **fields)


def weights(rank):
    return {name: tensor.clone() for name, tensor in rank._current.model.state_dict().items()}


def moved(before, after):
    return {name for name, tensor in before.items() if not torch.equal(tensor, after[name])}


def refusal(directory, config):
    return Rank(0, 1, cpus=1, gpus=0, timeout_s=60).build(of(directory, config)).message


def test_parts_thaw_by_epoch_and_ranks_stay_one(pair, tmp_path):
    config = {"frozen": {"hidden": 2, "norm": 1}, "batch_norm": True, "micro_batch_size": 3}
    pair.assign(of(tmp_path, config, workers=2))
    stages = [weights(pair.rank0)]
    for _ in range(3):
        first, second = pair.call("run_epoch")
        assert first.metrics == second.metrics
        stages.append(weights(pair.rank0))
    statistics = {"norm.running_mean", "norm.running_var", "norm.num_batches_tracked"}
    norm, out, hidden = {"norm.weight", "norm.bias"}, {"out.weight", "out.bias"}, {"hidden.weight", "hidden.bias"}
    assert [moved(*pair_) for pair_ in pairwise(stages)] == [
        out,
        out | norm | statistics,
        out | norm | statistics | hidden,
    ]


def test_one_rank_and_two_thaw_along_the_same_curve(pair, tmp_path):
    config = {"frozen": {"hidden": 1}}
    lone = a_lone_rank(of(tmp_path, config))
    must = [lone.run_epoch().metrics for _ in range(3)]
    pair.assign(of(tmp_path, config, workers=2))
    for metrics in must:
        assert pair.call("run_epoch")[0].metrics == pytest.approx(metrics, abs=1e-5)


def test_a_trial_that_resumes_amid_thawing_goes_on_bit_identically(tmp_path):
    config = {"frozen": {"hidden": 2}}
    whole = a_lone_rank(of(tmp_path, config))
    record = save(tmp_path, of(tmp_path, config), 1, whole.run_epoch(), alone(whole))
    whole.run_epoch()
    whole.run_epoch()
    resumed = a_lone_rank(of(tmp_path, config, resume_from=record.path))
    resumed.run_epoch()
    resumed.run_epoch()
    assert moved(weights(whole), weights(resumed)) == set()


def test_what_cannot_be_frozen_is_refused(tmp_path):
    for frozen, must in (
        ({"hid": 1}, "frozen: got 'hid', must be the name of a module or parameter, such as hidden"),
        ({"hidden": 1, "out": 1}, "which is all there is, must leave something to learn"),
    ):
        rank = a_lone_rank(of(tmp_path, {"frozen": frozen}))
        assert must in rank.run_epoch().message


def test_weights_of_a_file_are_taken_over_by_name_and_the_rest_begins_anew(pair, tmp_path):
    hidden = {"hidden.weight": torch.full((4, 3), 0.5), "hidden.bias": torch.zeros(4), "other": torch.ones(1)}
    save_file(hidden, tmp_path / "hidden.safetensors")
    anew = weights(a_lone_rank(of(tmp_path, {})))
    config = {"pretrained": str(tmp_path / "hidden.safetensors"), "frozen": {"hidden": 9}}
    pair.assign(of(tmp_path, config, workers=2))
    assert moved(anew, weights(pair.rank0)) == {"hidden.weight", "hidden.bias"}
    first, second = pair.call("run_epoch")
    assert torch.equal(weights(pair.rank0)["hidden.weight"], hidden["hidden.weight"])
    assert first.warnings == (
        f"pretrained: 2 of 4 tensors are not in {tmp_path}/hidden.safetensors and begin anew: out.weight, out.bias",
    )
    assert second.warnings == pair.call("run_epoch")[0].warnings == ()


def test_weights_of_a_checkpoint_are_taken_over_and_a_resumed_trial_keeps_its_own(tmp_path):
    tied = {"tied": True}
    parent = a_lone_rank(of(tmp_path / "parent", tied))
    record = save(tmp_path / "parent", of(tmp_path, tied), 1, parent.run_epoch(), alone(parent))
    child = a_lone_rank(of(tmp_path, {**tied, "pretrained": record.path}, seed=9))
    assert moved(weights(parent), weights(child)) == set()
    own = save(tmp_path, of(tmp_path, tied), 1, child.run_epoch(), alone(child))
    resumed = a_lone_rank(of(tmp_path, {**tied, "pretrained": "/gone"}, resume_from=own.path))
    assert moved(weights(child), weights(resumed)) == set()


def test_weights_that_do_not_suit_are_refused(tmp_path):
    shape, names, text = (tmp_path / f"{name}.safetensors" for name in ("shape", "names", "text"))
    save_file({"hidden.weight": torch.ones(5, 3)}, shape)
    save_file({"backbone.weight": torch.ones(5, 3)}, names)
    text.write_text("no tensors")
    for path, must in (
        (shape, "got hidden.weight of shape (5, 3), must be (4, 3) as in the model"),
        (names, "with backbone.weight, must have tensors of the model's names, such as hidden.weight"),
        (text, "must be a .safetensors file"),
        (tmp_path / "gone", "must be a .safetensors file or a checkpoint's folder on this node"),
        (tmp_path, "must be a readable manifest"),
    ):
        assert must in refusal(tmp_path, {"pretrained": str(path)})


def test_by_default_nothing_is_frozen_and_nothing_is_taken_over():
    assert list(Recording().frozen({}, 1)) == []
    assert Recording().pretrained({}) is None
