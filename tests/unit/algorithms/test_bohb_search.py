"""BOHB as a whole search: it uses its model, and the model is worth its while."""

from statistics import mean

from search_spaces import Space
from service.algorithms import OriginKind
from tests.unit.algorithms.simulator import Simulation, study

BOWL = Space.parse({name: {"type": "float", "low": 0.0, "high": 1.0} for name in "abcd"})
SEEDS = range(10)


def bowl(config, epoch):
    """Return the distance to (0.3, 0.3, 0.3, 0.3), squared, plus what training takes off."""
    return sum((config[name] - 0.3) ** 2 for name in "abcd") + 1 / epoch


def searched(algorithm, max_trials):
    return [
        Simulation(study(algorithm, BOWL, max_trials=max_trials, seed=seed), curve=bowl, seed=seed).run()
        for seed in SEEDS
    ]


def regret(runs):
    return mean(run.study.best()[2] - 1 / 9 for run in runs)


def test_bohb_beats_random_search_with_the_same_epochs_by_a_factor_of_two_and_hyperband_clearly():
    """The bar of EVIDENCE 4 in miniature; measured here: 0.024 against 0.070, and 0.044 for HyperBand alone."""
    bohb, random = searched({"name": "bohb"}, 80), searched({"name": "random"}, 35)
    assert all(few.epochs <= many.epochs for few, many in zip(bohb, random, strict=True))
    assert regret(bohb) < 0.5 * regret(random)
    assert regret(bohb) < 0.7 * regret(searched({"name": "hyperband"}, 80))
    for run in bohb:
        assert sum(start.origin.kind is OriginKind.MODEL for start in run.starts) > 80 / 3
