"""Random state: seeds derived from a trial's seed, and the global generators' state as something a checkpoint can hold.

Nothing here draws a number. Which seed is for what is said where it is used.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch


def derived_seed(seed: int, *purpose: str | int) -> int:
    """Return a seed in [0, 2**63) for one purpose, the same on every machine and unrelated to that of any other."""
    text = "/".join(map(str, (seed, *purpose)))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def seed_everything(seed: int) -> None:
    """Seed the global generators of torch (CPU and GPU), numpy and `random`."""
    torch.manual_seed(seed)
    np.random.seed(seed % 2**32)  # what user code draws from is the legacy global generator
    random.seed(seed)


@contextmanager
def kept_random_state() -> Iterator[None]:
    """Leave the global generators as they were, whatever is drawn inside."""
    state = random_state()
    try:
        yield
    finally:
        restore_random_state(state)


def random_state() -> dict[str, Any]:
    """Return the state of all global generators in tensors and plain values, loadable with `weights_only=True`."""
    algorithm, keys, position, has_gauss, cached_gaussian = np.random.get_state(legacy=True)
    return {
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state() if torch.cuda.is_available() else None,
        "numpy": [algorithm, torch.from_numpy(np.asarray(keys).astype(np.int64)), position, has_gauss, cached_gaussian],
        "python": random.getstate(),
    }


def restore_random_state(state: dict[str, Any]) -> None:
    """Put the global generators back to what `random_state` saw; a GPU's only where there is one now and was then."""
    torch.set_rng_state(state["torch"])
    if state["cuda"] is not None and torch.cuda.is_available():
        torch.cuda.set_rng_state(state["cuda"])
    algorithm, keys, position, has_gauss, cached_gaussian = state["numpy"]
    np.random.set_state((algorithm, keys.numpy().astype(np.uint32), position, has_gauss, cached_gaussian))
    random.setstate(state["python"])
