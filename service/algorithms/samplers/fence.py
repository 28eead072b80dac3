"""A fence around libraries that draw from numpy's global generator and warn about their own age.

Only calls into such a library belong inside; draws of our own come from seeds.py.
"""

import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

_LOCK = threading.Lock()


@contextmanager
def fenced(seed: int) -> Iterator[None]:
    """Seed numpy's global generator inside, and leave it and the warning filters as they were.

    One thread at a time passes: both are shared by the whole process.
    """
    with _LOCK, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        before = np.random.get_state()
        np.random.seed(seed)
        try:
            yield
        finally:
            np.random.set_state(before)
