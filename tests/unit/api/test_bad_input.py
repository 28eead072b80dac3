"""What bad input gets: a 4xx problem naming path, got, must and the way out, and nothing stored.

The canonical shape: {"type", "title", "status", "detail", "errors": [{"path", "message"}]}.
"""

from __future__ import annotations

import json
import time

import pytest

GOOD = {"trainable": "digits_mlp", "budget": {"trials": 2, "epochs": 1}}
FLOAT = {"type": "float", "low": 0.0, "high": 1.0}


def assert_problem(answer, status):
    """The one shape of every error."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert set(problem) == {"type", "title", "status", "detail", "errors"}
    assert problem["status"] == status
    assert "Traceback" not in answer.text
    return problem


def space(**parameters):
    return {"space": parameters}


REFUSED = {
    "an unknown trainable": ({"trainable": "digits_mpl"}, "trainable", "digits_mlp"),
    "an unknown key": ({"colour": 1}, "colour", "unknown key"),
    "a misspelt key": ({"parralelism": 1}, "parralelism", "did you mean parallelism"),
    "a misspelt key below": ({"budget": {"trails": 3}}, "budget.trails", "did you mean trials"),
    "a misspelt key of a parameter": (space(x={**FLOAT, "hihg": 2}), "space.x.hihg", "high"),
    "a misspelt option": ({"algorithm": {"name": "asha", "eta": 3}}, "algorithm.eta", "reduction_factor"),
    "an unknown algorithm": ({"algorithm": {"name": "ahsa"}}, "algorithm.name", "asha"),
    "low above high": (space(x={"type": "float", "low": 2, "high": 1}), "space.x", "high"),
    "low equal to high": (space(x={"type": "int", "low": 2, "high": 2}), "space.x", "high"),
    "log from zero": (space(x={"type": "float", "low": 0, "high": 1, "log": True}), "space.x", "log"),
    "no choices": (space(x={"type": "categorical", "choices": []}), "space.x.choices", "got"),
    "a missing parent": (space(x={**FLOAT, "when": {"y": 1}}), "space.x.when.y", "declared earlier"),
    "a later parent": (
        space(x={**FLOAT, "when": {"y": "a"}}, y={"type": "categorical", "choices": ["a", "b"]}),
        "space.x.when.y",
        "earlier",
    ),
    "a cycle": (
        space(
            x={"type": "categorical", "choices": ["a", "b"], "when": {"y": "a"}},
            y={"type": "categorical", "choices": ["a", "b"], "when": {"x": "a"}},
        ),
        "space.x.when.y",
        "earlier",
    ),
    "a parameter that is its own parent": (space(x={**FLOAT, "when": {"x": 1}}), "space.x.when.x", "itself"),
    "a grid over a continuous parameter": ({"algorithm": {"name": "grid"}, **space(x=FLOAT)}, "algorithm", "step"),
    "GPUs that no node has": (
        {"resources": {"workers": 8, "gpus_per_worker": 1}},
        "resources.gpus_per_worker",
        "asks for 8 GPUs on one node; the largest node has 0",
    ),
    "CPUs that no node has": ({"resources": {"workers": 5}}, "resources.cpus_per_worker", "asks for 5 CPUs"),
    "a metric that is not reported": ({"objective": {"metric": "f1"}}, "objective.metric", "accuracy"),
    "no trials": ({"budget": {"trials": 0}}, "budget.trials", ">= 1"),
    "a number as text": ({"parallelism": "4"}, "parallelism", "whole number"),
    "min_epochs above the epochs": ({"algorithm": {"name": "asha", "min_epochs": 9}}, "algorithm.min_epochs", "epochs"),
    "an enqueued value out of bounds": ({"enqueue": [{"lr": 50}]}, "enqueue.0.lr", "got"),
    "a name with a slash": ({"name": "../x"}, "name", "must be"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_it_is_refused_with_the_path_and_nothing_is_stored(case, service):
    change, path, says = REFUSED[case]
    for route in ("/v1/searches", "/v1/searches:validate"):
        problem = assert_problem(service.http.post(route, json={**GOOD, **change}), 422)
        told = [error for error in problem["errors"] if error["path"].startswith(path)]
        assert told, problem["errors"]
        assert any(says in error["message"] for error in told), told
    assert service.http.get("/v1/searches").json()["items"] == []
    assert service.pokes == []


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999"])
@pytest.mark.parametrize(
    "where", ['"budget": {"seconds": %s}', '"weight": %s', '"space": {"x": {"type": "float", "low": 0, "high": %s}}']
)
def test_numbers_that_are_not_finite_are_refused_wherever_they_stand(number, where, service):
    body = '{"trainable": "digits_mlp", ' + where % number + "}"
    answer = service.http.post("/v1/searches", content=body, headers={"Content-Type": "application/json"})
    assert_problem(answer, 422)
    assert service.http.get("/v1/searches").json()["items"] == []


def test_a_grid_of_ten_to_the_twelve_points_is_answered_at_once(service):
    parameters = {f"x{i}": {"type": "int", "low": 1, "high": 1000} for i in range(4)}
    began = time.monotonic()
    problem = assert_problem(
        service.http.post("/v1/searches", json={**GOOD, "algorithm": {"name": "grid"}, "space": parameters}), 422
    )
    assert time.monotonic() - began < 5  # enumerating them would take days
    assert "1000000000000" in problem["errors"][0]["message"]


def test_every_fault_is_told_at_once(service):
    answer = service.http.post("/v1/searches", json={**GOOD, "colour": 1, "parallelism": 0, "budget": {"epochs": 0}})
    paths = {error["path"] for error in assert_problem(answer, 422)["errors"]}
    assert paths == {"colour", "parallelism", "budget.epochs"}


@pytest.mark.parametrize("body", [b"{", b"\xff\xfe", b"[" * 100_0, b'{"a": ' * 40 + b"1" + b"}" * 40])
def test_a_body_that_cannot_be_read_is_a_400(body, service):
    answer = service.http.post("/v1/searches", content=body, headers={"Content-Type": "application/json"})
    assert_problem(answer, 400)


def test_yaml_is_read_and_its_tags_are_not_obeyed(service):
    headers = {"Content-Type": "application/yaml"}
    good = "trainable: digits_mlp\nbudget: {trials: 2, epochs: 1}\n"
    assert service.http.post("/v1/searches", content=good, headers=headers).status_code == 201
    evil = "trainable: !!python/object/apply:os.system ['true']\n"
    assert_problem(service.http.post("/v1/searches", content=evil, headers=headers), 400)


def test_another_content_type_is_a_415(service):
    answer = service.http.post("/v1/searches", content="x", headers={"Content-Type": "text/plain"})
    assert_problem(answer, 415)


def test_a_body_that_is_too_large_is_a_413_whether_or_not_it_says_so(service):
    large = b" " * (1 << 17)
    assert_problem(service.http.post("/v1/searches", content=large), 413)
    chunks = (large[i : i + 4096] for i in range(0, len(large), 4096))
    assert_problem(service.http.post("/v1/searches", content=chunks), 413)


@pytest.mark.parametrize(
    "path", ["/v1/searches/nosuch", "/v1/searches/nosuch/trials/1", "/v1/nothing", "/v1/searches/nosuch/best"]
)
def test_what_is_not_there_is_a_404_problem(path, service):
    assert_problem(service.http.get(path), 404)


@pytest.mark.parametrize("query", ["limit=0", "limit=999999", "state=asleep", "cursor=%00"])
def test_a_bad_query_is_a_422_with_its_name(query, service):
    problem = assert_problem(service.http.get(f"/v1/searches?{query}"), 422)
    assert problem["errors"][0]["path"].split(".")[-1] == query.split("=")[0]


def test_a_method_that_a_route_does_not_have_is_a_405_problem(service):
    assert_problem(service.http.delete("/v1/searches"), 405)


def test_an_error_of_our_own_tells_nothing_of_the_inside(service):
    @service.app.get("/broken")
    def broken():
        raise RuntimeError("the secret inside")

    answer = service.http.get("/broken")
    assert_problem(answer, 500)
    assert "secret" not in json.dumps(answer.json())
