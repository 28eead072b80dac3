"""A model in stages over two ranks learns what it would learn in one process, and its checkpoint is a whole model's."""

from __future__ import annotations

import gc
import itertools
import json
import weakref
from pathlib import Path
from typing import Any

import pytest
import torch

import trainables
from tests.support.assignments import an_assignment as any_assignment
from tests.support.ranks import Pair, Team, a_lone_rank, alone, save
from tests.support.staged import IMPORT_PATH
from trainables import Assignment, Failure
from trainables.gang.rank import Rank
from trainables.registry import load_trainable
from trainables.training.attempt import Place
from trainables.training.measures import UNITS
from trainables.training.pipelined import PipelinedAttempt

BATCHES = {"batch_size": 10, "micro_batch_size": 3}  # 37 samples: 10 = 3 + 3 + 3 + 1, and a last batch of 7 = 3 + 3 + 1


def an_assignment(directory: Path, config: dict[str, Any] | None = None, **fields: Any) -> Assignment:
    whole = {"parallel": "pipeline", **BATCHES, **(config or {})}
    return any_assignment(directory, whole, **({"import_path": IMPORT_PATH, "workers": 2} | fields))


def saved(pair: Pair, assignment: Assignment, epoch: int, measures: Any) -> Path:
    return Path(save(Path(assignment.directory), assignment, epoch, measures, pair.save).path)


@pytest.mark.parametrize(
    "config",
    [
        {"momentum": 0.9},
        {"micro_batch_size": 10},  # one micro-batch: fewer than there are stages
        {"micro_batch_size": 1},
        {"batch_size": 64},
        {"optimizer": "adam", "clip_norm": 0.05},
        {"pairs": True, "micro_batch_size": 4},
        {"drop_last": True},
    ],
    ids=str,
)
def test_two_stages_learn_what_one_process_learns(pair, tmp_path, config):
    assignment = an_assignment(tmp_path / "two", config)
    pair.assign(assignment)
    lone = a_lone_rank(an_assignment(tmp_path / "one", config, workers=1))
    for epoch in range(1, 4):
        together, alone_ = pair.call("run_epoch"), lone.run_epoch()
        assert together[0].metrics == pytest.approx(alone_.metrics, abs=1e-5)
        assert together[0].metrics == together[1].metrics
        assert together[0].epoch == epoch
    path = saved(pair, assignment, 3, together[0])
    one = save(tmp_path / "one", an_assignment(tmp_path, config), 3, alone_, alone(lone))
    torch.testing.assert_close(
        trainables.load(path).state_dict(), trainables.load(one.path).state_dict(), rtol=0, atol=1e-5
    )


def test_stages_pass_on_what_autocast_makes(pair, tmp_path):
    config = {"precision": "bf16"}
    pair.assign(an_assignment(tmp_path, config))
    lone = a_lone_rank(an_assignment(tmp_path, config, workers=1))
    plain = a_lone_rank(an_assignment(tmp_path, workers=1))
    together, alone_, exact = pair.call("run_epoch")[0], lone.run_epoch(), plain.run_epoch()
    assert together.metrics == pytest.approx(alone_.metrics, rel=1e-2)
    assert together.metrics["loss"] != pytest.approx(exact.metrics["loss"], rel=1e-5)


def test_a_clipped_gradient_is_cut_by_the_norm_of_all_stages(pair, tmp_path):
    # One batch and a learning rate of 1: the weights move by the clipped gradient.
    config = {"batch_size": 37, "micro_batch_size": 37, "lr": 1.0, "clip_norm": 1e-3}
    assignment = an_assignment(tmp_path, config)
    pair.assign(assignment)
    first = saved(pair, assignment, 0, _no_measures())
    pair.call("run_epoch")
    second = saved(pair, assignment, 1, _no_measures())
    old, new = trainables.load(first).state_dict(), trainables.load(second).state_dict()
    moved = sum(float(((old[name] - new[name]).double() ** 2).sum()) for name in old) ** 0.5
    assert moved == pytest.approx(1e-3, rel=1e-3)


def _no_measures() -> Any:
    return type("Measures", (), {"metrics": {}})


def test_running_statistics_are_those_of_the_micro_batches_and_of_nothing_else(pair, tmp_path):
    config = {"batch_norm": True, "batch_size": 36, "micro_batch_size": 12, "drop_last": True}
    assignment = an_assignment(tmp_path, config)
    pair.assign(assignment)
    measures = pair.call("run_epoch")[0]
    state = trainables.load(saved(pair, assignment, 1, measures)).state_dict()
    for layer in range(3):
        assert int(state[f"layers.{layer}.norm.num_batches_tracked"]) == 3


def test_what_is_random_in_loading_is_the_same_where_inputs_and_where_targets_are_used(pair, tmp_path):
    # A sample is a random factor, and its target the same one: the network learns to repeat it, if the two agree.
    config = {"augment": True, "batch_size": 8, "micro_batch_size": 4, "optimizer": "adam", "lr": 0.03}
    pair.assign(an_assignment(tmp_path, config))
    losses = [pair.call("run_epoch")[0].metrics["train_loss"] for _ in range(25)]
    assert losses[-1] < 0.01 < losses[0]


CONFIG = {
    "dropout": 0.4,
    "momentum": 0.9,
    "batch_norm": True,
    "batch_size": 12,
    "micro_batch_size": 6,
    "drop_last": True,
}


def test_a_resumed_pipeline_is_bit_identical(pair, tmp_path):
    assignment = an_assignment(tmp_path / "whole", CONFIG)
    pair.assign(assignment)
    pair.call("run_epoch")
    path = saved(pair, assignment, 2, pair.call("run_epoch")[0])
    whole = [pair.call("run_epoch") for _ in range(2)]
    final = trainables.load(saved(pair, assignment, 4, whole[-1][0])).state_dict()
    again = an_assignment(tmp_path / "again", CONFIG, resume_from=str(path))
    pair.assign(again)
    assert pair.rank0.resumed_from.path == str(path)
    resumed = [pair.call("run_epoch") for _ in range(2)]
    assert [each[0].metrics for each in resumed] == [each[0].metrics for each in whole]
    state = trainables.load(saved(pair, again, 4, resumed[-1][0])).state_dict()
    assert all(torch.equal(state[name], final[name]) for name in final)


def test_the_checkpoint_has_a_shard_for_each_rank_an_index_and_the_names_of_the_whole_model(pair, tmp_path):
    assignment = an_assignment(tmp_path)
    pair.assign(assignment)
    measures = pair.call("run_epoch")[0]
    path = saved(pair, assignment, 1, measures)
    shards = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"]
    assert {each.name for each in path.iterdir()} == {
        *shards,
        *("model.safetensors.index.json", "manifest.json", "state.json", "training-0.pt", "training-1.pt"),
    }
    index = json.loads((path / "model.safetensors.index.json").read_text())
    assert index["weight_map"]["layers.1.linear.weight"] == shards[0]
    assert index["weight_map"]["layers.2.linear.weight"] == shards[1]
    model = trainables.load(path)
    assert index["weight_map"].keys() == model.state_dict().keys()
    assert index["metadata"]["total_size"] == sum(tensor.nbytes for tensor in model.state_dict().values())
    reported = {name: value for name, value in measures.metrics.items() if name != "train_loss"}
    assert trainables.evaluate(path) == pytest.approx(reported, abs=1e-6)


def test_a_stage_is_gone_as_soon_as_its_trial_is(pair, tmp_path):
    pair.assign(an_assignment(tmp_path))
    pair.call("run_epoch")
    module = weakref.ref(pair.rank0._current.model)
    gc.collect()
    gc.disable()
    try:
        pair.call("forget")
        assert module() is None
    finally:
        gc.enable()


def test_a_pipeline_on_shares_of_a_gpu_is_refused(tmp_path):
    assignment = an_assignment(tmp_path, gpus_per_worker=0.5)
    trainable = load_trainable(IMPORT_PATH)
    place = Place(rank=0, world=2, device=torch.device("cuda"))
    with pytest.raises(ValueError, match=r"resources.gpus_per_worker: got 0.5 in a pipeline, must be 1 or more"):
        PipelinedAttempt(assignment, trainable, trainable.datasets(assignment.config), place)


def test_a_shard_that_was_touched_is_refused(pair, tmp_path):
    assignment = an_assignment(tmp_path)
    pair.assign(assignment)
    path = saved(pair, assignment, 1, pair.call("run_epoch")[0])
    shard = path / "model-00002-of-00002.safetensors"
    content = bytearray(shard.read_bytes())
    content[-1] ^= 1
    shard.write_bytes(content)
    with pytest.raises(trainables.CheckpointError, match="model-00002"):
        trainables.load(path)


def test_a_clone_has_its_parents_weights_and_its_own_configuration(pair, tmp_path):
    parent = an_assignment(tmp_path / "parent", {"momentum": 0.9})
    pair.assign(parent)
    path = saved(pair, parent, 1, pair.call("run_epoch")[0])
    pair.call("run_epoch")
    clone = an_assignment(tmp_path / "clone", {"lr": 0.01, "momentum": 0.5}, resume_from=str(path), is_clone=True)
    pair.assign(clone)
    started = trainables.load(saved(pair, clone, 1, _no_measures())).state_dict()
    assert all(torch.equal(tensor, started[name]) for name, tensor in trainables.load(path).state_dict().items())
    (group,) = pair.rank0._current._optimizer.param_groups
    assert (group["lr"], group["momentum"]) == (pytest.approx(0.009), 0.5)
    assert pair.call("run_epoch")[0].epoch == 2


def test_a_checkpoint_of_other_stages_is_refused(pair, tmp_path):
    lone = a_lone_rank(an_assignment(tmp_path, workers=1))
    record = save(tmp_path, an_assignment(tmp_path), 1, lone.run_epoch(), alone(lone))
    outcomes = pair.call("build", an_assignment(tmp_path, resume_from=record.path))
    assert all(isinstance(outcome, Failure) for outcome in outcomes)
    assert "config.parallel, resources.workers: got 2 stages for a checkpoint of 1" in outcomes[0].message


def test_a_whole_model_does_not_go_on_from_stages(pair, tmp_path):
    assignment = an_assignment(tmp_path)
    pair.assign(assignment)
    path = saved(pair, assignment, 1, pair.call("run_epoch")[0])
    for workers, config in ((1, {}), (2, {"parallel": "ddp"})):
        changed = an_assignment(tmp_path, config, workers=workers, resume_from=str(path))
        outcome = Rank(0, workers, cpus=1, gpus=0, timeout_s=60).build(changed)
        assert "got 1 stages for a checkpoint of 2" in outcome.message


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"precision": "fp16"}, "config.precision: got 'fp16' in a pipeline"),
        ({"compile": True}, "config.compile: got true in a pipeline"),
        ({"parallel": "tensor"}, "config.parallel: got 'tensor', must be one of ddp, pipeline"),
        ({"freeze_in_epoch": 2}, "frozen: got layers.0 in a pipeline"),
    ],
)
def test_what_a_pipeline_cannot_do_is_refused_before_the_first_batch(pair, tmp_path, config, message):
    outcomes = pair.call("build", an_assignment(tmp_path, config))
    assert [outcome.kind for outcome in outcomes] == ["setup", "setup"]
    assert message in outcomes[0].message


SHORT_OF = {"momentum": 0.9, "clip_norm": 0.5, **BATCHES}


def ran(pair: Any, assignment: Assignment) -> tuple[list[Any], dict[str, torch.Tensor]]:
    """Train two epochs; return what rank 0 measured, and the weights."""
    pair.assign(assignment)
    measures = [pair.call("run_epoch")[0] for _ in range(2)]
    return measures, trainables.load(saved(pair, assignment, 2, measures[-1])).state_dict()


@pytest.mark.parametrize(
    "short",
    [
        {"layer": 0, "where": "forward", "above": 2},  # while the ranks agree on shapes
        {"layer": 0, "where": "forward", "above": 2, "after": 3},  # in the middle of a batch
        {"layer": 2, "where": "forward", "above": 2, "after": 5},
        {"layer": 0, "where": "backward", "above": 2},
        {"layer": 2, "where": "backward", "above": 1, "after": 2},
        {"layer": 2, "where": "evaluate", "above": 2},
    ],
    ids=str,
)
def test_one_stage_short_of_memory_ends_with_the_weights_of_stages_that_were_not(pair, tmp_path, short):
    enough, must = ran(pair, an_assignment(tmp_path / "enough", SHORT_OF))
    measures, weights = ran(pair, an_assignment(tmp_path / "short", SHORT_OF | {"short": short}))
    assert [each.metrics for each in measures] == [pytest.approx(each.metrics, abs=1e-6) for each in enough]
    torch.testing.assert_close(weights, must, rtol=0, atol=1e-6)
    rank = 0 if short["layer"] < 2 else 1
    (warning,) = [warning for each in measures for warning in each.warnings]
    assert warning.startswith(f"rank {rank} ran out of memory with micro-batches of 3: 1 from here on in this attempt")
    assert measures[-1].resources["micro_batch_size"] == 1


def test_running_statistics_and_draws_are_those_of_the_run_that_did_not_run_out(pair, tmp_path):
    config = {"batch_norm": True, "dropout": 0.3, "batch_size": 12, "micro_batch_size": 6, "drop_last": True}
    enough, must = ran(pair, an_assignment(tmp_path / "enough", config | {"micro_batch_size": 3}))
    short = {"layer": 2, "where": "forward", "above": 3, "after": 1}
    measures, weights = ran(pair, an_assignment(tmp_path / "short", config | {"short": short}))
    assert [each.metrics for each in measures] == [each.metrics for each in enough]
    assert all(torch.equal(weights[name], tensor) for name, tensor in must.items())


def test_no_room_for_one_sample_in_a_stage_ends_the_attempt_on_all_ranks_as_oom(pair, tmp_path):
    pair.assign(an_assignment(tmp_path, {"short": {"layer": 2, "where": "forward", "above": 0}}))
    for failure in pair.call("run_epoch"):
        assert failure.kind == "oom"
        assert "got rank 1 out of memory with 1 sample at a time" in failure.message


def test_the_smaller_micro_batch_is_where_a_pipeline_resumes(pair, tmp_path):
    config = {"short": {"layer": 0, "where": "forward", "above": 1}}
    assignment = an_assignment(tmp_path, config)
    pair.assign(assignment)
    path = saved(pair, assignment, 1, pair.call("run_epoch")[0])
    pair.assign(an_assignment(tmp_path, config, resume_from=str(path)))
    measures = pair.call("run_epoch")[0]
    assert (measures.warnings, measures.resources["micro_batch_size"]) == ((), 1)


def test_a_rank_says_what_it_computed_and_what_it_waited_for_the_other(pair, tmp_path):
    # The first stage has two layers that take their time, the second has one.
    config = {"log": str(tmp_path), "sleep": 0.02, "batch_size": 37, "micro_batch_size": 5}
    pair.assign(an_assignment(tmp_path, config))
    first, second = (each.resources for each in pair.call("run_epoch"))
    assert first.keys() == {name for name in UNITS if not name.startswith(("gpu", "all_reduce"))}
    passes = 8 * 2
    assert first["compute_s"] >= 2 * passes * 0.02
    assert second["compute_s"] >= passes * 0.02
    assert second["stage_wait_s"] > 0.5 * passes * 0.02
    assert second["stage_wait_s"] > first["stage_wait_s"]


def overlaps(folder: Path) -> tuple[set[tuple[str, str]], float]:
    """Return which directions two stages computed at the same time, and that time as a share of the idler one's."""
    logs = [[json.loads(line) for line in log.read_text().splitlines()] for log in folder.glob("*.jsonl")]
    first, second = sorted(logs, key=lambda lines: lines[0]["layer"])
    both, seconds = set(), 0.0
    for ours, theirs in itertools.product(first, second):
        together = min(ours["ended"], theirs["ended"]) - max(ours["began"], theirs["began"])
        if together > 0:
            both.add((ours["direction"], theirs["direction"]))
            seconds += together
    return both, seconds / min(sum(line["ended"] - line["began"] for line in lines) for lines in (first, second))


def test_stages_compute_at_the_same_time(pair, tmp_path):
    for name, micro_batch_size in (("cut", 5), ("whole", 37)):
        (tmp_path / name).mkdir()
        config = {"batch_size": 37, "micro_batch_size": micro_batch_size, "log": str(tmp_path / name), "sleep": 0.02}
        pair.assign(an_assignment(tmp_path / "checkpoints", config))
        pair.call("run_epoch")
    both, share = overlaps(tmp_path / "cut")
    # One stage computes a micro-batch on its way forward while the other has another on its way back, and so on.
    assert both >= {("forward", "forward"), ("backward", "backward"), ("forward", "backward")}
    assert share > 0.3
    # Uncut, a batch is in one place at a time.
    assert overlaps(tmp_path / "whole") == (set(), 0.0)


@pytest.fixture(scope="module")
def team():
    team = Team(3)
    yield team
    team.close()


def test_three_stages_of_a_sequential_model_learn_what_one_process_learns(team, tmp_path):
    text = tmp_path / "text.txt"
    text.write_text("".join(chr(97 + number * number % 23) for number in range(1500)))
    config = {"text_file": str(text), "context": 8, "width": 8, "heads": 2, "layers": 3, "batch_size": 50}
    config |= {"micro_batch_size": 8, "clip_norm": 1.0}
    fields = {"import_path": "trainables.models.char_transformer:CharTransformer"}
    lone = a_lone_rank(an_assignment(tmp_path, config, workers=1, **fields))
    assignment = an_assignment(tmp_path, config, workers=3, **fields)
    team.assign(assignment)
    for _ in range(3):
        together, alone_ = team.call("run_epoch")[0], lone.run_epoch()
        assert together.metrics == pytest.approx(alone_.metrics, abs=1e-5)
    path = saved(team, assignment, 3, together)
    one = save(tmp_path / "one", assignment, 3, alone_, alone(lone))
    torch.testing.assert_close(
        trainables.load(path).state_dict(), trainables.load(one.path).state_dict(), rtol=0, atol=1e-5
    )


@pytest.mark.parametrize("where", ["forward", "backward", "evaluate"])
def test_a_stage_between_others_that_runs_out_of_memory_costs_nothing_but_speed(team, tmp_path, where):
    enough, must = ran(team, an_assignment(tmp_path / "enough", SHORT_OF, workers=3))
    config = SHORT_OF | {"short": {"layer": 1, "where": where, "above": 1}}
    measures, weights = ran(team, an_assignment(tmp_path / "short", config, workers=3))
    assert [each.metrics for each in measures] == [pytest.approx(each.metrics, abs=1e-6) for each in enough]
    torch.testing.assert_close(weights, must, rtol=0, atol=1e-6)
    assert [warning.partition(":")[0] for each in measures for warning in each.warnings] == [
        "rank 1 ran out of memory with micro-batches of 3"
    ]
