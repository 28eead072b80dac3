"""Searches that go on, on the real service: extended ones equal whole ones, a branch begins from old knowledge."""

from __future__ import annotations

from tests.support.judge import judge
from tests.support.service import finished

SPECS = {
    "random": {"algorithm": {"name": "random"}, "budget": {"trials": 3, "epochs": 1}},
    "asha": {"algorithm": {"name": "asha"}, "budget": {"trials": 4, "epochs": 3}},
}


def submit(client, name, trials=None):
    spec = SPECS[name]
    budget = spec["budget"] | ({"trials": trials} if trials else {})
    return client.submit({"trainable": "digits_mlp", "parallelism": 1, "seed": 3, **spec, "budget": budget})


def decided(search):
    return [(t.config, t.origin, t.state, t.reason, t.epoch, t.value, t.best_epoch) for t in search.iter_trials()]


def test_extended_searches_equal_whole_ones_and_a_branch_begins_from_what_they_found_out(service, client):
    # Given searches on one slot that have ended, and the same ones with twice the trials
    short = {name: submit(client, name) for name in SPECS}
    whole = {name: submit(client, name, 2 * spec["budget"]["trials"]) for name, spec in SPECS.items()}
    for search in short.values():
        finished(search)

    # When they are extended to the same number
    for name, search in short.items():
        said = service.cli("extend", search.id, "--trials", str(2 * SPECS[name]["budget"]["trials"]))
        assert f"{search.id} is queued: extended by a person" in said
    for search in (*short.values(), *whole.values()):
        finished(search)

    # Then they are, trial by trial and to the last digit, what the whole ones are
    for name in SPECS:
        assert decided(short[name]) == decided(whole[name])
        assert judge(service.ledger(), short[name].id).faults == []
        assert short[name].audit().difference is None

    # And a branch of one begins with a model of what it found out, which its proposals say
    branch = short["random"].branch(
        {
            "algorithm": {"name": "tpe", "startup_trials": 4},
            "budget": {"trials": 1},
            "space": {"dropout": {"high": 0.5}},
        }
    )
    finished(branch)
    (first,) = branch.iter_trials()
    assert "drawn from the model of 6 results at epoch 1, 6 of them warm start" in first.origin["text"]
    assert [(parent.search, parent.trials) for parent in branch.view.lineage.parents] == [(short["random"].id, 6)]
