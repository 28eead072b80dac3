"""A rank that runs out of memory costs a trial nothing but speed: all ranks take the step again in smaller parts."""

from __future__ import annotations

import pytest
import torch

from tests.support.assignments import an_assignment
from tests.support.ranks import a_lone_rank, alone, save
from tests.support.shortage import IMPORT_PATH
from trainables.gang.rank import Rank

CONFIG = {"batch_size": 11, "momentum": 0.9, "schedule": True}


def weights(rank: Rank) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in rank._current.model.state_dict().items()}


def short_of(directory, config=None, **fields):
    return an_assignment(directory, {**CONFIG, **(config or {})}, import_path=IMPORT_PATH, **fields)


@pytest.mark.parametrize("where", ["forward", "backward"])
@pytest.mark.parametrize("after", [0, 1, 4], ids=lambda after: f"after-{after}-passes")
def test_one_rank_short_of_memory_ends_with_the_weights_of_ranks_that_were_not(pair, tmp_path, where, after):
    pair.assign(short_of(tmp_path, workers=2))
    enough = [pair.call("run_epoch")[0].metrics for _ in range(3)]
    must = weights(pair.rank0)
    # When rank 1 has no room for more than two of its five or six samples, from its first, second or fifth pass on
    short = {"rank": 1, "where": where, "above": 2, "after": after}
    pair.assign(short_of(tmp_path, {"short": short}, workers=2))
    measures = [pair.call("run_epoch") for _ in range(3)]
    for (measured, _), metrics in zip(measures, enough, strict=True):
        assert measured.metrics == pytest.approx(metrics, abs=1e-9)
    torch.testing.assert_close(weights(pair.rank0), must, rtol=0, atol=1e-9)
    # Then the ranks tell it once, and both train in parts of one, half of three
    assert [part.resources["micro_batch_size"] for part in measures[-1]] == [1, 1]
    told = [warning.partition(":")[0] for measured, _ in measures for warning in measured.warnings]
    assert told == [f"rank 1 ran out of memory with micro-batches of {size}" for size in (6, 3)]
    assert not any(other.warnings for _, other in measures)


def test_a_lone_rank_that_runs_out_ends_with_the_same_weights(tmp_path):
    enough = a_lone_rank(short_of(tmp_path))
    short = a_lone_rank(short_of(tmp_path, {"short": {"rank": 0, "where": "backward", "above": 3}}))
    for _ in range(2):
        assert short.run_epoch().metrics == pytest.approx(enough.run_epoch().metrics, abs=1e-9)
    torch.testing.assert_close(weights(short), weights(enough), rtol=0, atol=1e-9)


def test_running_statistics_and_random_draws_are_those_of_one_try(tmp_path):
    config = {"batch_norm": True, "noise": True, "micro_batch_size": 6}
    enough = a_lone_rank(short_of(tmp_path, config))
    must = enough.run_epoch().metrics
    # When the second part of the second step does not fit, and there is room again when the step is taken again
    short = {"rank": 0, "where": "forward", "above": 3, "after": 3}
    once = a_lone_rank(short_of(tmp_path, {**config, "short": short}))
    once._current._stepper._halve = lambda *_: short.update(above=99)
    assert once.run_epoch().metrics == must
    assert all(torch.equal(weights(once)[name], tensor) for name, tensor in weights(enough).items())


def test_no_room_for_one_sample_ends_the_attempt_on_all_ranks_as_oom(pair, tmp_path):
    short = {"rank": 1, "where": "forward", "above": 0}
    pair.assign(short_of(tmp_path, {"short": short}, workers=2))
    for failure in pair.call("run_epoch"):
        assert failure.kind == "oom"
        assert "got rank 1 out of memory with 1 sample at a time" in failure.message


def test_a_search_may_have_it_fail_at_once(tmp_path):
    short = {"rank": 0, "where": "forward", "above": 2}
    assignment = short_of(tmp_path, {"short": short}, on_out_of_memory="fail")
    assert a_lone_rank(assignment).run_epoch().kind == "oom"


def test_the_smaller_parts_last_for_the_attempt_and_are_where_it_resumes(tmp_path):
    assignment = short_of(tmp_path, {"short": {"rank": 0, "where": "forward", "above": 3}})
    rank = a_lone_rank(assignment)
    first, second = rank.run_epoch(), rank.run_epoch()
    assert (len(first.warnings), second.warnings) == (2, ())
    record = save(tmp_path, assignment, 2, second, alone(rank))
    resumed = a_lone_rank(short_of(tmp_path, resume_from=record.path))
    assert resumed.run_epoch().resources["micro_batch_size"] == second.resources["micro_batch_size"] == 2
    clone = a_lone_rank(short_of(tmp_path, resume_from=record.path, is_clone=True))
    assert clone.run_epoch().resources["micro_batch_size"] == 11


def test_evaluation_goes_on_in_smaller_parts_with_the_same_metrics(pair, tmp_path):
    pair.assign(short_of(tmp_path, workers=2))
    enough = pair.call("run_epoch")[0].metrics
    pair.assign(short_of(tmp_path, {"short": {"rank": 1, "where": "evaluate", "above": 1}}, workers=2))
    measured, other = pair.call("run_epoch")
    assert measured.metrics == pytest.approx(enough, abs=1e-9)
    assert other.warnings[0] == "evaluating 5 samples at once ran out of memory: 2 from here on"
    assert measured.resources["micro_batch_size"] == 6
