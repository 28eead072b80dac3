"""Faults of other search code that no other file has a test for; docs/algorithms.md lists all of them with their tests.

Here are those of decisions; those of running trials are in tests/unit/runner/test_faults.py.
"""

import random

import numpy as np

from service.algorithms import ActionKind, Done, Failed, OriginKind, Resume
from tests.unit.algorithms.simulator import Simulation, replay, report, study


def test_a_recovered_asha_search_still_knows_its_rungs():
    """Fault 1: after a restore all rung records were gone, and later trials faced empty rungs."""
    asha = {"name": "asha", "reduction_factor": 3}
    before = Simulation(study(asha, max_trials=12)).run()
    recovered = study(asha, max_trials=13)
    replay(recovered, before.journal)
    start = recovered.next()
    action = report(recovered, start.trial, 1, 1e9)[0]
    assert (action.kind, action.rank, action.of) == (ActionKind.STOP, 13, 13)


def test_a_recovered_bohb_search_goes_on_with_its_model():
    """Fault 2: the first rung after a restore was a KeyError, because the searcher's own table was empty."""
    bohb = {"name": "bohb", "candidates": 4, "random_fraction": 0.0}
    before = Simulation(study(bohb, max_trials=30)).run()
    recovered = study(bohb, max_trials=31)
    replay(recovered, before.journal)
    start = recovered.next()
    assert start.origin.kind is OriginKind.MODEL
    report(recovered, start.trial, start.epochs, 0.5)
    assert start.trial in recovered.trials.rungs()[start.epochs]


def test_trials_that_had_ended_do_not_rejoin_their_brackets_after_a_recovery():
    """Fault 3: a restore re-added finished trials as live members, and no barrier could fall any more."""
    hyperband = {"name": "hyperband", "reduction_factor": 3}
    before = study(hyperband, max_trials=9)
    journal = [("proposal", before.next().to_dict(), []) for _ in range(9)]
    for trial in range(4):
        event = Failed(trial=trial, reason="boom")
        journal.append(("event", event.to_dict(), [action.to_dict() for action in before.tell(event)]))
    recovered = study(hyperband, max_trials=9)
    replay(recovered, journal)
    for trial in range(4, 9):
        actions = report(recovered, trial, 1, trial / 10)
    assert [a.trial for a in actions if a.kind is ActionKind.PROMOTE] == [4, 5, 6]
    assert isinstance(recovered.next(), Resume)


def test_no_decision_depends_on_a_global_generator_or_on_a_drawn_bracket():
    """Fault 23: brackets were drawn from numpy's global generator, 66, 25 and 9 % instead of in turn."""
    runs = []
    for state in (1, 2):
        random.seed(state)
        np.random.seed(state)
        run = Simulation(study({"name": "hyperband"}, max_trials=34), seed=3).run()
        runs.append([start.to_dict() for start in run.starts])
    assert runs[0] == runs[1]
    entered = [start["epochs"] for start in runs[0]]
    assert entered == [1] * 9 + [3] * 5 + [9] * 3 + [1] * 9 + [3] * 5 + [9] * 3


def test_a_population_neither_leaves_its_space_nor_keeps_a_diverged_member():
    """Fault 29: explores left their domains, came from a global generator, and NaN members stayed for ever."""

    def curve(config, epoch):
        return float("nan") if config["lr"] > 0.02 else config["lr"] + 1 / epoch

    runs = []
    for state in (1, 2):
        random.seed(state)
        runs.append(Simulation(study({"name": "pbt"}, max_trials=12, max_epochs=20), curve=curve).run())
    assert [s.to_dict() for s in runs[0].starts] == [s.to_dict() for s in runs[1].starts]
    for start in runs[0].starts:
        assert 1e-4 <= start.config["lr"] <= 1e-1
    last = [a.trial for a in runs[0].actions if a.kind is ActionKind.COMPLETE]
    assert len(last) == 12
    replaced = {start.origin.data["replaces"] for start in runs[0].starts if start.parent is not None}
    diverged = {s.trial for s in runs[0].starts if s.config["lr"] > 0.02} - set(last)
    assert diverged <= replaced
    assert isinstance(runs[0].study.next(), Done)
