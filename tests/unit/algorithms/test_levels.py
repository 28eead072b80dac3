"""Rungs and brackets: the paper's arithmetic, without a floating-point logarithm in sight."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from service.algorithms.schedulers.levels import bracket_sizes, num_kept, rung_levels


def test_a_hundred_epochs_have_five_rungs_rounded_once():
    """Fault 13: truncated rungs gave nine budgets that no two brackets share."""
    assert rung_levels(1, 100, 3) == (1, 4, 11, 33, 100)


def test_exact_powers_keep_their_last_rung_and_their_first_bracket():
    """Faults 14 and 24, and hpbandster #110: 243, 729 and 1000 lost a level to float error."""
    assert rung_levels(1, 243, 3) == (1, 3, 9, 27, 81, 243)
    assert rung_levels(1, 729, 3) == (1, 3, 9, 27, 81, 243, 729)
    assert rung_levels(3, 243, 3) == (3, 9, 27, 81, 243)
    assert rung_levels(1, 1000, 10) == (1, 10, 100, 1000)


@given(st.integers(1, 5000), st.integers(1, 50), st.integers(2, 16))
def test_rungs_rise_from_at_least_the_minimum_to_exactly_the_last_epoch(max_epochs, min_epochs, eta):
    """Faults 13 and 14: 494 of 499 settings had a bracket that was dropped or ended too early."""
    min_epochs = min(min_epochs, max_epochs)
    levels = rung_levels(min_epochs, max_epochs, eta)
    assert levels[-1] == max_epochs
    assert levels[0] >= min_epochs
    assert all(low < high for low, high in pairwise(levels))
    assert min_epochs * eta ** len(levels) > max_epochs, "another rung would fit"


def test_brackets_have_the_papers_sizes():
    """Li et al. 2018, table 1: R = 81, eta = 3."""
    assert bracket_sizes(5, 3) == (81, 34, 15, 8, 5)


def test_a_band_of_81_costs_the_papers_1581_epochs():
    """Fault 16: rounding the share up cost 1767."""
    levels, cost = rung_levels(1, 81, 3), 0
    for first, planned in enumerate(bracket_sizes(5, 3)):
        num, trained = planned, 0
        for level in levels[first:]:
            cost += num * (level - trained)
            num, trained = num_kept(num, 3), level
    assert cost == 1581


def test_a_rung_keeps_its_share_rounded_down_but_never_nobody():
    assert [num_kept(n, 3) for n in (1, 2, 3, 5, 6, 10, 27)] == [1, 1, 1, 1, 2, 3, 9]
