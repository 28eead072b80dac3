"""What an epoch cost is measured on each rank and put together; memory that keeps growing is worth a word."""

from __future__ import annotations

import ast
import subprocess
import sys

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.support.assignments import an_assignment
from trainables.training.measures import GROWING_EPOCHS, UNITS, GrowthWatch, of_all_ranks, utilisation

MIB = 2.0**20


def test_every_rank_measures_time_throughput_and_memory(pair, tmp_path):
    pair.assign(an_assignment(tmp_path, {"batch_size": 11, "sleep": 0.02}, workers=2))
    parts = [part.resources for part in pair.call("run_epoch")]
    for part in parts:
        assert part.keys() == {name for name in UNITS if not name.startswith(("gpu", "stage"))}
        assert part["compute_s"] >= 0.06  # three passes that sleep
        assert part["rss_peak_bytes"] >= part["rss_bytes"] > 50 * MIB
    together = of_all_ranks(parts)
    assert together["samples_per_s"] == sum(part["samples_per_s"] for part in parts)
    assert together["samples_per_s"] < 33 / 0.06
    assert together["rss_bytes"] == max(part["rss_bytes"] for part in parts)


def test_a_rank_that_waits_for_a_slow_one_says_so(pair, tmp_path):
    config = {"batch_size": 11, "slow": 1}
    pair.assign(an_assignment(tmp_path, config, workers=2, import_path="tests.support.slow:Slow"))
    fast, slow = (part.resources for part in pair.call("run_epoch"))
    assert fast["all_reduce_wait_s"] > 0.1
    assert slow["all_reduce_wait_s"] < fast["all_reduce_wait_s"] / 2
    assert slow["compute_s"] > 0.15


GPU = torch.device("cuda", 0)


def test_how_busy_a_gpu_was_is_asked_of_torch_and_left_out_where_it_cannot_tell(monkeypatch):
    monkeypatch.setattr(torch.cuda, "utilization", lambda device: {0: 87}[device.index])
    assert utilisation(GPU) == {"gpu_utilisation_percent": 87.0}

    def nobody_to_ask(_device: torch.device) -> int:
        raise ModuleNotFoundError("nvidia-ml-py does not seem to be installed or it can't be imported.")

    monkeypatch.setattr(torch.cuda, "utilization", nobody_to_ask)
    assert utilisation(GPU) == utilisation(torch.device("cpu")) == {}


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU, and rung[gpu]")
def test_a_real_gpu_says_how_busy_it_is():
    torch.ones(4096, 4096, device=GPU).matmul(torch.ones(4096, 4096, device=GPU)).sum().item()
    assert 0 <= utilisation(GPU)["gpu_utilisation_percent"] <= 100


def test_a_gang_without_measures_has_none():
    assert of_all_ranks([{}, {}]) == {}


def seen(sizes):
    watch = GrowthWatch()
    return [watch.see(size * MIB) for size in sizes]


def test_memory_that_grew_in_each_of_the_last_epochs_is_told_once_with_its_numbers():
    told = seen([100, 110, 120, 130, 140, 150, 160])
    assert told[:5] == [None] * GROWING_EPOCHS
    assert told[5].startswith("memory of a rank grew in each of the last 5 epochs: 100, 110, 120, 130, 140, 150 MiB")
    assert told[6] is None


@pytest.mark.parametrize("sizes", [[100, 110, 120, 119, 130, 140, 150], [100, 101, 102, 103, 104, 105, 106, 107]])
def test_memory_that_shrank_once_or_hardly_grew_is_not_worth_a_word(sizes):
    assert set(seen(sizes)) == {None}


@given(st.lists(st.integers(min_value=1, max_value=10_000), max_size=40))
def test_a_warning_means_growth_in_every_one_of_the_epochs_before(sizes):
    for end, warning in enumerate(seen(sizes)):
        if warning is not None:
            last = sizes[end - GROWING_EPOCHS : end + 1]
            assert last == sorted(set(last))


def test_the_peak_of_a_process_is_its_own_however_large_its_parent_was():
    large = bytearray(b"x") * int(1000 * MIB)
    program = "import torch; from trainables.training.measures import memory as m; print(m(torch.device('cpu')))"
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert 50 * MIB < ast.literal_eval(told)["rss_peak_bytes"] < len(large)
