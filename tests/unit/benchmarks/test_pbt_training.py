"""The benchmark of PBT: clones train on from their parents, and Tune's scheduler is driven as Tune would drive it."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest

from benchmarks.pbt_training.__main__ import BASELINE, PROBLEMS, Run, first_configs, study, table
from benchmarks.pbt_training.training import Outcome, Problem, Trained
from benchmarks.pbt_training.tune_pbt import TunePbt
from search_spaces import Space
from service.algorithms.events import Reported
from service.algorithms.proposals import Done, Origin, OriginKind, Start
from service.algorithms.simulator import Step, simulate

pytestmark = pytest.mark.filterwarnings("ignore")  # Ray Tune warns on import

DIGITS = PROBLEMS["digits"]
LR = {"lr": {"type": "float", "low": 1e-3, "high": 1.0, "log": True}}
SMALL = Problem(name="small", space=LR, fixed={"optimizer": "sgd", "hidden": 4}, batch_size=512)
MEMBERS, INTERVAL, EPOCHS = 8, 3, 12


class Scripted:
    """A decider that proposes what it was given and lets everybody train."""

    def __init__(self, *proposals):
        self.proposals = list(proposals)

    def next(self):
        return self.proposals.pop(0) if self.proposals else Done(reason="")

    def tell(self, event):
        raise AssertionError("nobody reports here")


def start(trial, parent=None, from_epoch=0, **config):
    origin = Origin(kind=OriginKind.RANDOM, text="")
    return Start(trial=trial, config=config, epochs=9, origin=origin, parent=parent, from_epoch=from_epoch)


def train(problem, *starts, seed=0, falling=False):
    """Train an epoch of each, in order, and return what they came to."""
    trained = Trained(Scripted(*starts), problem, seed, falling=falling)
    for each in starts:
        trained.step(trained.next().config, each.from_epoch + 1)
    return trained.outcomes


def test_a_clone_begins_with_its_parents_weights():
    outcomes = train(SMALL, start(0, lr=0.5), start(1, parent=0, from_epoch=1, lr=0.0), start(2, lr=0.0))
    assert outcomes[1, 2] == outcomes[0, 1] != outcomes[2, 1]


def test_a_seed_trains_alike_twice_and_another_one_otherwise():
    first, again, other = (train(SMALL, start(0, lr=0.5), seed=seed) for seed in (1, 1, 2))
    assert first == again != other


def test_a_falling_rate_begins_where_a_constant_one_does_and_then_falls():
    def losses(falling):
        trained = Trained(Scripted(start(0, lr=0.5)), SMALL, 0, falling=falling)
        config = trained.next().config
        return [trained.step(config, epoch).value for epoch in (1, 2)]

    constant, falling = losses(False), losses(True)
    assert falling[0] == constant[0]
    assert falling[1] != constant[1]


def test_a_configuration_that_cannot_be_trained_loses_its_trial():
    trained = Trained(Scripted(start(0, lr=0.1, momentum=0.5, dropout=1.2)), DIGITS, 0)
    assert "dropout" in trained.step(trained.next().config, 1).failure
    assert not trained.outcomes


class Valley:
    """Losses that are lower the nearer the rate is to a tenth; very high ones diverge."""

    def step(self, config, epoch):
        loss = abs(math.log10(config["lr"]) + 1) + 1 / epoch
        return Step(value=None if config["lr"] > 0.8 else loss, seconds=1.0)


def tune_search(synch, seed=0):
    configs = first_configs(SMALL, seed)
    peer = TunePbt(LR, configs, epochs=EPOCHS, interval=INTERVAL, synch=synch, seed=seed)
    return simulate(peer, Valley(), workers=4)


@pytest.mark.parametrize("synch", [False, True])
def test_tunes_population_exploits_whoever_was_where_its_checkpoint_is(synch):
    simulation = tune_search(synch)
    seen, clones = set(), 0
    for decision in simulation.decisions:
        if isinstance(decision.fact, Reported):
            seen.add((decision.fact.trial, decision.fact.epoch))
        elif isinstance(decision.fact, Start) and decision.fact.parent is not None:
            clones += 1
            assert (decision.fact.parent, decision.fact.from_epoch) in seen
            assert decision.fact.from_epoch % INTERVAL == 0
    assert simulation.done
    assert clones >= 2
    assert {trial for trial, epoch in seen if epoch == INTERVAL} >= set(range(MEMBERS))


def test_tunes_synchronous_population_replaces_a_quarter_at_each_meeting():
    starts = [decision.fact for decision in tune_search(synch=True).decisions if isinstance(decision.fact, Start)]
    clones = [each.from_epoch for each in starts if each.parent is not None]
    assert clones == sorted([3, 6, 9] * (MEMBERS // 4))
    assert len(tune_search(synch=True).observations) == MEMBERS * EPOCHS


@pytest.mark.parametrize("synch", [False, True])
def test_tunes_draws_come_from_the_seed(synch):
    def configs(seed):
        return [each.fact.config for each in tune_search(synch, seed).decisions if isinstance(each.fact, Start)]

    first, again = ([configs(seed) for seed in range(6)] for _ in range(2))  # so many that some are drawn anew
    assert first == again
    assert all(one != other for one, other in pairwise(first))


def test_both_populations_begin_with_the_same_configurations():
    ours = study(DIGITS, 3, {"name": "pbt", "population": MEMBERS}, MEMBERS)
    assert [ours.next().config for _ in range(MEMBERS)] == first_configs(DIGITS, 3)


def test_every_problem_has_a_space_that_pbt_can_explore():
    for problem in PROBLEMS.values():
        space = Space.parse(problem.space)
        assert not set(space.vector_names) & set(problem.fixed)
        assert "hidden" not in space.vector_names  # the weights keep their shape


def test_the_table_pairs_the_others_with_ours():
    def runs(*losses):
        return [Run(best=Outcome(loss=loss, accuracy=0.5), epochs=240) for loss in losses]

    *_, ours, tunes = table("digits", {BASELINE: runs(0.1, 0.3), "tune-pbt": runs(0.2, 0.4)})
    assert ours == "| rung-pbt | 0.2000 [0.1000, 0.3000] | 0.500 | 240 |  |"
    assert tunes.endswith("| 240 | -0.1000 [-0.1000, -0.1000] |")
