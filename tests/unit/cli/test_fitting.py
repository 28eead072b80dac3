"""The largest size that fits is found, both ends of the gap were tried, and few others."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from service.cli.fitting import largest


@given(st.integers(0, 5000), st.integers(1, 5000))
def test_what_fits_and_what_does_not_are_tried_and_next_to_each_other(most: int, limit: int) -> None:
    tried: list[int] = []

    def fits(size: int) -> bool:
        tried.append(size)
        return size <= most

    fit = largest(fits, limit)
    assert max(tried) <= limit
    assert len(set(tried)) == len(tried) <= 20
    if most >= limit:
        assert (fit.most, fit.too_much) == (limit, None)
        return
    assert fit.too_much in tried
    assert fit.most in (0, *tried)
    assert fit.most <= most < fit.too_much
    assert fit.too_much - fit.most <= max(1, fit.most // 32)
