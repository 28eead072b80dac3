"""How much one asker may have: a token bucket each. In this process's memory, which no asker can fill."""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from collections.abc import Callable

from service.errors import TooManyRequests

_REMEMBERED = 10_000
"""Askers that are remembered; of more, the one that was silent longest is forgotten and begins with a full bucket."""


class Buckets:
    """A bucket for each asker, refilled at a constant rate.

    Twenty lines here instead of a library: those that there are bring stores and strategies for many servers, and this
    needs neither. Each replica of the service counts for itself.
    """

    def __init__(self, *, per_s: float, burst: float, must: str, now_s: Callable[[], float] = time.monotonic) -> None:
        """Args:
        per_s: requests a second that are refilled.
        burst: requests that a full bucket holds.
        must: what an error says that the asker has to do.
        now_s: a clock that only goes forward.
        """
        self._per_s = per_s
        self._burst = burst
        self._must = must
        self._now_s = now_s
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, asker: str) -> None:
        """Takes one request from the asker's bucket.

        Raises:
            TooManyRequests: it is empty; with the seconds until it is not.
        """
        now = self._now_s()
        left, at = self._left.pop(asker, (self._burst, now))
        left = min(self._burst, left + (now - at) * self._per_s)
        is_empty = left < 1
        self._left[asker] = (left if is_empty else left - 1, now)
        if len(self._left) > _REMEMBERED:
            self._left.popitem(last=False)
        if is_empty:
            raise TooManyRequests(self._must, retry_after_s=math.ceil((1 - left) / self._per_s))
