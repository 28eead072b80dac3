"""Regret: 0 is the best known value, 1 the median random configuration, and it never grows over a run."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.quality.references import Reference
from benchmarks.quality.regret import NUM_SHARES, normalised, regrets
from service.algorithms.simulator import Observation

ACCURACY = Reference(best_known=0.9, median_random=0.5, full_seconds=10.0)
LOSS = Reference(best_known=0.1, median_random=0.5, full_seconds=10.0)


def test_the_best_known_value_has_no_regret():
    assert normalised(0.9, ACCURACY) == 0.0
    assert normalised(0.1, LOSS) == 0.0


def test_half_of_the_way_from_the_median_to_the_best_is_one_half_in_both_directions():
    assert normalised(0.7, ACCURACY) == pytest.approx(0.5)
    assert normalised(0.3, LOSS) == pytest.approx(0.5)


def test_nothing_yet_and_worse_than_the_median_count_as_one():
    assert normalised(None, ACCURACY) == 1.0
    assert normalised(0.2, ACCURACY) == 1.0
    assert normalised(9.0, LOSS) == 1.0


def test_better_than_the_best_known_is_shown_as_negative_and_not_hidden():
    assert normalised(0.94, ACCURACY) == pytest.approx(-0.1)


def test_a_run_is_read_off_at_even_shares_and_a_value_counts_from_its_moment_on():
    seen = [Observation(5.0, 0, 1, 0.5), Observation(5.1, 1, 1, 0.7), Observation(80.0, 2, 1, 0.9)]
    found = regrets(seen, "max", ACCURACY, seconds=100.0)
    assert found == pytest.approx([1.0] + [0.5] * 14 + [0.0] * 5)


def test_values_that_are_not_finite_are_no_values():
    assert regrets([Observation(1.0, 0, 1, None)], "min", LOSS, seconds=100.0) == [1.0] * NUM_SHARES


@given(st.lists(st.tuples(st.floats(0, 120), st.floats(-5, 5) | st.none())), st.sampled_from(["min", "max"]))
def test_regret_never_grows(points, mode):
    seen = [Observation(at, number, 1, value) for number, (at, value) in enumerate(sorted(points, key=lambda p: p[0]))]
    found = regrets(seen, mode, LOSS if mode == "min" else ACCURACY, seconds=100.0)
    assert found == sorted(found, reverse=True)
