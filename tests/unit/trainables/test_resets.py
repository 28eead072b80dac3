"""A used rank trains like a fresh one, whatever trials it had before."""

from __future__ import annotations

import os

import torch

from tests.support.assignments import an_assignment
from tests.support.messy import IMPORT_PATH
from tests.support.ranks import a_lone_rank
from trainables.gang.baseline import Baseline
from trainables.gang.rank import Rank

CONFIG = {"dropout": 0.3, "momentum": 0.9, "schedule": True, "batch_norm": True}


def losses(rank: Rank, assignment, epochs: int = 2) -> list[dict[str, float]]:
    assert rank.build(assignment) is None
    return [dict(rank.run_epoch().metrics) for _ in range(epochs)]


def test_a_configuration_gives_the_same_bits_on_a_fresh_rank_and_tenth_on_a_used_one(tmp_path):
    baseline = Baseline()
    try:
        assignment = an_assignment(tmp_path, CONFIG, import_path=IMPORT_PATH)
        fresh = losses(Rank(0, 1, cpus=1, gpus=0, timeout_s=60), assignment)
        used = a_lone_rank(assignment)
        for number in range(8):
            other = {"lr": 0.1 * (number + 1), "mess": number % 2 == 0, "fail": ["nothing", "train", "nan"][number % 3]}
            used.build(an_assignment(tmp_path, other, import_path=IMPORT_PATH, seed=number))
            used.run_epoch()
        assert losses(used, assignment) == fresh
    finally:
        baseline.restore()


def test_everything_that_a_trial_changed_is_put_back_before_the_next(tmp_path):
    baseline = Baseline()
    before = torch.get_num_threads(), dict(os.environ), os.getcwd()
    try:
        rank = Rank(0, 1, cpus=before[0], gpus=0, timeout_s=60)
        rank.build(an_assignment(tmp_path, {"mess": True}, import_path=IMPORT_PATH))
        assert torch.get_default_dtype() is torch.float64
        assert os.environ["MESS"] == "1"
        rank.build(an_assignment(tmp_path, import_path=IMPORT_PATH))
        assert (torch.get_num_threads(), dict(os.environ), os.getcwd()) == before
        assert torch.get_default_dtype() is torch.float32
        assert torch.get_default_device() == torch.device("cpu")
        assert torch.is_grad_enabled()
        assert not torch.are_deterministic_algorithms_enabled()
        assert not torch.is_anomaly_enabled()
        assert not torch.nn.modules.module._global_forward_hooks
    finally:
        baseline.restore()
