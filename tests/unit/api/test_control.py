"""What people ask of searches while they run, over HTTP: changes, configurations, pauses, verbs on many."""

from __future__ import annotations

import pytest

from service.states import SearchState
from tests.unit.api.test_bad_input import assert_problem


@pytest.fixture
def search(service):
    """The id of a running search of four trials."""
    return service.searches.submit(trials=4, epochs=3, tags={"team": "vision"})


def patch(service, search, body, **headers):
    return service.http.patch(f"/v1/searches/{search}", json=body, headers=headers)


def test_a_change_is_merged_into_the_spec_and_told_by_its_etag(service, search):
    before = service.http.get(f"/v1/searches/{search}")
    answer = patch(service, search, {"parallelism": 9, "budget": {"trials": 7}, "tags": {"team": None, "who": "me"}})
    spec = answer.json()["spec"]
    assert (spec["parallelism"], spec["budget"]["trials"], spec["tags"]) == (9, 7, {"who": "me"})
    assert spec["budget"]["epochs"] == 3
    assert (before.headers["etag"], answer.headers["etag"]) == ('"1"', '"2"')
    assert service.http.get(f"/v1/searches/{search}").json()["spec"] == spec
    assert service.http.get("/v1/searches?tag=who=me").json()["items"][0]["id"] == search


def test_if_match_lets_one_of_two_change_it(service, search):
    assert patch(service, search, {"priority": 1}, **{"If-Match": '"1"'}).status_code == 200
    assert_problem(patch(service, search, {"priority": 2}, **{"If-Match": '"1"'}), 412)
    assert patch(service, search, {"priority": 2}, **{"If-Match": '"7", W/"2"'}).json()["spec"]["priority"] == 2
    assert patch(service, search, {"priority": 3}, **{"If-Match": "*"}).json()["spec"]["priority"] == 3
    problem = assert_problem(patch(service, search, {"priority": 4}, **{"If-Match": "3"}), 422)
    assert problem["errors"][0]["path"] == "If-Match"


REFUSED = {
    "epochs": ({"budget": {"epochs": 9}}, "budget.epochs", "POST .../extend can raise it"),
    "a seed": ({"seed": 1}, "seed", "must stay as it is"),
    "a typing error": ({"paralellism": 1}, "paralellism", "did you mean parallelism"),
    "a typing error in the budget": ({"budget": {"trails": 1}}, "budget.trails", "did you mean trials"),
    "no trials at all": ({"budget": {"trials": None}}, "budget.trials", "whole number"),
    "a value out of bounds": ({"weight": 0}, "weight", "> 0"),
    "a time without a zone": ({"deadline": "2030-01-01T00:00:00"}, "deadline", "timezone"),
    "a list": ([1], "(body)", "object"),
    "a budget that is none": ({"budget": 3}, "budget", "object"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_changed_is_refused_with_its_path_and_why(case, service, search):
    body, path, says = REFUSED[case]
    problem = assert_problem(patch(service, search, body), 422)
    assert any(error["path"] == path and says in error["message"] for error in problem["errors"]), problem
    assert service.http.get(f"/v1/searches/{search}").headers["etag"] == '"1"'


def test_a_configuration_is_added_once_for_each_key_and_checked_against_the_space(service, search):
    path = f"/v1/searches/{search}/enqueue"
    for _ in range(2):
        answer = service.http.post(path, json={"lr": 0.01}, headers={"Idempotency-Key": "once"})
        assert answer.status_code == 202
    assert answer.json()["spec"]["enqueue"] == [{"lr": 0.01}]
    problem = assert_problem(service.http.post(path, json={"lr": 5}), 422)
    assert problem["errors"][0]["path"].endswith("lr")
    assert_problem(service.http.post(path, json={"lr": 0.02}, headers={"Idempotency-Key": "once"}), 422)


def test_no_more_configurations_are_taken_than_trials_may_begin(service, search):
    path = f"/v1/searches/{search}/enqueue"
    for _ in range(4):
        assert service.http.post(path, json={}).status_code == 202
    assert "raise budget.trials" in assert_problem(service.http.post(path, json={}), 409)["detail"]
    patch(service, search, {"budget": {"trials": 5}})
    assert service.http.post(path, json={}).status_code == 202


def test_pause_and_resume_are_wishes_until_the_runner_obeys(service, search):
    assert service.http.post(f"/v1/searches/{search}/pause").json()["intent"] == "pause"
    assert service.http.get(f"/v1/searches/{search}").json()["state"] == "running"
    assert service.http.post(f"/v1/searches/{search}/resume").json()["intent"] == "run"


def test_a_verb_on_many_means_those_that_the_filter_finds_and_that_live(service, search):
    other = service.searches.submit(trials=4, tags={"team": "audio"})
    body = {"tag": "team=vision", "state": "running"}
    counted = service.http.post("/v1/searches:pause", json=body | {"dry_run": True}).json()
    assert (counted["matched"], counted["searches"]) == (1, [search])
    assert not service.searches.ledger.search(search).on_hold
    assert service.http.post("/v1/searches:pause", json=body).json()["refused"] == {}
    assert service.searches.ledger.search(search).on_hold
    assert not service.searches.ledger.search(other).on_hold
    assert service.http.post("/v1/searches:cancel", json={"all": True}).json()["matched"] == 2
    refused = service.http.post("/v1/searches:stop", json={"all": True}).json()["refused"]
    assert set(refused) == {search, other}
    assert "more severe" in refused[search]


def test_a_verb_on_many_without_a_filter_is_refused(service):
    assert_problem(service.http.post("/v1/searches:cancel", json={}), 422)


def test_a_paused_search_is_cancelled_at_once(service):
    search = service.searches.ledger.submit(spec=_SPEC, name="s", trainable="t", trainable_path="m:T")[0].id
    service.http.post(f"/v1/searches/{search}/pause")
    assert service.http.post(f"/v1/searches/{search}/cancel").json()["state"] == SearchState.CANCELLED


_SPEC = {"trainable": "t", "algorithm": {"name": "random"}, "objective": {"metric": "loss", "mode": "min"}}
