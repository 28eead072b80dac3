"""What bad input gets: a 4xx problem naming path, got, must and the way out, and nothing stored.

The canonical shape: {"type", "title", "status", "detail", "errors": [{"path", "message"}]}.
"""

from __future__ import annotations

import json
import time
from typing import get_args

import pytest

from service.errors import Fenced
from service.schemas import SearchSpec
from tests.unit.schemas.test_spec import fields

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


def post(service, body, route="/v1/searches", kind="application/json"):
    return service.http.post(route, content=body, headers={"Content-Type": kind})


def assert_nothing_stored(service):
    assert service.searches.ledger.searches().items == ()
    assert service.pokes == []


REFUSED = {
    "an unknown trainable": ({"trainable": "digits_mpl"}, "trainable", "digits_mlp"),
    "an unknown key": ({"colour": 1}, "colour", "unknown key"),
    "a misspelt key": ({"parralelism": 1}, "parralelism", "did you mean parallelism"),
    "a misspelt key below": ({"budget": {"trails": 3}}, "budget.trails", "did you mean trials"),
    "a misspelt key of a parameter": (space(x={**FLOAT, "hihg": 2}), "space.x.hihg", "high"),
    "a misspelt option": ({"algorithm": {"name": "asha", "eta": 3}}, "algorithm.eta", "reduction_factor"),
    "an unknown algorithm": ({"algorithm": {"name": "ahsa"}}, "algorithm.name", "asha"),
    "batches of no samples": (
        space(batch_size={"type": "int", "low": 0, "high": 64}),
        "space.batch_size",
        "got 0, must be an integer >= 1",
    ),
    "batches of half a sample": (space(batch_size={**FLOAT, "low": 1.5}), "space.batch_size", "got 1.5"),
    "a precision that does not exist": (
        space(precision={"type": "categorical", "choices": ["fp32", "int8"]}),
        "space.precision",
        "got 'int8', must be one of fp32, tf32, bf16, fp16",
    ),
    "a bool that is a number": (space(num_workers={"type": "bool"}), "space.num_workers", "got False"),
    "low above high": (space(x={"type": "float", "low": 2, "high": 1}), "space.x", "high"),
    "low equal to high": (space(x={"type": "int", "low": 2, "high": 2}), "space.x", "high"),
    "log from below zero": (space(x={"type": "int", "low": -1, "high": 9, "log": True}), "space.x", "log"),
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
    "a metric without its mode": ({"objective": {"metric": "accuracy"}}, "objective.mode", "must be min or max"),
    "one and a half GPUs": ({"resources": {"gpus_per_worker": 1.5}}, "resources.gpus_per_worker", "whole number"),
    "a trainable that cannot be loaded": ({"trainable": "broken"}, "trainable", "cannot be loaded"),
    "a trainable that suggests what no spec may have": (
        {"trainable": "endless", "budget": {}},
        "budget.trials",
        "<= 100000",
    ),
    "a NUL": ({"tags": {"team": "a\0b"}}, "tags.team", "without NUL"),
    "half of a surrogate pair": (space(x={"type": "categorical", "choices": ["a", "\ud800"]}), "space.x", "surrogate"),
    "half of a surrogate pair in a key": (space(**{"x\ud800": FLOAT}), "space", "surrogate"),
    "a number of 400 digits": ({"algorithm": {"name": "asha", "reduction_factor": 10**400}}, "algorithm", "10**18"),
    "a number that no database holds": ({"budget": {"failures": 2**63}}, "budget.failures", "10**18"),
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
        problem = assert_problem(post(service, json.dumps({**GOOD, **change}), route=route), 422)
        told = [error for error in problem["errors"] if error["path"].startswith(path)]
        assert told, problem["errors"]
        assert any(says in error["message"] for error in told), told
        assert all("got" in error["message"] or "asks for" in error["message"] for error in problem["errors"])
    assert_nothing_stored(service)


def test_an_integration_whose_library_is_not_installed_is_refused(service, monkeypatch):
    monkeypatch.setattr("trainables.integrations.catalog.find_spec", lambda _: None)
    spec = {**GOOD, "integrations": {"mlflow": True}}
    (error,) = assert_problem(service.http.post("/v1/searches", json=spec), 422)["errors"]
    assert error["path"] == "integrations.mlflow"
    assert "must be installed on every node" in error["message"]
    assert_nothing_stored(service)


@pytest.mark.parametrize(
    "integrations",
    [{"aim": True}, {"tensorboard": "yes"}, {"mlflow": {"tracking_uri": "file:///etc"}}, {"wandb": {"key": "secret"}}],
)
def test_an_integration_or_option_that_is_none_is_refused(integrations, service):
    answer = service.http.post("/v1/searches", json={**GOOD, "integrations": integrations})
    errors = assert_problem(answer, 422)["errors"]
    assert all(error["path"].startswith("integrations.") for error in errors)
    assert_nothing_stored(service)


@pytest.mark.parametrize("level", ["", "objective", "budget", "resources", "checkpoints", "retries"])
def test_an_unknown_key_is_refused_at_every_level_of_the_spec(level, service):
    change = {level: {"colour": 1}} if level else {"colour": 1}
    problem = assert_problem(service.http.post("/v1/searches", json={**GOOD, **change}), 422)
    assert problem["errors"][0]["path"] == f"{level}.colour".lstrip(".")
    assert "remove it" in problem["errors"][0]["message"]


NUMBERS = [
    *(
        name.split(".")
        for name, field in fields(SearchSpec)
        if {int, float} & {field.annotation, *get_args(field.annotation)}
    ),
    ["space", "x", "high"],
    ["space", "x", "default"],
    ["space", "y", "choices", 0],
    ["space", "z", "value"],
    ["space", "x", "when", "y"],
    ["algorithm", "reduction_factor"],
    ["enqueue", 0, "lr"],
]


@pytest.mark.parametrize("where", NUMBERS, ids=lambda where: ".".join(map(str, where)))
def test_numbers_that_are_not_finite_are_refused_wherever_they_stand(where, service):
    assert len(NUMBERS) > 20  # the walk over the spec found its numbers
    space = {
        "lr": FLOAT,
        "y": {"type": "categorical", "choices": [1, 2]},
        "x": {**FLOAT, "when": {"y": 1}},
        "z": {"type": "constant", "value": 1},
    }
    for number in ("NaN", "Infinity", "-Infinity", "1e999"):
        spec = json.loads(json.dumps({**GOOD, "space": space, "enqueue": [{}], "algorithm": {"name": "asha"}}))
        inner = spec
        for part in where[:-1]:
            inner = inner.setdefault(part, {}) if isinstance(inner, dict) else inner[part]
        inner[where[-1]] = "@"
        problem = assert_problem(post(service, json.dumps(spec).replace('"@"', number)), 422)
        top = ".".join(map(str, where[:2]))
        assert any(error["path"].startswith(top) for error in problem["errors"]), problem["errors"]
    assert_nothing_stored(service)


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


UNREADABLE = {
    "broken JSON": b"{",
    "no text": b"\xff\xfe",
    "very deep JSON": b"[" * 60_000,
    "deep JSON": b'{"a": ' * 40 + b"1" + b"}" * 40,
    "a number of 5000 digits": b'{"seed": ' + b"9" * 5000 + b"}",
}


@pytest.mark.parametrize("case", UNREADABLE)
def test_a_body_that_cannot_be_read_is_a_400(case, service):
    problem = assert_problem(post(service, UNREADABLE[case]), 400)
    assert problem["errors"][0]["path"] == "(body)"
    assert_nothing_stored(service)


def test_yaml_is_read_and_its_tags_are_not_obeyed(service):
    headers = {"Content-Type": "application/yaml"}
    good = "trainable: digits_mlp\nbudget: {trials: 2, epochs: 1}\n"
    assert service.http.post("/v1/searches", content=good, headers=headers).status_code == 201


LAUGHS = "a0: &a0 [x, x]\n" + "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 20))
EVIL = {
    "a Python object": "trainable: !!python/object/apply:os.system ['true']\n",
    "a Python name": "trainable: !!python/name:os.system\n",
    "a tag of its own": "trainable: !evil digits_mlp\n",
    "an alias": "trainable: &t digits_mlp\nname: *t\n",
    "aliases that stand for 2 * 9^19 values": LAUGHS,
    "a list that holds itself": "trainable: digits_mlp\nenqueue: &e [*e, *e, *e, *e]\n",
    "a merged alias": "a: &a {trainable: digits_mlp}\n<<: *a\n",
    "two documents": "trainable: digits_mlp\n---\ntrainable: digits_mlp\n",
    "a list as a key": "? [1, 2]\n: 3\n",
    "very deep YAML": "[" * 60_000,
}


@pytest.mark.parametrize("case", EVIL)
def test_yaml_that_is_more_than_values_is_a_400_at_once(case, service):
    began = time.monotonic()
    assert_problem(post(service, EVIL[case], kind="application/yaml"), 400)
    assert time.monotonic() - began < 10
    assert_nothing_stored(service)


YAML_FAULTS = {
    "a date": ("space: {x: {type: constant, value: 2020-01-01}}", "space.x.value"),
    "bytes": ("space: {x: {type: constant, value: !!binary aGVsbG8=}}", "space.x.value"),
    "a set": ("space: !!set {a, b}", "space"),
    "no finite number": ("weight: .nan", "weight"),
    "a number as a key": ("7: 1", "7"),
    "a number as the key of a tag": ("tags: {7: a}", "tags.7"),
}


@pytest.mark.parametrize("case", YAML_FAULTS)
def test_what_yaml_can_say_and_json_cannot_is_a_422(case, service):
    line, path = YAML_FAULTS[case]
    problem = assert_problem(post(service, f"trainable: digits_mlp\n{line}\n", kind="application/yaml"), 422)
    assert problem["errors"][0]["path"].startswith(path)
    assert_nothing_stored(service)


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""])
def test_another_content_type_is_a_415(kind, service):
    for route in ("/v1/searches", "/v1/searches:validate"):
        assert_problem(post(service, json.dumps(GOOD), route=route, kind=kind), 415)
    assert_nothing_stored(service)


def test_parameters_of_a_content_type_do_not_matter(service):
    assert post(service, json.dumps(GOOD), kind="Application/JSON; charset=utf-8").status_code == 201


def test_a_body_that_is_too_large_is_a_413_whether_or_not_it_says_so(service):
    large = json.dumps(GOOD).encode() + b" " * 20_000_000
    assert_problem(post(service, large), 413)
    assert_problem(post(service, (large[i : i + 65536] for i in range(0, len(large), 65536))), 413)
    assert_problem(service.http.get("/v1/searches", headers={"Content-Length": "a lot"}), 413)
    assert_nothing_stored(service)


@pytest.mark.parametrize(
    "path", ["/v1/searches/nosuch", "/v1/searches/nosuch/trials/1", "/v1/nothing", "/v1/searches/nosuch/best"]
)
def test_what_is_not_there_is_a_404_problem(path, service):
    assert_problem(service.http.get(path), 404)


@pytest.mark.parametrize("path", ["/trials/x", "/trials/-1", f"/trials/{10**30}", "/trials/x/reports", "%00"])
def test_an_address_that_cannot_be_is_a_422(path, service):
    search = service.searches.submit() if path.startswith("/") else ""
    assert_problem(service.http.get(f"/v1/searches/{search}{path}"), 422)


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=999999", "state=asleep", "cursor=%00", "cursor=MjAyMA==", "name=%00", "tag=%00"]
)
def test_a_bad_query_is_a_422_with_its_name(query, service):
    problem = assert_problem(service.http.get(f"/v1/searches?{query}"), 422)
    assert problem["errors"][0]["path"].split(".")[-1] == query.split("=")[0]


def test_a_method_that_a_route_does_not_have_is_a_405_problem(service):
    for path, methods in service.http.get("/openapi.json").json()["paths"].items():
        for method in {"DELETE", "PUT", "PATCH"} - {method.upper() for method in methods}:
            answer = service.http.request(method, path.replace("{search}", "x").replace("{number}", "1"))
            assert_problem(answer, 405)
            assert answer.headers["allow"] == ", ".join(sorted(method.upper() for method in methods))


def test_an_idempotency_key_must_be_one(service):
    for key in (" ", "k" * 256):
        answer = service.http.post("/v1/searches", json=GOOD, headers={"Idempotency-Key": key})
        assert assert_problem(answer, 422)["errors"][0]["path"].lower() == "idempotency-key"
    assert_nothing_stored(service)


def test_a_key_that_came_with_a_bad_spec_is_still_free(service):
    headers = {"Idempotency-Key": "k"}
    assert_problem(service.http.post("/v1/searches", json={"trainable": "nosuch"}, headers=headers), 422)
    assert service.http.post("/v1/searches", json=GOOD, headers=headers).status_code == 201


def test_an_error_of_our_own_tells_nothing_of_the_inside(service, caplog):
    @service.app.get("/broken")
    def broken():
        raise RuntimeError("the secret inside")

    @service.app.get("/lost")
    def lost():
        raise Fenced("the secret inside")

    for path in ("/broken", "/lost"):
        answer = service.http.get(path)
        assert_problem(answer, 500)
        assert "secret" not in answer.text
        assert "secret inside" in caplog.text  # the log has it
        caplog.clear()
