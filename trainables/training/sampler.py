"""Which samples a rank trains on: one seeded order per epoch, cut into global batches, each divided over the ranks.

The order depends on (seed, epoch) alone, so that a trial learns from the same batches whatever its number of ranks, and
a resumed trial goes on as if it had never stopped. Loading the samples is the matter of `loaders`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import torch
from torch.utils.data import DistributedSampler

from trainables.training.seeds import derived_seed, kept_random_state, seed_everything


class Batch(list[int]):
    """Indices of the samples of one rank's batch, and the seed of whatever is random in loading them in a worker."""

    def __init__(self, indices: Iterable[int], seed: int) -> None:
        super().__init__(indices)
        self.seed = seed


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
        drop_last: Whether a last batch of fewer than `global_batch` samples is left out.
        chosen: A trainable's own sampler: yields the epoch's samples for all ranks together, in order. What it draws
            from the global generators is seeded by epoch, the same on every rank. None for a seeded permutation.

    Raises:
        ValueError: A rank would go without samples.
    """

    def __init__(
        self,
        *,
        num_samples: int,
        global_batch: int,
        rank: int,
        world: int,
        seed: int,
        drop_last: bool = False,
        chosen: Iterable[int] | None = None,
    ) -> None:
        if global_batch < world:
            raise ValueError(
                f"config.batch_size: got {global_batch}, must be >= workers ({world}); "
                "raise it or give the trial fewer workers"
            )
        if isinstance(chosen, DistributedSampler):
            raise ValueError(
                "loader_options.sampler: got a DistributedSampler, must yield the samples of all ranks; "
                "give the sampler that it would divide, each batch is divided over the ranks here"
            )
        self._num_samples = num_samples
        self._global_batch = global_batch
        self._rank = rank
        self._world = world
        self._seed = seed
        self._drop_last = drop_last
        self._chosen = chosen
        self._order: list[int] = []
        self._epoch = 0
        if chosen is None:
            self._check(num_samples)

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch (from 1) whose order the next iterations follow.

        Raises:
            ValueError: A sampler of the trainable's own yields too few samples.
        """
        self._epoch = epoch
        if self._chosen is not None:
            with kept_random_state():
                seed_everything(derived_seed(self._seed, "order", epoch))
                if hasattr(self._chosen, "set_epoch"):
                    self._chosen.set_epoch(epoch)
                self._order = [int(index) for index in self._chosen]
            self._num_samples = len(self._order)
            self._check(self._num_samples)

    def __len__(self) -> int:
        return len(self.global_sizes())

    def __iter__(self) -> Iterator[Batch]:
        """Yield the indices of this rank's part of each batch."""
        order, start = self._order or self._permutation(), 0
        for size in self.global_sizes():
            seed = derived_seed(self._seed, "batch", self._epoch, start, self._rank)
            yield Batch(order[start + self._rank : start + size : self._world], seed)
            start += size

    def global_sizes(self) -> list[int]:
        """Return the number of samples of all ranks together, for each batch."""
        whole, rest = divmod(self._num_samples, self._global_batch)
        return [self._global_batch] * whole + ([rest] if rest >= self._world and not self._drop_last else [])

    def _permutation(self) -> list[int]:
        generator = torch.Generator().manual_seed(derived_seed(self._seed, "order", self._epoch))
        order: list[int] = torch.randperm(self._num_samples, generator=generator).tolist()
        return order

    def _check(self, num_samples: int) -> None:
        if num_samples < self._world:
            raise ValueError(
                f"datasets.train: got {num_samples} samples, must be >= workers ({self._world}); "
                "bring more data or give the trial fewer workers"
            )
        if self._drop_last and num_samples < self._global_batch:
            raise ValueError(
                f"config.drop_last: got true with {num_samples} samples, must be false where a batch of "
                f"{self._global_batch} is more than all of them; lower batch_size or leave drop_last out"
            )
