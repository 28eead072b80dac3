"""The two models of densities on tables that are hard on them, large, or of several rungs."""

import math
from itertools import islice

import numpy as np
import pytest

from search_spaces import Forbidden, Space
from service.algorithms import OriginKind
from service.algorithms.samplers.base import MAX_DRAWS
from tests.unit.algorithms.simulator import SPACE
from tests.unit.algorithms.tables import kde, sampled, table, tpe

MODELS = pytest.mark.parametrize("model", [kde, tpe])
LINE = Space.parse({"x": {"type": "float", "low": 0.0, "high": 1.0}})
WIDE = Space.parse({f"x{number}": {"type": "float", "low": 0.0, "high": 1.0} for number in range(40)})
CHOICES = Space.parse({f"c{number}": {"type": "categorical", "choices": list("abcdefgh")} for number in range(4)})
LOSSES = {
    "all failed": lambda _: math.inf,
    "all equal": lambda _: 0.5,
    "one finite among those that are not": lambda trial: 0.5 if trial == 17 else math.inf,
    "huge": lambda trial: 1e308 * (-1) ** trial,
    "ordinary": lambda trial: (trial * 37 % 101) / 101,
}
SPACES = {"conditional": SPACE, "one parameter": LINE, "only choices": CHOICES, "40 parameters": WIDE}


def on_line(losses):
    """Return a table of evenly spread x with losses by x at several rungs: epoch -> (x -> loss)."""
    xs = [(0.5 + trial * 0.618034) % 1 for trial in range(60)]
    return table(({"x": x}, {epoch: loss(x) for epoch, loss in losses.items()}) for x in xs)


def proposals(sampler, trials, count=40):
    return list(islice((sampler.propose(len(trials) + number, trials) for number in range(count)), count))


@MODELS
@pytest.mark.parametrize("space", SPACES.values(), ids=SPACES.keys())
@pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES.keys())
def test_a_model_proposes_whatever_the_results_are(model, space, loss):
    """EVIDENCE 3, faults 9 and 17, hpbandster #100: failures, ties and constant dimensions broke models."""
    trials = sampled(space, [loss(trial) for trial in range(100)])
    for config, origin in proposals(model(space), trials, count=4):
        assert origin.kind is OriginKind.MODEL or (space is CHOICES and "nothing new" in origin.text)
        assert space.check(config) == config
        assert trials.first_with(config) is None


@MODELS
def test_a_parameter_that_was_inactive_in_all_trials_can_be_proposed(model):
    adams = [config for config in map(SPACE.sample, range(400)) if config["optimizer"] == "adam"]
    trials = table((config, {1: float(number)}) for number, config in enumerate(adams))
    for config, _ in proposals(model(SPACE), trials):
        assert SPACE.check(config) == config


@MODELS
def test_a_model_learns_where_the_good_ones_are(model):
    picks = [config["x"] for config, _ in proposals(model(LINE), on_line({1: lambda x: abs(x - 0.3)}))]
    assert np.mean(np.abs(np.array(picks) - 0.3) < 0.1) > 0.7


@MODELS
def test_a_model_learns_from_the_highest_rung_with_enough_results_and_that_rung_alone(model):
    """EVIDENCE 3, fault 27: a trial stopped at epoch 1 was compared with one at epoch 52."""
    trials = on_line({1: lambda x: 5 + 9 * abs(x - 0.3), 9: lambda x: abs(x - 0.8)})
    made = proposals(model(LINE), trials)
    assert {origin.data["budget"] for _, origin in made} == {9}
    assert np.mean([abs(config["x"] - 0.8) < 0.15 for config, _ in made]) > 0.7


@MODELS
def test_a_bounded_model_still_finds_the_best_of_many(model):
    losses = [abs(LINE.sample(seed)["x"] - 0.3) for seed in range(3000)]
    trials = sampled(LINE, losses)
    picks = [config["x"] for config, _ in proposals(model(LINE, max_points=100), trials)]
    assert np.mean(np.abs(np.array(picks) - 0.3) < 0.1) > 0.7


@MODELS
def test_a_bounded_model_reads_the_best_and_the_worst_and_no_more_than_its_bound(model):
    rng = np.random.default_rng(0)
    losses = dict(enumerate(rng.permutation(5000).tolist()))
    read = {losses[trial] for trial in model(LINE, max_points=100)._subset(losses)}
    assert len(read) == 100
    assert set(range(15)) <= read
    assert 4999 in read
    gaps = np.diff(sorted(read))
    assert gaps.max() < 5000 / 100 * 1.5


@MODELS
def test_a_draw_does_not_depend_on_what_was_drawn_before(model):
    trials, later = on_line({1: lambda x: x}), on_line({1: lambda x: x, 3: lambda x: 1 - x})
    used = model(LINE)
    for table_ in (trials, later, trials):
        used.propose(60, table_)
        assert used.propose(61, table_) == model(LINE).propose(61, table_)


@MODELS
def test_no_configuration_of_a_running_trial_is_proposed_again(model):
    trials = sampled(CHOICES, [float(seed % 7) for seed in range(60)])
    sampler = model(CHOICES)
    for config, origin in proposals(sampler, trials, count=3):
        with_pending = table([(record.config, {1: float(record.trial % 7)}) for record in trials] + [(config, {})])
        again, _ = sampler.propose(60, with_pending)
        assert again != config or "same_as" in origin.data


def test_the_kde_says_how_promising_its_proposal_is():
    config, origin = kde(LINE).propose(60, on_line({1: lambda x: abs(x - 0.3)}))
    assert abs(config["x"] - 0.3) < 0.3
    assert origin.data["ratio"] > 1
    assert origin.text.startswith("drawn from the model of 60 results at epoch 1: ")
    assert origin.text.endswith(" times likelier good")


class Fussy(Space):
    """A space in which some configurations are forbidden: x above a limit."""

    limit = 0.5

    def from_vector(self, vector):
        config = super().from_vector(vector)
        if config["x"] > self.limit:
            raise Forbidden("vector", "got a forbidden combination")
        return config

    def sample(self, seed):
        return {"x": super().sample(seed)["x"] * self.limit}


@MODELS
def test_a_forbidden_draw_is_drawn_again(model):
    space = Fussy(LINE.parameters)
    made = proposals(model(space), on_line({1: lambda x: abs(x - 0.5)}))
    assert all(config["x"] <= 0.5 for config, _ in made)
    assert sum(origin.kind is OriginKind.MODEL for _, origin in made) > 20


@MODELS
def test_where_everything_a_model_draws_is_forbidden_the_space_itself_proposes(model):
    space = Fussy(LINE.parameters)
    trials = on_line({1: lambda x: abs(x - 0.95)})
    space.__class__.limit, before = 0.01, space.limit
    try:
        made = [origin for _, origin in proposals(model(space), trials)]
    finally:
        space.__class__.limit = before
    texts = [origin.text for origin in made if origin.kind is OriginKind.RANDOM]
    assert len(texts) > 20
    assert set(texts) == {f"drawn at random: {MAX_DRAWS} draws gave nothing new that is allowed"}
