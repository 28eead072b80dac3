"""The largest number that fits, found by trying few. What is tried, and what it costs, others know."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

_CLOSE = 32
"""The search ends where what fits and what does not are one apart, or less than one in so many of what fits."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Fit:
    """What was found, both of it tried.

    Attributes:
        most: The largest size that fitted; 0: none did.
        too_much: The smallest that did not; None: all there are did.
    """

    most: int
    too_much: int | None


def largest(fits: Callable[[int], bool], limit: int) -> Fit:
    """Doubles from 1 until a size does not fit, and then halves the gap until it is small.

    Args:
        fits: Tries a size.
        limit: The largest size there is, at least 1.
    """
    most, size = 0, 1
    while fits(size):
        if size == limit:
            return Fit(most=limit, too_much=None)
        most, size = size, min(2 * size, limit)
    too_much = size
    while too_much - most > max(1, most // _CLOSE):
        size = (most + too_much) // 2
        if fits(size):
            most = size
        else:
            too_much = size
    return Fit(most=most, too_much=too_much)
