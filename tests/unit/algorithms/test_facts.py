"""Facts go to JSON and back unchanged, and a verdict says why."""

import json
import math

import pytest

from service.algorithms import (
    Action,
    ActionKind,
    Cancelled,
    Closed,
    Done,
    Enqueued,
    Event,
    Failed,
    Objective,
    Origin,
    OriginKind,
    Proposal,
    Reported,
    Resized,
    Resume,
    Start,
    Wait,
    event_from_dict,
    proposal_from_dict,
)

EVENTS: list[Event] = [
    Reported(trial=3, epoch=2, value=0.5),
    Reported(trial=3, epoch=2, value=None),
    Failed(trial=1, reason="out of memory"),
    Cancelled(trial=0),
    Enqueued(config={"lr": 0.1}),
    Resized(max_trials=7),
    Closed(reason="stopped by ada"),
]
ORIGIN = Origin(kind=OriginKind.MODEL, text="from the model", data={"budget": 3})
PROPOSALS: list[Proposal] = [
    Start(trial=0, config={"lr": 0.1, "optimizer": "sgd"}, epochs=9, origin=ORIGIN),
    Resume(trial=0, epochs=27, reason="rank 1 of 3"),
    Wait(reason="bracket 0 waits"),
    Done(reason="its 12 trials are used up"),
]


@pytest.mark.parametrize("event", EVENTS)
def test_an_event_survives_the_ledger(event):
    assert event_from_dict(json.loads(json.dumps(event.to_dict(), allow_nan=False))) == event


@pytest.mark.parametrize("proposal", PROPOSALS)
def test_a_proposal_survives_the_ledger(proposal):
    assert proposal_from_dict(json.loads(json.dumps(proposal.to_dict(), allow_nan=False))) == proposal


def test_an_action_survives_the_ledger():
    action = Action(trial=4, kind=ActionKind.STOP, reason="rank 9 of 12", rung=1, value=0.4, cutoff=0.3, rank=9, of=12)
    assert Action.from_dict(json.loads(json.dumps(action.to_dict(), allow_nan=False))) == action


def test_an_action_without_a_reason_cannot_be_made():
    with pytest.raises(ValueError, match=r"action.reason: got nothing for stop of trial 4"):
        Action(trial=4, kind=ActionKind.STOP, reason="")


@pytest.mark.parametrize("read", [event_from_dict, proposal_from_dict])
def test_a_fact_of_a_newer_version_is_refused_by_name(read):
    with pytest.raises(ValueError, match="got 'cloned', must be one of"):
        read({"fact": "cloned", "trial": 1})


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_value_that_is_not_finite_is_stored_as_null(value):
    assert Reported(trial=0, epoch=1, value=value).to_dict()["value"] is None


@pytest.mark.parametrize("mode", ["min", "max"])
@pytest.mark.parametrize("value", [None, math.nan, math.inf, -math.inf])
def test_what_is_not_a_finite_number_is_worse_than_any_number_in_either_mode(mode, value):
    objective = Objective(metric="m", mode=mode)
    assert objective.loss(value) > max(objective.loss(-1e300), objective.loss(1e300))


def test_a_larger_value_has_the_smaller_loss_when_maximising():
    objective = Objective(metric="accuracy", mode="max")
    assert objective.loss(0.9) < objective.loss(0.8)
    assert objective.value(objective.loss(0.9)) == 0.9


@pytest.mark.parametrize("field", ["mode", "scope"])
def test_an_objective_names_the_words_it_knows(field):
    with pytest.raises(ValueError, match=f"objective.{field}: got 'biggest', must be '"):
        Objective(metric="m", **{field: "biggest"})
