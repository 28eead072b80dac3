"""Extend, retry and branch over HTTP, on pretended gangs: what is refused, told to the Study and decided again."""

from __future__ import annotations

import pytest

from service.runner import audit_search
from service.states import Intent, SearchState, TrialState
from tests.support.judge import judge
from tests.support.runs import SPACE, Searches
from tests.unit.runner.driver import Driver


def run(service, search, slots=1, seed=0):
    """Runs a search to its end, as a new runner does."""
    ledger = service.searches.ledger
    if ledger.search(search).state is SearchState.QUEUED:
        with ledger.write(service.searches._coordinator) as writer:
            writer.move_search(search, SearchState.RUNNING, "admitted")
    driver = Driver(service.searches.run(search, slots=slots), seed=seed)
    driver.to_the_end()
    return ledger.search(search)


def post(service, path, body, **headers):
    return service.http.post(f"/v1/searches/{path}", json=body, headers=headers)


def what_happened(ledger, search):
    """Everything about the trials but times."""
    return [
        (t.number, t.config, t.origin, t.state, t.state_reason, t.epoch, t.value, t.best_epoch)
        for t in ledger.trials(search)
    ]


@pytest.mark.parametrize("algorithm", ["grid", "random", "asha"])
def test_a_search_of_6_trials_extended_to_12_equals_one_of_12(algorithm, service):
    searches = service.searches
    epochs = 9 if algorithm == "asha" else 2
    short = searches.submit(algorithm, trials=6, epochs=epochs)
    whole = searches.submit(algorithm, trials=12, epochs=epochs)
    run(service, short)
    answer = post(service, f"{short}/extend", {"trials": 12})
    assert answer.status_code == 202, answer.text
    view = answer.json()
    assert (view["state"], view["trials_total"], view["version"]) == ("queued", 12, 2)
    assert view["reason"] == "extended by a person: trials 12; waits to be admitted"
    assert service.pokes
    run(service, short)
    run(service, whole)
    assert what_happened(searches.ledger, short) == what_happened(searches.ledger, whole)
    assert judge(searches.ledger, short).faults == []
    assert audit_search(searches.ledger, short).difference is None


def test_an_extension_that_is_sent_twice_with_one_key_is_one(service):
    search = service.searches.submit("random", trials=2)
    run(service, search)
    key = {"Idempotency-Key": "once"}
    first = post(service, f"{search}/extend", {"trials": 4}, **key)
    again = post(service, f"{search}/extend", {"trials": 4}, **key)
    assert (first.status_code, again.status_code, again.json()["version"]) == (202, 202, 2)
    other = post(service, f"{search}/extend", {"trials": 5}, **key)
    assert other.status_code == 422


def test_complete_trials_train_on_to_more_epochs_from_their_checkpoints(service):
    search = service.searches.submit("asha", trials=6, epochs=9)
    run(service, search)
    ledger = service.searches.ledger
    complete = [t for t in ledger.trials(search) if t.state is TrialState.COMPLETED]
    assert post(service, f"{search}/extend", {"epochs": 27}).status_code == 202
    run(service, search, slots=2)
    begun = ledger.trials(search)[6:]
    assert [t.origin["data"]["trial"] for t in begun] == [t.number for t in complete]
    assert {t.epoch for t in begun} == {27}
    for old, new in zip(complete, begun, strict=True):
        assert new.config == old.config
        assert ledger.trial(search, old.number) == old
        (attempt,) = ledger.attempts(search, new.number)
        assert attempt.start_epoch == 9
    assert judge(ledger, search).faults == []
    assert audit_search(ledger, search).difference is None


def test_a_search_that_runs_is_extended_too(service):
    search = service.searches.submit("random", trials=2, epochs=3)
    driver = Driver(service.searches.run(search, slots=1))
    driver.step()
    assert post(service, f"{search}/extend", {"trials": 3, "epochs": 5}).status_code == 202
    driver.run.heed(service.searches.ledger.search(search))
    driver.to_the_end()
    ended = service.searches.ledger.trials(search)
    assert [(t.epoch, t.state) for t in ended] == [(5, TrialState.COMPLETED)] * 3
    assert judge(service.searches.ledger, search).faults == []
    assert audit_search(service.searches.ledger, search).difference is None


@pytest.mark.parametrize(
    ("algorithm", "body", "path", "says"),
    [
        ("random", {}, "trials", "got nothing, must be > 4, the trials that it has had; ask for more, or for epochs"),
        ("random", {"trials": 3}, "trials", "got 3, must be >= 4, which it has had already; ask for more"),
        ("random", {"epochs": 2}, "epochs", "got 2, must be >= 3, to which trials have trained already"),
        ("asha", {"epochs": 5}, "epochs", "got 5, must be 3 times a power of reduction_factor, e.g. 9 or 27"),
        ("hyperband", {"epochs": 9}, "epochs", "got 9, must be 3, from which all rungs of HyperBand follow; branch"),
        ("grid", {"trials": 10**4}, "trials", "the points of the grid"),
        ("random", {"trials": 0}, "trials", "got 0, must be >= 1"),
        ("random", {"trial": 9}, "trial", "did you mean trials?"),
        ("random", {"trials": 9, "deadline": "2020-01-01T00:00:00Z"}, "deadline", "must be in the future"),
        ("random", [], "(body)", "got no object"),
    ],
)
def test_an_extension_that_is_none_is_refused_with_the_way_out(algorithm, body, path, says, service):
    search = service.searches.submit(algorithm, trials=4, epochs=3)
    run(service, search)
    answer = post(service, f"{search}/extend", body)
    assert answer.status_code == 422
    faults = {fault["path"]: fault["message"] for fault in answer.json()["errors"]}
    assert says in faults[path]
    assert service.searches.ledger.search(search).state is SearchState.COMPLETED


def test_a_cancelled_search_goes_on_with_what_is_left_of_its_budget(service):
    search = service.searches.submit("hyperband", trials=9, epochs=9)
    driver = Driver(service.searches.run(search))
    for _ in range(6):
        driver.step()
    service.searches.ledger.request(search, Intent.CANCEL)
    driver.run.obey(Intent.CANCEL, 2)
    before = service.searches.ledger.trials(search)
    assert post(service, f"{search}/extend", {}).status_code == 202
    assert run(service, search).state is SearchState.COMPLETED
    after = service.searches.ledger.trials(search)
    assert after[: len(before)] == before
    assert len(after) == 9
    assert judge(service.searches.ledger, search).faults == []
    assert audit_search(service.searches.ledger, search).difference is None


def with_failures(service, num, **spec):
    """A search with `num` failed trials that had a checkpoint at epoch 1."""
    search = service.searches.submit("random", trials=4, epochs=3, **spec)
    driver = Driver(service.searches.run(search, slots=1))
    for trial in range(num):
        driver.fill()
        driver.train(trial)
        driver.fail(trial)
    if not driver.run.finished:
        driver.to_the_end()
    return search


def test_exactly_the_failed_trials_are_retried_from_their_checkpoints(service):
    search = with_failures(service, 2)
    ledger = service.searches.ledger
    before = ledger.trials(search)
    answer = post(service, f"{search}/retry", {"states": ["failed"]})
    assert answer.status_code == 202, answer.text
    assert answer.json()["reason"] == "retried by a person: 2 trials: 0, 1; waits to be admitted"
    run(service, search)
    after = ledger.trials(search)
    assert after[:4] == before
    assert [(t.config, t.state, t.epoch) for t in after[4:]] == [
        (t.config, TrialState.COMPLETED, 3) for t in before[:2]
    ]
    assert [ledger.attempts(search, t.number)[0].start_epoch for t in after[4:]] == [1, 1]
    assert after[4].origin["text"] == "goes on with trial 0 at epoch 1: it failed, and a person asked for it again"
    assert judge(ledger, search).faults == []
    assert audit_search(ledger, search).difference is None
    again = post(service, f"{search}/retry", {"states": ["failed"]})
    assert again.status_code == 409
    assert "got no trial that is failed and was not continued already" in again.json()["detail"]


def test_a_continued_trial_trains_with_the_seed_and_the_whole_state_of_the_old_one(service):
    search = with_failures(service, 1)
    post(service, f"{search}/retry", {})
    ledger = service.searches.ledger
    with ledger.write(service.searches._coordinator) as writer:
        writer.move_search(search, SearchState.RUNNING, "admitted")
    assignment = service.searches.run(search).next_assignment()
    assert assignment.trial == 4
    assert assignment.resume_from.endswith("trial-0000/attempt-1-1/epoch-0001")
    assert (assignment.is_clone, assignment.is_continuation) == (False, True)
    other = service.searches.submit("random", trials=1)
    assert assignment.seed == service.searches.run(other).next_assignment().seed


def test_a_search_that_too_many_failures_ended_is_completed_by_a_retry(service):
    search = with_failures(service, 3, budget={"failures": 2})
    ledger = service.searches.ledger
    assert ledger.search(search).state is SearchState.FAILED
    refused = post(service, f"{search}/extend", {"trials": 8})
    assert "got 2, must be >= 3, the trials that failed; raise it, or retry them" in refused.json()["detail"]
    assert post(service, f"{search}/retry", {"trials": [0, 2]}).status_code == 202
    assert run(service, search).state is SearchState.COMPLETED
    assert len(ledger.trials(search)) == 5
    assert audit_search(ledger, search).difference is None


@pytest.mark.parametrize(
    ("body", "path", "says"),
    [
        ({"trials": [9]}, "trials.0", "got 9, must be one of its 4 trials"),
        ({"trials": [0, 3]}, "trials.1", "got 3, which is completed, must be failed; leave it out, or name its state"),
        ({"states": ["completed"]}, "states.0", "must be 'failed', 'cancelled' or 'stopped'"),
        ({"states": []}, "states", "got []"),
    ],
)
def test_a_retry_of_what_is_not_meant_is_refused(body, path, says, service):
    search = with_failures(service, 1)
    answer = post(service, f"{search}/retry", body)
    assert answer.status_code == 422, answer.text
    faults = {fault["path"]: fault["message"] for fault in answer.json()["errors"]}
    assert says in faults[path]


def test_a_search_that_is_being_stopped_takes_no_wish(service):
    search = service.searches.submit("random", trials=2)
    service.searches.run(search)
    service.http.post(f"/v1/searches/{search}/stop")
    answer = post(service, f"{search}/extend", {"trials": 9})
    assert answer.status_code == 409
    assert "must have ended first" in answer.json()["detail"]


# Branches and warm starts


SPEC = {
    "trainable": "digits_mlp",
    "space": SPACE,
    "algorithm": {"sampler": {"name": "tpe", "startup_trials": 5}, "scheduler": {"name": "asha"}},
    "budget": {"trials": 3, "epochs": 9},
}


@pytest.fixture(scope="module")
def found_out(tmp_path_factory):
    """A folder with a search that found something out about 12 trials, and its id."""
    folder = tmp_path_factory.mktemp("known")
    searches = Searches(folder)
    search = searches.submit("random", trials=12, epochs=9)
    Driver(searches.run(search, slots=3)).to_the_end()
    searches.ledger.close()
    return folder, search


@pytest.fixture
def known(found_out):
    """The id of that search; the ledger of a test that asks for it has it."""
    return found_out[1]


def test_a_branch_begins_from_the_old_knowledge_and_says_so(known, service):
    changes = {"algorithm": SPEC["algorithm"], "budget": {"trials": 3}, "space": {"lr": {"high": 0.05}}}
    answer = post(service, f"{known}/branch", changes)
    assert answer.status_code == 201, answer.text
    view = answer.json()
    ledger = service.searches.ledger
    fitting = [t for t in ledger.trials(known) if t.config["lr"] <= 0.05]
    assert 5 <= len(fitting) < 12
    (parent,) = view["lineage"]["parents"]
    left_out = {"its lr is outside the space": 12 - len(fitting)}
    assert parent == {"search": known, "kind": "branch", "trials": len(fitting), "left_out": left_out}
    assert (view["spec"]["budget"]["epochs"], view["spec"]["space"]["lr"]["log"]) == (9, True)
    children = service.http.get(f"/v1/searches/{known}").json()["lineage"]["children"]
    assert [(child["search"], child["kind"]) for child in children] == [(view["id"], "branch")]
    run(service, view["id"])
    first = ledger.trial(view["id"], 0)
    assert first.origin["kind"] == "model"
    assert f"{len(fitting)} results at epoch 9, {len(fitting)} of them warm start" in first.origin["text"]
    assert audit_search(ledger, view["id"]).difference is None


def test_the_old_search_is_never_read_again(known, service):
    view = post(service, f"{known}/branch", {"algorithm": SPEC["algorithm"], "budget": {"trials": 3}}).json()
    twin = post(service, f"{known}/branch", {"algorithm": SPEC["algorithm"], "budget": {"trials": 3}}).json()
    run(service, view["id"])
    post(service, f"{known}/extend", {"trials": 20})
    run(service, known)
    run(service, twin["id"])
    ledger = service.searches.ledger
    assert what_happened(ledger, view["id"]) == what_happened(ledger, twin["id"])


def test_a_branch_may_look_for_another_metric_that_was_reported(known, service):
    changes = {"algorithm": SPEC["algorithm"], "objective": {"metric": "accuracy", "mode": "max"}}
    (parent,) = post(service, f"{known}/branch", changes).json()["lineage"]["parents"]
    assert parent["left_out"] == {"it has no value at an epoch where this search compares": 12}


def test_a_branch_to_a_wrong_spec_is_refused_field_by_field(known, service):
    answer = post(service, f"{known}/branch", {"space": {"lr": {"low": 5}}, "budget": {"trials": 0}})
    assert answer.status_code == 422
    assert post(service, f"{known}/branch", []).status_code == 422


def test_a_parameter_that_the_old_search_did_not_have_leaves_its_trials_out(known, service):
    changes = {"algorithm": SPEC["algorithm"], "space": {"dropout": {"type": "float", "low": 0.0, "high": 0.5}}}
    (parent,) = post(service, f"{known}/branch", changes).json()["lineage"]["parents"]
    assert parent["left_out"] == {"it has no dropout": 12}
    (parent,) = post(service, f"{known}/branch", {**changes, "space": {"hidden": None}}).json()["lineage"]["parents"]
    assert parent["left_out"] == {"hidden is not in the space": 12}


def test_a_warm_start_from_two_searches_is_shown_before_it_is_submitted(known, service):
    other = service.searches.submit("asha", trials=8, epochs=9, seed=7)
    run(service, other)
    spec = {**SPEC, "warm_start": {"from": [known, other]}}
    plan = service.http.post("/v1/searches:validate", json=spec).json()
    assert [(parent["search"], parent["trials"]) for parent in plan["warm_start"]] == [(known, 12), (other, 8)]
    assert "of them warm start" in plan["first_proposals"][0]["origin"]["text"]
    made = service.http.post("/v1/searches", json=spec).json()
    run(service, made["id"])
    first = service.searches.ledger.trial(made["id"], 0)
    assert first.config == plan["first_proposals"][0]["config"]
    assert made["spec"]["warm_start"] == {"from": [known, other]}


def test_another_projects_search_is_none_to_begin_with_or_to_go_on_with(known, service, key_of):
    theirs = key_of("theirs")
    spec = {**SPEC, "warm_start": {"from": [known]}}
    answer = service.http.post("/v1/searches", json=spec, headers=theirs)
    assert answer.status_code == 422
    assert "must be the id of a search" in answer.json()["errors"][0]["message"]
    for verb in ("extend", "retry", "branch"):
        assert post(service, f"{known}/{verb}", {}, **theirs).status_code == 404


def test_a_sampler_without_a_model_is_told_nothing_and_the_plan_says_so(known, service):
    spec = {**SPEC, "algorithm": {"name": "asha"}, "warm_start": {"from": [known]}}
    plan = service.http.post("/v1/searches:validate", json=spec).json()
    expected = {"search": known, "kind": "warm_start", "trials": 0}
    assert plan["warm_start"] == [expected | {"left_out": {"the sampler random learns nothing": 12}}]


def test_a_warm_start_from_what_cannot_be_compared_is_refused_with_its_path(known, service):
    sources = [
        known,
        known,
        "nothere",
        service.searches.submit("random", objective={"metric": "accuracy", "mode": "max"}),
    ]
    answer = service.http.post("/v1/searches", json={**SPEC, "warm_start": {"from": sources}})
    assert answer.status_code == 422
    faults = {fault["path"]: fault["message"] for fault in answer.json()["errors"]}
    assert list(faults) == ["warm_start.from.1", "warm_start.from.2", "warm_start.from.3"]
    assert "must look for min loss" in faults["warm_start.from.3"]


def test_configurations_that_a_person_asked_for_come_first_also_after_a_warm_start(known, service):
    spec = {**SPEC, "warm_start": {"from": [known]}, "enqueue": [{"lr": 0.02}]}
    made = service.http.post("/v1/searches", json=spec).json()["id"]
    run(service, made)
    ledger = service.searches.ledger
    assert [t.origin["kind"] for t in ledger.trials(made)] == ["enqueued", "model", "model"]
    assert audit_search(ledger, made).difference is None


def test_of_many_trials_the_best_and_a_fair_choice_of_the_rest_are_taken(known, service, monkeypatch):
    monkeypatch.setattr("service.api.knowledge.MOST_TRIALS", 8)
    monkeypatch.setattr("service.api.knowledge._BEST", 2)
    plan = service.http.post("/v1/searches:validate", json={**SPEC, "warm_start": {"from": [known]}}).json()
    assert plan["warm_start"][0]["trials"] == 8
    assert plan["warm_start"][0]["left_out"] == {"beyond the 8 that say most": 4}
