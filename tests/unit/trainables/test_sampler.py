"""Each sample goes to one rank, once per epoch, and the batches do not depend on the number of ranks."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainables.training.sampler import GlobalBatchSampler


def batches(num_samples: int, global_batch: int, world: int, *, seed: int = 0, epoch: int = 1) -> list[list[list[int]]]:
    """Return, for each rank, its part of each batch."""
    parts = []
    for rank in range(world):
        sampler = GlobalBatchSampler(
            num_samples=num_samples, global_batch=global_batch, rank=rank, world=world, seed=seed
        )
        sampler.set_epoch(epoch)
        parts.append(list(sampler))
        assert len(sampler) == len(parts[-1])
    return parts


@given(st.integers(1, 200), st.integers(1, 70), st.integers(1, 5), st.integers(0, 2**40), st.integers(1, 99))
def test_ranks_divide_each_global_batch_and_leave_out_less_than_one_sample_each(num_samples, extra, world, seed, epoch):
    num_samples, global_batch = num_samples + world, world + extra
    parts = batches(num_samples, global_batch, world, seed=seed, epoch=epoch)
    seen = [sample for part in parts for batch in part for sample in batch]
    assert len(seen) == len(set(seen))
    assert set(seen) <= set(range(num_samples))
    assert num_samples - len(seen) < world
    assert all(batch for part in parts for batch in part), "a rank without samples would leave the others waiting"
    sizes = GlobalBatchSampler(
        num_samples=num_samples, global_batch=global_batch, rank=0, world=world, seed=0
    ).global_sizes()
    assert [sum(map(len, step)) for step in zip(*parts, strict=True)] == sizes


def test_the_batches_are_the_same_samples_for_any_number_of_ranks():
    alone = [set(batch) for batch in batches(33, 8, 1)[0]]
    for world in (2, 3):
        together = [set().union(*step) for step in zip(*batches(33, 8, world), strict=True)]
        assert together == alone[: len(together)]


def test_every_epoch_and_every_seed_has_an_order_of_its_own_and_a_repeated_one_the_same():
    assert batches(50, 10, 1, epoch=1) != batches(50, 10, 1, epoch=2)
    assert batches(50, 10, 1, seed=1) != batches(50, 10, 1, seed=2)
    assert batches(50, 10, 1, epoch=3) == batches(50, 10, 1, epoch=3)


@pytest.mark.parametrize(("num_samples", "global_batch"), [(33, 1), (1, 8)])
def test_a_rank_that_would_go_without_samples_is_refused(num_samples, global_batch):
    with pytest.raises(ValueError, match=r"got 1.*must be >= workers \(2\); .*fewer workers"):
        GlobalBatchSampler(num_samples=num_samples, global_batch=global_batch, rank=0, world=2, seed=0)
