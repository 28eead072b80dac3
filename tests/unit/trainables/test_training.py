"""What a trial learns does not depend on how it is computed: on ranks, micro-batches, or in one go."""

from __future__ import annotations

import pytest
import torch

from tests.support.assignments import an_assignment
from tests.support.ranks import a_lone_rank, alone, save
from tests.support.recording import Recording
from trainables import evaluate

DIGITS = {"import_path": "trainables.models.digits_mlp:DigitsMlp"}


def weights(rank):
    return {name: tensor.clone() for name, tensor in rank._current.model.state_dict().items()}


def test_two_ranks_read_digits_along_the_curve_of_one(pair, tmp_path):
    # 1,437 samples in batches of 60 leave a last one of 57, of which one rank gets 29 and the other 28.
    config = {"batch_size": 60, "lr": 0.05, "optimizer": "sgd", "momentum": 0.9}
    lone = a_lone_rank(an_assignment(tmp_path, config, **DIGITS))
    pair.assign(an_assignment(tmp_path, config, workers=2, **DIGITS))
    for _ in range(5):
        alone_, together = lone.run_epoch(), pair.call("run_epoch")[0]
        assert together.metrics == pytest.approx(alone_.metrics, abs=1e-5)


@pytest.mark.parametrize("micro_batch_size", [1, 4, 5, 100])
def test_accumulation_equals_a_batch_in_one_go(pair, tmp_path, micro_batch_size):
    # 11 samples, 6 on one rank and 5 on the other: cut into parts that are not equal, nor as many on both.
    config = {"batch_size": 11, "momentum": 0.9, "lr": 0.02, "clip_norm": 0.5}
    pair.assign(an_assignment(tmp_path, config, workers=2))
    whole = [pair.call("run_epoch")[0].metrics for _ in range(2)]
    must = weights(pair.rank0)
    pair.assign(an_assignment(tmp_path, {**config, "micro_batch_size": micro_batch_size}, workers=2))
    for metrics in whole:
        assert pair.call("run_epoch")[0].metrics == pytest.approx(metrics, abs=1e-6)
    torch.testing.assert_close(weights(pair.rank0), must, rtol=0, atol=1e-6)


@pytest.mark.parametrize("micro_batch_size", [None, 3])
def test_two_ranks_clip_the_gradient_that_one_would_clip(pair, tmp_path, micro_batch_size):
    config = {"batch_size": 33, "lr": 1.0, "clip_norm": 0.25, "micro_batch_size": micro_batch_size}
    lone = a_lone_rank(an_assignment(tmp_path, config))
    pair.assign(an_assignment(tmp_path, config, workers=2))
    before = weights(lone)
    lone.run_epoch()
    pair.call("run_epoch")
    torch.testing.assert_close(weights(pair.rank0), weights(lone), rtol=0, atol=1e-6)
    # One step at a learning rate of 1 moves the weights by the clipped gradient
    moved = torch.cat([(weights(lone)[name] - tensor).flatten() for name, tensor in before.items()])
    assert moved.norm().item() == pytest.approx(0.25, rel=1e-4)


@pytest.mark.parametrize("precision", ["tf32", "bf16", "fp16"])
def test_each_precision_resumes_bit_identically_and_learns(tmp_path, precision):
    config = {"precision": precision, "batch_size": 128, "dropout": 0.2, "clip_norm": 1.0}
    whole = a_lone_rank(an_assignment(tmp_path, config, **DIGITS))
    for epoch in range(1, 4):
        measures = whole.run_epoch()
        if epoch == 1:
            first = measures
            record = save(tmp_path, an_assignment(tmp_path, config, **DIGITS), 1, measures, alone(whole))
    resumed = a_lone_rank(an_assignment(tmp_path, config, resume_from=record.path, **DIGITS))
    assert [resumed.run_epoch().epoch for _ in range(2)] == [2, 3]
    assert all(torch.equal(weights(resumed)[name], tensor) for name, tensor in weights(whole).items())
    assert measures.metrics["loss"] < first.metrics["loss"] / 1.5
    reported = {name: first.metrics[name] for name in ("loss", "accuracy")}
    assert evaluate(record.path) == pytest.approx(reported, abs=1e-3 if precision == "bf16" else 1e-4)


def test_the_scale_of_an_fp16_loss_goes_on_where_it_was(tmp_path):
    config = {"precision": "fp16"}
    rank = a_lone_rank(an_assignment(tmp_path, config))
    scaler = rank._current._arithmetic.scaler
    rank.run_epoch()
    scaler.update(256.0)
    record = save(tmp_path, an_assignment(tmp_path, config), 2, rank.run_epoch(), alone(rank))
    resumed = a_lone_rank(an_assignment(tmp_path, config, resume_from=record.path))
    assert resumed._current._arithmetic.scaler.state_dict() == scaler.state_dict()
    assert scaler.get_scale() == 256.0


def test_precisions_differ_in_what_they_compute(tmp_path):
    curves = {
        precision: a_lone_rank(an_assignment(tmp_path, {"precision": precision}, **DIGITS)).run_epoch().metrics["loss"]
        for precision in ("fp32", "bf16", "fp16")
    }
    assert len(set(curves.values())) == 3
    assert curves["bf16"] == pytest.approx(curves["fp32"], rel=0.05)


def test_uneven_validation_data_are_measured_exactly(pair, tmp_path):
    pair.assign(an_assignment(tmp_path, {"batch_size": 4}, workers=2))  # 11 samples: 6 and 5, two at a time
    measures = pair.call("run_epoch")[0]
    trainable = Recording()
    model = trainable.model({})
    model.load_state_dict(weights(pair.rank0))
    inputs, targets = trainable.datasets({}).validation.tensors
    output = model.eval()(inputs)
    must = {"loss": trainable.loss(output, targets).item(), "absolute": (output - targets).abs().mean().item()}
    assert {name: measures.metrics[name] for name in must} == pytest.approx(must, abs=1e-6)


def test_a_parameter_that_takes_no_part_is_named_where_ranks_wait_for_it(pair, tmp_path):
    pair.assign(an_assignment(tmp_path, {"idle": True}, workers=2))
    failure = pair.call("run_epoch")[0]
    assert "model: got parameters that took no part in the loss (idle.weight, idle.bias)" in failure.message


def test_a_compiled_model_learns_the_same(pair, tmp_path, monkeypatch):
    # The compiler itself takes a minute: what stands in for it gives the model back
    monkeypatch.setattr(torch, "compile", lambda model: model)
    must = a_lone_rank(an_assignment(tmp_path, {"batch_size": 11})).run_epoch().metrics
    rank = a_lone_rank(an_assignment(tmp_path, {"batch_size": 11, "compile": True}))
    assert rank.wrap() is None
    measures = rank.run_epoch()
    assert measures.metrics == must
    record = save(tmp_path, an_assignment(tmp_path), 1, measures, alone(rank))
    assert a_lone_rank(an_assignment(tmp_path, resume_from=record.path)).resumed_from == record


def test_a_node_that_cannot_compile_says_so_in_the_configurations_words(tmp_path, monkeypatch):
    class NoCompiler(Exception):
        pass

    def failing(*_):
        raise NoCompiler("Failed to find C++ compiler")

    NoCompiler.__module__ = "torch._inductor.exc"
    monkeypatch.setattr(torch, "compile", lambda _: failing)
    rank = a_lone_rank(an_assignment(tmp_path, {"compile": True}))
    assert rank.wrap() is None
    failure = rank.run_epoch()
    assert failure.kind == "user"
    assert "config.compile: got true, must be false where the model or this node cannot compile" in failure.message
    assert "(Failed to find C++ compiler)" in failure.message
