"""A model is cut into stages that hold each of its tensors once, or it is said why it cannot be."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from tests.support.recording import Recording
from trainables.training.stages import cut


class Given(Recording):
    """A trainable with the stages that a test gives it."""

    def __init__(self, parts: Sequence[nn.Module] | None = None) -> None:
        self.parts = parts

    def stages(self, config: Any, model: nn.Module, count: int) -> Sequence[nn.Module] | None:
        return self.parts


def a_linear(size: int) -> nn.Linear:
    return nn.Linear(1, size, bias=False)


@given(st.lists(st.integers(0, 6), min_size=1, max_size=9), st.integers(1, 4))
def test_a_sequential_model_is_cut_where_the_largest_stage_is_smallest(sizes, count):
    model = nn.Sequential(*(a_linear(size) if size else nn.ReLU() for size in sizes))
    if sum(size > 0 for size in sizes) < count:
        with pytest.raises(ValueError, match=r"resources.workers: got \d .*give the trial fewer workers"):
            cut(Given(), {}, model, rank=0, world=count)
        return
    stages = [cut(Given(), {}, model, rank=rank, world=count) for rank in range(count)]
    assert [child for stage in stages for child in stage.module.children()] == list(model.children())
    weights = [sum(p.numel() for p in stage.module.parameters()) for stage in stages]
    assert all(weights)
    assert max(weights) == least_largest(sizes, count)


def least_largest(sizes: list[int], count: int) -> int:
    """Return the largest sum of the best cut, by trying all cuts."""
    if count == 1:
        return sum(sizes) or 10**9
    return min(
        (
            max(sum(sizes[:end]) or 10**9, least_largest(sizes[end:], count - 1))
            for end in range(1, len(sizes) - count + 2)
        ),
        default=10**9,
    )


def test_a_module_that_occurs_twice_is_called_twice():
    relu = nn.ReLU()
    model = nn.Sequential(nn.Linear(3, 3), relu, nn.Linear(3, 3), relu)
    inputs = torch.randn(5, 3)
    through = inputs
    for rank in range(2):
        through = cut(Given(), {}, model, rank=rank, world=2).module(through)
    assert torch.equal(through, model(inputs))


def test_tensors_go_by_their_names_in_the_whole_model():
    model = nn.ModuleDict({"a": a_linear(2), "b": nn.BatchNorm1d(2)})
    stage = cut(Given([nn.Sequential(model["a"]), nn.Sequential(model["b"])]), {}, model, rank=1, world=2)
    assert stage.names["0.running_mean"] == "b.running_mean"
    assert stage.layout[0] == ("a.weight",)
    assert stage.total_bytes == (2 + 4 * 2) * 4 + 8


def test_weights_shared_within_a_stage_are_stored_once():
    model = nn.ModuleDict({"a": a_linear(2), "b": a_linear(2), "c": a_linear(3)})
    model["b"].weight = model["a"].weight
    stage = cut(Given([nn.Sequential(model["a"], model["b"]), model["c"]]), {}, model, rank=0, world=2)
    assert stage.aliases == {"b.weight": "a.weight"}
    assert stage.layout == (("a.weight",), ("c.weight",))


BROKEN = {
    "one too few": (lambda model: [model], "stages: got 1, must be 2"),
    "one without weights": (lambda model: [model, nn.ReLU()], "stages: got no parameters in stage 1"),
    "weights of its own": (
        lambda model: [model["a"], nn.Linear(1, 1)],
        "stages: got weight, bias in stage 1, must be tensors of the model",
    ),
    "a tensor in both": (
        lambda model: [model, model["b"]],
        "stages: got b.weight in stages 0 and 1, must be in one; keep modules",
    ),
    "a tensor in none": (
        lambda model: [model["a"], model["b"]],
        "stages: got none with c.weight, must be each tensor of the model in one",
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_stages_that_are_not_the_model_are_refused(case):
    stages, message = BROKEN[case]
    model = nn.ModuleDict({"a": a_linear(2), "b": a_linear(2), "c": a_linear(2)})
    with pytest.raises(ValueError, match=message):
        cut(Given(stages(model)), {}, model, rank=0, world=2)


def test_a_model_that_is_no_sequence_needs_stages_of_its_own():
    with pytest.raises(ValueError, match=r"config.parallel: got 'pipeline' for a Linear, .* define stages"):
        cut(Given(), {}, nn.Linear(1, 1), rank=0, world=2)
