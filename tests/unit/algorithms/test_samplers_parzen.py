"""Parzen estimators: that they are densities, and that their draws are of them."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from service.algorithms.samplers.parzen import Parzen

NUMBER, COIN = (), (0.25, 0.75)
GRID = (np.arange(4000) + 0.5) / 4000
UNIT = st.floats(0.0, 1.0)


def parzen(vectors, choices, prior_weight=1.0):
    data = np.array(vectors, dtype=np.float64).reshape(len(vectors), len(choices))
    return Parzen.of(data, np.ones(len(data)), choices, prior_weight)


@given(st.lists(UNIT, max_size=12), st.floats(0.1, 10.0))
@settings(max_examples=50, deadline=None)
def test_the_density_of_a_number_adds_up_to_one(values, prior_weight):
    density = parzen([[value] for value in values], (NUMBER,), prior_weight)
    assert abs(np.exp(density.log(GRID[:, None])).mean() - 1) < 1e-3


@given(st.lists(st.sampled_from([0.0, 1.0, np.nan]), max_size=12), st.floats(0.1, 10.0))
@settings(max_examples=50, deadline=None)
def test_the_density_of_choices_adds_up_to_one(values, prior_weight):
    density = parzen([[value] for value in values], (COIN,), prior_weight)
    assert abs(np.exp(density.log(np.array([[0.0], [1.0]]))).sum() - 1) < 1e-12


def test_without_a_vector_there_is_the_prior():
    density = parzen([], (NUMBER, COIN))
    drawn = density.draw(np.random.default_rng(0), 4000)
    assert abs(drawn[:, 1].mean() - 0.75) < 0.05
    assert abs(drawn[:, 0].mean() - 0.5) < 0.03
    assert np.ptp(drawn[:, 0]) > 0.95


def test_draws_are_of_the_density():
    density = parzen([[0.1, 0.0], [0.15, 0.0], [0.9, 1.0]], (NUMBER, COIN))
    drawn = density.draw(np.random.default_rng(0), 20_000)
    for choice in (0.0, 1.0):
        of_choice = drawn[drawn[:, 1] == choice, 0]
        expected = np.exp(density.log(np.column_stack([GRID, np.full(len(GRID), choice)])))
        share = expected.mean()
        assert abs(len(of_choice) / len(drawn) - share) < 0.02
        below = expected[GRID < 0.5].mean() * 0.5 / share
        assert abs((of_choice < 0.5).mean() - below) < 0.02


def test_what_goes_with_what_is_kept():
    """Each parameter apart from the others, (0.1, 0.9) would be as likely as (0.1, 0.1)."""
    density = parzen([[0.1, 0.1], [0.12, 0.12], [0.9, 0.9], [0.88, 0.88]], (NUMBER, NUMBER))
    together, mixed = density.log(np.array([[0.1, 0.1], [0.1, 0.9]]))
    assert together > mixed + 1


def test_a_parameter_that_is_inactive_in_a_point_counts_for_nothing_there():
    density = parzen([[0.1, 0.3], [0.2, np.nan]], (NUMBER, NUMBER))
    alone = Parzen.of(np.array([[0.1], [0.2]]), np.ones(2), (NUMBER,), 1.0)
    point = np.array([[0.4, np.nan]])
    assert np.allclose(density.log(point), alone.log(point[:, :1]))


def test_where_a_vector_has_no_value_its_kernel_is_the_prior():
    density = parzen([[np.nan], [np.nan]], (NUMBER,))
    prior = parzen([], (NUMBER,))
    assert np.allclose(density.log(GRID[:, None]), prior.log(GRID[:, None]))


def test_the_nearer_the_known_vectors_the_narrower_their_kernels():
    near, far = parzen([[0.5], [0.51], [0.52], [0.53]], (NUMBER,)), parzen([[0.2], [0.4], [0.6], [0.8]], (NUMBER,))
    assert near.log(np.array([[0.515]])) > far.log(np.array([[0.515]])) + 0.3
