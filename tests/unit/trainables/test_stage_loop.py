"""What ends an epoch of a stage is said in words that lead out of it."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.optim import SGD

from tests.support.staged import Staged
from trainables.training.attempt import Place
from trainables.training.loop import Stopwatch
from trainables.training.pipeline import Pipeline
from trainables.training.precision import Arithmetic
from trainables.training.stage_loop import StageLoop, cut_sizes

PLACE = Place(rank=0, world=2, device=torch.device("cpu"))


def test_a_stage_that_runs_out_of_memory_says_what_to_lower(monkeypatch):
    def run_out(*_: object, **__: object) -> None:
        raise torch.OutOfMemoryError("tried to allocate 2 GiB")

    monkeypatch.setattr(Pipeline, "run", run_out)
    model = nn.Linear(1, 1)
    optimizer, arithmetic = SGD(model.parameters(), lr=1.0), Arithmetic("fp32", PLACE.device)
    loop = StageLoop(
        Staged(), model, optimizer, arithmetic, PLACE, micro_batch=4, clip_norm=None, seed=0, on_out_of_memory="fail"
    )
    with pytest.raises(torch.OutOfMemoryError, match=r"micro_batch_size: got rank 0 .* 4 samples .*2 GiB.*lower it"):
        loop.train([(torch.ones(8, 1), torch.ones(8, 1))], [8], 1, Stopwatch())


@pytest.mark.parametrize(("other", "said"), [((3, 2), r"dims=\(3, 2\)"), ("words", "a stage that returns str")])
def test_a_stage_that_makes_something_else_than_before_is_stopped(monkeypatch, other, said):
    class Changing(nn.Module):
        calls = 0

        def forward(self, inputs: torch.Tensor) -> object:
            self.calls += 1
            # The first call is the rehearsal, the second trains.
            return inputs if self.calls == 1 else other if isinstance(other, str) else torch.ones(other)

    monkeypatch.setattr("trainables.training.pipeline.dist.send_object_list", lambda *_, **__: None)
    monkeypatch.setattr("trainables.training.pipeline.CarefulStage", lambda caller, *_, **__: caller)
    monkeypatch.setattr("trainables.training.pipeline._Run", lambda caller, *_: caller)
    caller = Pipeline(Changing(), PLACE, torch.no_grad, survives=True)._agree(
        [(torch.ones(3, 1), None, 3)], backward=False
    )
    caller.batch = [(torch.ones(3, 1), None, 3)]
    with pytest.raises(ValueError, match=f"stages: got .*{said}"):
        caller(torch.zeros(1, dtype=torch.int64))


@pytest.mark.parametrize(("whole", "size", "sizes"), [(7, 3, [3, 3, 1]), (6, 3, [3, 3]), (2, 3, [2])])
def test_a_batch_is_cut_into_parts_of_one_size_and_what_is_left(whole, size, sizes):
    assert cut_sizes(whole, size) == sizes
