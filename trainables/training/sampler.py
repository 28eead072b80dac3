"""Which samples a rank trains on: one seeded order per epoch, cut into global batches, each divided over the ranks.

The order depends on (seed, epoch) alone, so that a trial learns from the same batches whatever its number of ranks, and
a resumed trial goes on as if it had never stopped. Loading the samples is the loop's matter.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch

from trainables.training.seeds import derived_seed


class GlobalBatchSampler:
    """The batches of one rank, for `torch.utils.data.DataLoader(batch_sampler=...)`.

    Rank r of W takes every W-th sample of each global batch, from the r-th on. A last batch of fewer samples than
    there are ranks is left out: at most W-1 samples, others each epoch.

    Args:
        num_samples: Size of the data set.
        global_batch: Samples in a batch of all ranks together.
        rank: This rank, from 0.
        world: Number of ranks.
        seed: Seed of the order.

    Raises:
        ValueError: A rank would go without samples.
    """

    def __init__(self, *, num_samples: int, global_batch: int, rank: int, world: int, seed: int) -> None:
        if global_batch < world:
            raise ValueError(
                f"config.batch_size: got {global_batch}, must be >= workers ({world}); "
                "raise it or give the trial fewer workers"
            )
        if num_samples < world:
            raise ValueError(
                f"datasets.train: got {num_samples} samples, must be >= workers ({world}); "
                "bring more data or give the trial fewer workers"
            )
        self._num_samples = num_samples
        self._global_batch = global_batch
        self._rank = rank
        self._world = world
        self._seed = seed
        self._epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch (from 1) whose order the next iterations follow."""
        self._epoch = epoch

    def __len__(self) -> int:
        return len(self.global_sizes())

    def __iter__(self) -> Iterator[list[int]]:
        """Yield the indices of this rank's part of each batch."""
        generator = torch.Generator().manual_seed(derived_seed(self._seed, "order", self._epoch))
        order: list[int] = torch.randperm(self._num_samples, generator=generator).tolist()
        start = 0
        for size in self.global_sizes():
            yield order[start + self._rank : start + size : self._world]
            start += size

    def global_sizes(self) -> list[int]:
        """Return the number of samples of all ranks together, for each batch."""
        whole, rest = divmod(self._num_samples, self._global_batch)
        return [self._global_batch] * whole + ([rest] if rest >= self._world else [])
