"""The benchmark of bounded models: it compares what it says it compares."""

from __future__ import annotations

from dataclasses import replace

import pytest

from benchmarks import bounded_models
from benchmarks.bounded_models import SEARCHES, EvenEpochs, Run, WholeTrainings, bounds, run, table
from tests.unit.benchmarks.made_up import EPOCHS, Bowl

CONFIG = {"kind": "plain", "x": 0.5, "n": 4}


def test_the_default_lies_between_the_bounds():
    for sampler in SEARCHES:
        low, default, high = bounds(sampler)
        assert low < default < high


def test_an_epoch_takes_a_second_and_a_whole_training_brings_the_best_of_its_curve():
    task = Bowl()
    steps = [EvenEpochs(task).step(CONFIG, epoch) for epoch in range(1, EPOCHS + 1)]
    assert {step.seconds for step in steps} == {1.0}
    whole = WholeTrainings(task).step(CONFIG, 1)
    assert (whole.value, whole.seconds) == (min(step.value for step in steps), 1.0)


@pytest.mark.parametrize("sampler", list(SEARCHES))
def test_a_search_uses_its_budget_and_its_decisions_take_time(sampler, monkeypatch):
    monkeypatch.setitem(SEARCHES, sampler, replace(SEARCHES[sampler], trainings=64))
    found = run(sampler, 100, Bowl(), seed=0)
    assert 48 <= found.results <= 64 * EPOCHS
    assert found.end <= found.half
    assert found.milliseconds > 0


def test_a_bound_is_compared_with_the_greatest_one_seed_by_seed(monkeypatch):
    monkeypatch.setattr(bounded_models, "median_random", lambda _task: 11.0)
    ends = {100: (2.0, 3.0), 1000: (1.0, 2.0), 100_000: (1.0, 2.0)}
    runs = {
        (bound, seed, "bowl"): Run(half=4.0, end=end, results=7, milliseconds=1.0)
        for bound, pair in ends.items()
        for seed, end in enumerate(pair)
    }
    low, default, high = table("kde", [Bowl()], runs, 2)
    assert low == "| `kde` | 100 | 7 | 0.3000 | 0.1500 | +0.1000 [+0.1000, +0.1000] | 1.0 |"
    assert default.endswith("| 0.0500 | +0.0000 [+0.0000, +0.0000] | 1.0 |")
    assert high.endswith("| 0.0500 |  | 1.0 |")
