"""What the routes answer when all is well, from a real ledger."""

from __future__ import annotations

import re
import threading

import pytest

from service.api.scopes import ROUTES
from service.errors import LedgerUnavailable
from service.runner import study_of
from service.schemas import SearchSpec
from service.schemas.spec import NAME
from service.states import Intent, SearchState
from tests.unit.api.test_bad_input import GOOD, assert_problem


def test_every_route_is_described_and_says_what_scope_it_needs(service):
    described = service.http.get("/openapi.json").json()["paths"]
    found = {f"{method.upper()} {path}" for path, methods in described.items() for method in methods}
    pages = {"GET /", "GET /ui/{path:path}", "GET /ui/static/{file:path}", "GET /openapi.json"}
    assert found == set(ROUTES) - pages


def references(value):
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        value = list(value.values())
    if isinstance(value, list):
        for inner in value:
            yield from references(inner)


def test_every_reference_in_the_description_leads_somewhere(service):
    description = service.http.get("/openapi.json").json()
    found = set(references(description))
    assert "#/components/schemas/SearchSpec" in found
    for reference in found:
        inner = description
        for part in reference.removeprefix("#/").split("/"):
            inner = inner[part]
        assert inner


def test_the_description_has_the_spec_in_both_forms_it_may_have(service):
    paths = service.http.get("/openapi.json").json()["paths"]
    for path in ("/v1/searches", "/v1/searches:validate"):
        content = paths[path]["post"]["requestBody"]["content"]
        assert set(content) == {"application/json", "application/yaml"}


@pytest.mark.parametrize("trainable", ["_Odd", "digits_mlp"])
def test_a_search_without_a_name_gets_one_that_a_spec_may_have(trainable, service):
    view = service.http.post("/v1/searches", json=GOOD | {"trainable": trainable}).json()
    assert re.fullmatch(NAME, view["name"])
    assert service.http.get("/v1/searches").json()["items"][0]["name"] == view["name"]


def test_lists_are_filtered_by_state_and_tag(service):
    tags = ({"team": "vision"}, {"team": "speech"}, {})
    made = [service.http.post("/v1/searches", json=GOOD | {"tags": tag}).json()["id"] for tag in tags]
    service.http.post(f"/v1/searches/{made[1]}/cancel")

    def found(**params):
        return [item["id"] for item in service.http.get("/v1/searches", params=params).json()["items"]]

    assert found(tag="team") == [made[1], made[0]]
    assert found(tag="team=vision") == [made[0]]
    assert found(tag="team=") == []
    assert found(state="cancelled") == [made[1]]
    assert found(state="queued", tag="team") == [made[0]]
    assert found(state="running") == []


def test_the_first_proposals_of_a_validation_are_those_of_the_search(service):
    spec = GOOD | {"budget": {"trials": 5, "epochs": 1}, "seed": 11, "algorithm": {"name": "random"}}
    shown = service.http.post("/v1/searches:validate", json=spec).json()["first_proposals"]
    search = service.http.post("/v1/searches", json=spec).json()["id"]
    study = study_of(SearchSpec.model_validate(service.searches.ledger.search(search).spec), [])
    assert [proposal["config"] for proposal in shown] == [dict(study.next().config) for _ in range(3)]


def test_a_submission_is_answered_with_its_resolved_spec_and_wakes_the_coordinator(service):
    answer = service.http.post("/v1/searches", json=GOOD)
    assert answer.status_code == 201
    view = answer.json()
    assert view["state"] == "queued"
    assert view["spec"]["objective"] == {"metric": "loss", "mode": "min", "scope": "best"}
    assert "momentum" in view["spec"]["space"]
    assert answer.headers["location"] == f"/v1/searches/{view['id']}"
    assert service.http.get(view["links"]["self"]).json()["id"] == view["id"]
    assert service.pokes == [1]


def test_the_same_key_and_body_get_the_same_search_and_another_body_is_refused(service):
    headers = {"Idempotency-Key": "k"}
    first, second = (service.http.post("/v1/searches", json=GOOD, headers=headers) for _ in range(2))
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json()["id"] == second.json()["id"]
    assert_problem(service.http.post("/v1/searches", json=GOOD | {"seed": 1}, headers=headers), 422)
    assert len(service.http.get("/v1/searches").json()["items"]) == 1


def test_many_at_once_with_one_key_make_one_search(service):
    ids = []

    def submit():
        ids.append(service.http.post("/v1/searches", json=GOOD, headers={"Idempotency-Key": "k"}).json()["id"])

    threads = [threading.Thread(target=submit) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(ids) == 6
    assert len(set(ids)) == 1
    assert service.pokes == [1]


def test_validation_says_what_would_run_and_stores_nothing(service):
    spec = GOOD | {"algorithm": {"name": "asha"}, "budget": {"trials": 2, "epochs": 27}, "parallelism": 9}
    view = service.http.post("/v1/searches:validate", json=spec).json()
    assert (view["trials"], view["grid_size"], view["slots"]) == (2, None, 4)
    assert view["rungs"] == [1, 3, 9, 27]
    assert len(view["first_proposals"]) == 2
    assert view["forecast"]["most_epochs"] == 54
    assert [rung["epoch"] for rung in view["forecast"]["rungs"]] == view["rungs"]
    assert service.http.get("/v1/searches").json()["items"] == []


def test_lists_are_paged_without_holes_or_repeats(service):
    made = [service.http.post("/v1/searches", json=GOOD | {"name": f"s{i}"}).json()["id"] for i in range(7)]
    seen, cursor = [], None
    while True:
        page = service.http.get("/v1/searches", params={"limit": 3} | ({"cursor": cursor} if cursor else {})).json()
        seen += [item["id"] for item in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert seen == made[::-1]
    assert [s["name"] for s in service.http.get("/v1/searches", params={"name": "s3"}).json()["items"]] == ["s3"]


def test_trials_are_paged_from_number_zero(service, ended):
    numbers, cursor = [], None
    while True:
        params = {"limit": 2} | ({"cursor": cursor} if cursor is not None else {})
        page = service.http.get(f"/v1/searches/{ended}/trials", params=params).json()
        numbers += [trial["number"] for trial in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert numbers == [0, 1, 2, 3, 4]


def test_a_trial_shows_its_attempts_and_its_curve(service, ended):
    trial = service.http.get(f"/v1/searches/{ended}/trials/0").json()
    assert trial["history"][0]["outcome"] in ("completed", "stopped")
    reports = service.http.get(f"/v1/searches/{ended}/trials/0/reports").json()
    assert [report["epoch"] for report in reports] == list(range(1, trial["epoch"] + 1))


def test_the_best_is_the_best_of_all_reports(service, ended):
    best = service.http.get(f"/v1/searches/{ended}/best").json()
    reports = service.http.get(f"/v1/searches/{ended}/reports").json()
    assert best["value"] == min(report["value"] for report in reports)
    assert service.http.get(f"/v1/searches/{ended}").json()["best"] == best


def test_an_audit_decides_the_recorded_search_again(service, ended):
    view = service.http.get(f"/v1/searches/{ended}/audit").json()
    assert view == {
        "search": ended,
        "checked": len(service.searches.ledger.history(ended)) + 1,
        "difference": None,
    }
    assert_problem(service.http.get("/v1/searches/nothere/audit"), 404)


def test_an_audit_says_what_differs(service, ended, monkeypatch):
    monkeypatch.setattr("service.algorithms.samplers.base.draw_seed", lambda *_: 1)
    difference = service.http.get(f"/v1/searches/{ended}/audit").json()["difference"]
    assert (difference["trial"], difference["recorded"][:13]) == (0, "start trial 0")
    assert difference["recorded"] != difference["now"]
    assert difference["fields"]


def test_a_search_without_a_value_has_no_best(service):
    search = service.http.post("/v1/searches", json=GOOD).json()["id"]
    assert_problem(service.http.get(f"/v1/searches/{search}/best"), 404)
    assert_problem(service.http.get(f"/v1/searches/{search}/best/checkpoint"), 404)


def test_stop_and_cancel_leave_their_intent_and_an_ended_search_refuses_them(service, ended):
    search = service.searches.submit("random")
    assert service.http.post(f"/v1/searches/{search}/stop").status_code == 202
    assert service.searches.ledger.search(search).intent is Intent.STOP
    assert service.http.post(f"/v1/searches/{search}/cancel").status_code == 202
    assert service.http.post(f"/v1/searches/{search}/cancel").status_code == 202
    assert service.searches.ledger.search(search).intent is Intent.CANCEL
    assert_problem(service.http.post(f"/v1/searches/{ended}/stop"), 409)


def test_cancelling_a_queued_search_ends_it_at_once(service):
    search = service.http.post("/v1/searches", json=GOOD).json()["id"]
    assert service.http.post(f"/v1/searches/{search}/cancel").json()["state"] == SearchState.CANCELLED


def test_catalogs_list_what_a_spec_may_name(service):
    trainables = {row["name"]: row for row in service.http.get("/v1/trainables").json()}
    assert "Missing" in trainables["broken"]["error"]  # and hides none of the others
    assert trainables["digits_mlp"]["error"] is None
    assert "accuracy" in trainables["digits_mlp"]["metrics"]
    algorithms = {row["name"]: row for row in service.http.get("/v1/algorithms").json()}
    assert {"grid", "random", "asha", "hyperband", "bohb", "tpe"} <= set(algorithms)
    assert algorithms["bohb"]["paper"]


def test_readiness_names_what_is_not_ready_while_health_stays_green(service, monkeypatch):
    assert service.http.get("/readyz").json()["status"] == "ready"

    def unavailable(_ledger):
        raise LedgerUnavailable("it does not answer")

    monkeypatch.setattr(type(service.searches.ledger), "ping", unavailable)
    answer = service.http.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["checks"]["ledger"] != "ok"
    assert answer.json()["checks"]["coordinator"] == "ok"
    assert service.anonymous.get("/healthz").status_code == 200
