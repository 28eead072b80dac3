"""Densities against statsmodels', which hpbandster fits, and what its kernels get wrong."""

import math
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.algorithms.samplers.densities import Density, imputed

SIZES = (0, 3, 0)


def vectors(count, seed=0):
    rng = np.random.default_rng(seed)
    return np.column_stack([rng.random(count), rng.integers(0, 3, count), rng.random(count)])


def test_a_density_is_that_of_statsmodels_where_the_data_has_every_choice():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from statsmodels.nonparametric.kernel_density import KDEMultivariate
    data, points = vectors(40), vectors(15, seed=1)
    widths = np.array([0.1, 0.4, 0.3])
    theirs = KDEMultivariate(data=data, var_type="cuc", bw=widths, rng=np.random.default_rng(0))
    ours = Density.fitted(data, widths, SIZES)
    assert ours.log(points) == pytest.approx(np.log(theirs.pdf(points)))


def test_a_choice_that_no_good_result_has_is_unlikely_but_not_impossible():
    """EVIDENCE 3, hpbandster #100: a dimension with one value gave infinite and undefined ratios."""
    data = np.array([[0.5, 1.0, 0.5]] * 5)
    density = Density.fitted(data, np.array([1e-3, 1e-3, 1e-3]), SIZES)
    same, other = density.log(np.array([[0.5, 1.0, 0.5], [0.5, 2.0, 0.5]]))
    assert math.isfinite(other)
    assert same > other


def test_no_bandwidth_makes_the_other_choices_likelier_than_the_choice_itself():
    """EVIDENCE 3, hpbandster: a rule for numbers gave choices bandwidths beyond 1, and so negative densities."""
    density = Density.fitted(vectors(10), np.array([0.1, 2.5, 0.1]), SIZES)
    assert density.bandwidths.tolist() == pytest.approx([0.1, 2 / 3, 0.1])


@given(seed=st.integers(0, 1000), width=st.floats(1e-3, 10), factor=st.floats(0.1, 100))
def test_every_draw_is_a_point_of_the_space(seed, width, factor):
    data = np.vstack([vectors(5, seed), [[0.0, 0.0, 1.0], [1.0, 2.0, 0.0]]])
    drawn = Density.fitted(data, np.full(3, width), SIZES).draw(np.random.default_rng(seed), 50, factor)
    assert ((drawn[:, [0, 2]] >= 0) & (drawn[:, [0, 2]] <= 1)).all()
    assert set(drawn[:, 1]) <= {0, 1, 2}


def test_draws_lie_around_the_centres_as_wide_as_the_bandwidth_says():
    density = Density.fitted(np.full((1, 3), [0.5, 1, 0.5]), np.array([0.01, 0.3, 0.02]), SIZES)
    drawn = density.draw(np.random.default_rng(0), 20_000, 3.0)
    assert drawn[:, 0].std() == pytest.approx(0.03, rel=0.05)
    assert drawn[:, 2].std() == pytest.approx(0.06, rel=0.05)
    assert (drawn[:, 1] == 1).mean() == pytest.approx(0.7 + 0.3 / 3, abs=0.02)


@pytest.mark.parametrize("gap", [0, 1, 2])
def test_every_gap_is_filled_the_first_parameters_too(gap):
    """EVIDENCE 3: hpbandster left a gap open where only the first parameter was inactive."""
    data = vectors(6)
    data[2, gap] = np.nan
    filled = imputed(data, SIZES, np.random.default_rng(0))
    assert not np.isnan(filled).any()
    assert filled[2, gap] in np.delete(data[:, gap], 2)


def test_a_parameter_that_is_active_nowhere_gets_any_value_it_can_have():
    data = vectors(200)
    data[:, [0, 1]] = np.nan
    filled = imputed(data, SIZES, np.random.default_rng(0))
    assert set(filled[:, 1]) == {0, 1, 2}
    assert filled[:, 0].min() >= 0
    assert filled[:, 0].max() <= 1
    assert filled[:, 0].std() > 0.2
