"""A key sees its own project: what belongs to another does not exist for it, on any route."""

from __future__ import annotations

import json

import pytest

from service.access import Scope
from service.api.scopes import ROUTES
from tests.unit.api.test_bad_input import GOOD, assert_problem

OF_A_SEARCH = sorted(route for route in ROUTES if "{search}" in route)


@pytest.fixture
def foreign(service, key_of, ended):
    """The headers of a key that may do everything in another project than that of the search `ended`."""
    return key_of("other", *Scope)


def ask(service, route, search, headers):
    method, _, path = route.partition(" ")
    path = path.replace("{search}", search).replace("{number}", "0")
    return service.anonymous.request(method, path, headers=headers)


def test_a_search_of_another_project_is_as_one_that_does_not_exist(service, ended, foreign):
    for route in OF_A_SEARCH:
        of_another = ask(service, route, ended, foreign)
        of_nobody = ask(service, route, "nosuchsearch", foreign)
        assert_problem(of_another, 404)
        assert of_another.json()["detail"].replace(ended, "") == of_nobody.json()["detail"].replace("nosuchsearch", "")


def test_each_of_these_routes_answers_the_key_of_the_right_project(service, ended, key_of):
    own = key_of("default", *Scope)
    for route in OF_A_SEARCH:
        if not route.endswith("/events"):
            answer = ask(service, route, ended, own)
            assert answer.status_code not in (401, 403), route
            assert "must be the id of a search" not in answer.text, route


def test_a_listing_shows_the_own_project_only(service, ended, foreign, key_of):
    assert service.anonymous.get("/v1/searches", headers=foreign).json()["items"] == []
    own = service.anonymous.get("/v1/searches", headers=key_of("default")).json()["items"]
    assert [search["id"] for search in own] == [ended]
    assert {search["project"] for search in own} == {"default"}


def test_a_project_that_the_key_does_not_see_cannot_be_asked_for(service, foreign):
    assert_problem(service.anonymous.get("/v1/searches?project=default", headers=foreign), 404)
    assert_problem(service.anonymous.post("/v1/searches?project=default", json=GOOD, headers=foreign), 404)
    assert service.anonymous.get("/v1/searches?project=other", headers=foreign).status_code == 200


def test_what_a_key_submits_is_its_projects(service, foreign):
    made = service.anonymous.post("/v1/searches", json=GOOD, headers=foreign)
    assert made.status_code == 201
    assert made.json()["project"] == "other"
    assert [s["id"] for s in service.http.get("/v1/searches?project=other").json()["items"]] == [made.json()["id"]]
    assert service.http.get("/v1/searches?project=default").json()["items"] != made.json()


def test_who_sees_every_project_chooses_one(service, key_of):
    key_of("vision")
    assert service.http.post("/v1/searches?project=vision", json=GOOD).json()["project"] == "vision"
    assert service.http.post("/v1/searches", json=GOOD).json()["project"] == "default"
    assert_problem(service.http.post("/v1/searches?project=nosuch", json=GOOD), 404)


def test_the_owner_of_a_search_cannot_be_written_in_its_spec(service):
    assert_problem(service.http.post("/v1/searches", json=GOOD | {"project": "other"}), 422)


def test_an_idempotency_key_belongs_to_who_sent_it(service, key_of):
    once = {"Idempotency-Key": "same"}
    made = [
        service.anonymous.post("/v1/searches", json=GOOD, headers=headers | once).json()["id"]
        for headers in (key_of("a"), key_of("a"), key_of("b"))
    ]
    assert len(set(made)) == 3


def test_an_idempotency_key_does_not_carry_a_search_into_another_project(service, key_of):
    key_of("a")
    once = {"Idempotency-Key": "same"}
    assert service.http.post("/v1/searches?project=a", json=GOOD, headers=once).status_code == 201
    assert_problem(service.http.post("/v1/searches?project=default", json=GOOD, headers=once), 422)


def test_a_project_s_admin_makes_keys_of_that_project_only(service, key_of):
    admin = key_of("a", Scope.ADMIN)
    key_of("b")
    wanted = {"name": "k", "scopes": ["admin"]}
    made = service.anonymous.post("/v1/keys", json=wanted, headers=admin)
    assert made.json()["project"] == "a"
    assert_problem(service.anonymous.post("/v1/keys", json=wanted | {"project": "b"}, headers=admin), 404)
    assert {key["project"] for key in service.anonymous.get("/v1/keys", headers=admin).json()["items"]} == {"a"}
    assert_problem(service.anonymous.post("/v1/projects", json={"name": "c"}, headers=admin), 403)
    assert [p["name"] for p in service.anonymous.get("/v1/projects", headers=admin).json()] == ["a"]


def test_a_key_of_another_project_can_be_neither_seen_nor_revoked(service, key_of):
    other = service.http.post("/v1/keys", json={"name": "k", "scopes": ["admin"]}).json()["id"]
    admin = key_of("a", Scope.ADMIN)
    assert_problem(service.anonymous.delete(f"/v1/keys/{other}", headers=admin), 404)
    assert other not in json.dumps(service.anonymous.get("/v1/keys", headers=admin).json())
    assert service.searches.ledger.key(other).revoked_at is None


def test_the_audit_log_of_a_project_is_that_of_its_keys(service, key_of):
    admin = key_of("a", Scope.ADMIN)
    service.http.post("/v1/searches", json=GOOD)
    service.anonymous.post("/v1/searches", json=GOOD, headers=admin)
    lines = service.anonymous.get("/v1/audit-log", headers=admin).json()["items"]
    assert [(line["method"], line["path"], line["status"], line["project"]) for line in lines] == [
        ("POST", "/v1/searches", 201, "a")
    ]
    everybodys = service.http.get("/v1/audit-log").json()["items"]
    assert [line["principal"] for line in everybodys] == [lines[0]["principal"], "operator"]


@pytest.mark.parametrize("verb", ["stop", "cancel", "pause", "resume"])
def test_a_verb_on_many_reaches_the_own_project_only(verb, service, key_of):
    theirs = service.http.post("/v1/searches", json=GOOD).json()
    headers = key_of("a", *Scope)
    own = service.anonymous.post("/v1/searches", json=GOOD, headers=headers).json()["id"]
    done = service.anonymous.post(f"/v1/searches:{verb}", json={"all": True}, headers=headers)
    assert done.json()["searches"] == [own]
    assert service.http.get(f"/v1/searches/{theirs['id']}").json()["version"] == theirs["version"]
    assert service.http.get(f"/v1/searches/{theirs['id']}").json()["intent"] == "run"
