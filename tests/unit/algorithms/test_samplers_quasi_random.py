"""The quasi-random sampler: even coverage, counted points, the declared space."""

from collections import Counter

import numpy as np
import pytest

from search_spaces import Space
from service.algorithms import Enqueued, OriginKind
from service.algorithms.samplers import QuasiRandomSampler
from service.algorithms.trials import Trials
from tests.unit.algorithms.simulator import FINITE, SPACE, Simulation, replay, study

QUASI = {"sampler": {"name": "quasi_random"}, "scheduler": {"name": "none"}}
SQUARE = Space.parse({name: {"type": "float", "low": 0.0, "high": 1.0} for name in "xy"})


def configs(space, count, seed=0):
    searched = study(QUASI, space, max_trials=count, seed=seed)
    return [searched.next().config for _ in range(count)]


@pytest.mark.parametrize("seed", range(3))
def test_every_cell_of_a_grid_gets_its_share_of_points(seed):
    cells = Counter((int(c["x"] * 8), int(c["y"] * 8)) for c in configs(SQUARE, 128, seed))
    assert set(cells.values()) == {2}  # Sobol: a (t, m, s)-net; independent draws leave 9 of 64 cells empty
    assert len(cells) == 64


def test_every_choice_gets_its_share_and_so_do_both_ends_of_an_integer():
    space = Space.parse(
        {
            "c": {"type": "categorical", "choices": ["a", "b", "c", "d"]},
            "n": {"type": "int", "low": 1, "high": 4},
            "x": {"type": "float", "low": 0.0, "high": 1.0},
        }
    )
    drawn = configs(space, 256)
    assert set(Counter(config["c"] for config in drawn).values()) == {64}
    assert set(Counter(config["n"] for config in drawn).values()) == {64}


def test_choices_of_unequal_weights_get_points_in_proportion():
    space = Space.parse(
        {
            "c": {"type": "categorical", "choices": ["a", "b"], "weights": [3, 1]},
            "x": {"type": "float", "low": 0.0, "high": 1.0},
        }
    )
    assert Counter(config["c"] for config in configs(space, 256)) == {"a": 192, "b": 64}


def test_conditional_spaces_are_kept_to():
    for config in configs(SPACE, 60):
        assert SPACE.check(config) == config


def test_two_seeds_give_two_sequences_and_one_seed_gives_one():
    assert configs(SQUARE, 10, seed=1) == configs(SQUARE, 10, seed=1)
    assert configs(SQUARE, 10, seed=1) != configs(SQUARE, 10, seed=2)


def test_an_enqueued_configuration_takes_no_point_away():
    plain, asked = study(QUASI, SQUARE), study(QUASI, SQUARE)
    asked.tell(Enqueued(config={"x": 0.5, "y": 0.5}))
    starts = [asked.next() for _ in range(5)]
    assert [start.config for start in starts[1:]] == [plain.next().config for _ in range(4)]
    assert starts[4].origin.text == "quasi-random point 4"


def test_a_point_that_repeats_a_configuration_gives_way_to_a_draw_that_is_new():
    searched = study(QUASI, FINITE, max_trials=11)
    starts = [searched.next() for _ in range(11)]
    assert len({tuple(sorted(start.config.items())) for start in starts}) == 11
    assert {start.origin.kind for start in starts} == {OriginKind.QUASI_RANDOM}
    assert [start.origin.data["point"] for start in starts] == list(range(11))
    assert any("drawn at random" in start.origin.text for start in starts)


def test_a_replayed_search_goes_on_at_the_same_point():
    run = Simulation(study(QUASI, SQUARE, max_trials=20), curve=lambda config, _: config["x"]).run()
    fresh = study(QUASI, SQUARE, max_trials=21)
    replay(fresh, run.journal)
    assert fresh.next().config == configs(SQUARE, 21)[20]


def test_a_space_in_which_nothing_varies_has_one_point():
    space = Space.parse({"version": {"type": "constant", "value": 7}})
    assert configs(space, 1) == [{"version": 7}]


def test_many_parameters_are_covered_evenly_each():
    space = Space.parse({f"x{number}": {"type": "float", "low": 0.0, "high": 1.0} for number in range(40)})
    drawn = np.array([list(config.values()) for config in configs(space, 64)])
    assert (np.sort((drawn * 64).astype(int), axis=0) == np.arange(64)[:, None]).all()


def test_a_sampler_can_be_asked_for_an_earlier_point_again():
    sampler = QuasiRandomSampler(SQUARE, 0)
    first, _ = sampler.propose(0, Trials())
    assert sampler.propose(0, Trials())[0] == first
