"""The Gaussian process sampler: what it reads, what it proposes, and that nothing unusual breaks it."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from search_spaces import Space
from service.algorithms import Failed, OriginKind, Start
from service.algorithms.samplers.candidates import Candidates
from service.algorithms.samplers.gp import GROWTH, _capped, expected_improvement, standardised
from service.algorithms.samplers.surrogate import Surrogate
from service.algorithms.simulator import Step, simulate
from service.algorithms.trials import RungResult
from tests.unit.algorithms.simulator import SPACE, Simulation, report, study, valley

GP = {"sampler": {"name": "gp"}, "scheduler": {"name": "asha_promotion"}}
PLANE = Space.parse({name: {"type": "float", "low": 0.0, "high": 1.0} for name in ("x", "y")})
MANY = {f"x{i}": {"type": "float", "low": 0.0, "high": 1.0} for i in range(40)}


class Bowl:
    """Best, at 0, where x is 0.3 and y is 0.8."""

    def step(self, config, epoch):
        return Step(value=(config["x"] - 0.3) ** 2 + (config["y"] - 0.8) ** 2, seconds=1.0)


def test_it_comes_much_nearer_to_the_bottom_of_a_bowl_than_random_search():
    def mean_of_the_best(algorithm):
        searches = [study(algorithm, PLANE, max_trials=30, max_epochs=1, seed=seed) for seed in range(5)]
        for asked in searches:
            simulate(asked, Bowl(), workers=1)
        return np.mean([asked.best()[2] for asked in searches])

    assert mean_of_the_best({"sampler": {"name": "gp"}}) < mean_of_the_best({"name": "random"}) / 3


def test_parallel_proposals_keep_apart():
    asked = study({"sampler": {"name": "gp", "random_fraction": 0.0}}, PLANE, max_trials=40, max_epochs=1)
    for _ in range(12):
        start = asked.next()
        report(asked, start.trial, 1, Bowl().step(start.config, 1).value)
    points = np.array([list(asked.next().config.values()) for _ in range(6)])
    apart = np.linalg.norm(points[:, None] - points[None], axis=-1)[np.triu_indices(6, k=1)]
    assert apart.min() > 0.001


def test_a_proposal_says_which_model_it_is_from_and_a_random_one_says_why():
    simulation = Simulation(study(GP, max_trials=20), num_workers=2).run()
    kinds = {start.origin.kind for start in simulation.starts}
    assert kinds == {OriginKind.RANDOM, OriginKind.MODEL}
    assert simulation.starts[0].origin.text == "drawn at random: a model needs 8 results at rungs, there are 0"
    modelled = [start.origin for start in simulation.starts if start.origin.kind is OriginKind.MODEL]
    assert all(origin.data["points"] >= 8 and origin.data["improvement"] >= 0 for origin in modelled)


@pytest.mark.parametrize(("scheduler", "share"), [("asha_promotion", 0.5), ("none", 0.1)])
def test_half_of_the_draws_are_random_where_one_costs_a_first_rung_only(scheduler, share):
    parts = {"sampler": {"name": "gp"}, "scheduler": {"name": scheduler}}
    starts = Simulation(study(parts, max_trials=120), num_workers=2).run().starts[20:]
    by_design = [
        start for start in starts if f"as are {share:.0%} of the configurations by design" in start.origin.text
    ]
    assert abs(len(by_design) / len(starts) - share) < 0.15  # 3 standard deviations


def curve_by_case(case):
    return {
        "all equal": lambda *_: 1.0,
        "all lost": lambda *_: None,
        "one finite": lambda config, _: 1.0 if config["lr"] > 0.05 else None,
        "huge": lambda config, epoch: 1e300 * valley(config, epoch),
    }[case]


@pytest.mark.parametrize("case", ["all equal", "all lost", "one finite", "huge"])
def test_losses_that_teach_little_do_not_stop_it(case):
    simulation = Simulation(study(GP, max_trials=24), curve=curve_by_case(case), num_workers=3).run()
    assert len(simulation.starts) == 24


def test_a_search_whose_trials_all_fail_goes_on_to_its_end():
    asked = study(GP, max_trials=20)
    for number in range(20):
        assert isinstance(asked.next(), Start)
        asked.tell(Failed(trial=number, reason="out of memory"))


@pytest.mark.parametrize(
    "space",
    [
        {"x": {"type": "float", "low": 0.0, "high": 1.0}},
        {"a": {"type": "categorical", "choices": ["p", "q", "r"]}, "b": {"type": "bool"}},
        MANY,
    ],
    ids=["one parameter", "choices only", "forty parameters"],
)
def test_it_searches_spaces_of_every_shape(space):
    simulation = Simulation(
        study({"sampler": {"name": "gp"}}, Space.parse(space), max_trials=25, max_epochs=1),
        curve=lambda config, _: float(len(str(config)) % 7),
    ).run()
    assert len(simulation.starts) == 25


def test_a_recovered_search_has_the_hyperparameters_of_the_undisturbed_one():
    undisturbed = Simulation(study(GP, max_trials=25)).run().study
    sampler = undisturbed._sampler
    late = study(GP, max_trials=25)._sampler
    results = undisturbed.trials.rung_results
    model = Surrogate(len(SPACE.vector_names) + 2)  # one column more for the second optimizer, one for the epoch
    for count in range(8, len(results), 5):
        expected = sampler._hyperparameters(results[:count], undisturbed.trials, model)
        np.testing.assert_array_equal(late._hyperparameters(results[:count], undisturbed.trials, model), expected)
    assert 1 < len(late._fits) < math.log(len(results) / 8) / math.log(GROWTH) + 3


@example([0.0, 1.0, 1.7976931348623153e308])
@given(st.lists(st.floats(allow_nan=False, allow_infinity=True).filter(lambda x: x != -math.inf), min_size=1))
def test_standardised_losses_keep_their_order_and_are_finite(losses):
    shaped = standardised(np.array(losses))
    assert np.isfinite(shaped).all()
    order = np.argsort(losses, kind="stable")
    assert (np.diff(shaped[order]) >= -1e-9).all()


def test_expected_improvement_is_the_integral_it_stands_for():
    best, mean, deviation = 0.2, 0.5, 0.4
    draws = np.random.default_rng(0).normal(mean, deviation, 400_000)
    expected = np.maximum(best - draws, 0).mean()
    found = expected_improvement(best, np.array([mean]), np.array([deviation]))[0]
    assert found == pytest.approx(expected, rel=0.02)


def test_of_many_results_it_reads_the_last_of_the_best_trials_and_the_newest():
    results = [RungResult(trial, epochs, trial / 100) for epochs in (1, 3) for trial in range(60 // epochs)]
    read = _capped(results, 30)
    assert len(read) == 30
    assert [result.trial for result in read[:15]] == list(range(15))  # the best at the highest rung
    assert {result.epochs for result in read[:15]} == {3}
    assert {result.trial for result in read[15:]} == set(range(45, 60))


@settings(max_examples=30)
@given(st.integers(0, 2**32 - 1))
def test_every_candidate_is_a_configuration_or_forbidden(seed):
    rng = np.random.default_rng(seed)
    centres = [SPACE.to_vector(SPACE.sample(seed)), SPACE.to_vector(SPACE.sample(seed + 1))]
    for vector in Candidates(SPACE, 60).draw(rng, centres):
        SPACE.check(SPACE.from_vector(vector))


def test_two_choices_are_equally_far_apart_and_what_is_inactive_lies_in_between():
    features = Candidates(SPACE, 10).features
    sgd, adam = (
        SPACE.to_vector({"lr": 0.01, "width": 3, "optimizer": "sgd", "momentum": 0.4}),
        SPACE.to_vector({"lr": 0.01, "width": 3, "optimizer": "adam"}),
    )
    at = list(SPACE.vector_names).index("optimizer")
    difference = np.delete(features(np.array([sgd]))[0] - features(np.array([adam]))[0], -1)
    assert np.linalg.norm(difference[at : at + 2]) == pytest.approx(1.0)
    assert np.isfinite(features(np.array([adam]))).all()
