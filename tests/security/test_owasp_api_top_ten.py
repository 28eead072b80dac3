"""The OWASP API Security Top 10 of 2023, an item each; where another file has the tests, it says which."""

from __future__ import annotations

import asyncio
import json

import pytest

from service.access import Scope
from service.api.scopes import OPEN, ROUTES
from service.errors import ConfigurationError
from service.settings import Settings
from tests.support.application import TOKEN
from tests.unit.api.test_bad_input import GOOD, assert_nothing_stored, assert_problem

# API1, objects: tests/unit/api/test_projects.py. API2, authentication: test_keys.py, test_sessions.py.
# API3, properties, and API7, addresses: test_holes_of_others.py. API5, functions: test_keys.py.


def test_api4_every_number_that_costs_something_has_a_limit(service):
    described = service.http.get("/openapi.json").json()
    for path, operations in described["paths"].items():
        for operation in operations.values():
            for parameter in operation.get("parameters", ()):
                kinds = parameter["schema"].get("anyOf", [parameter["schema"]])
                for kind in kinds:
                    if kind.get("type") == "integer":
                        assert kind.keys() & {"maximum", "exclusiveMaximum"}, (path, parameter["name"])
                    if kind.get("type") == "string" and "enum" not in kind:
                        assert kind.keys() & {"maxLength", "pattern", "format"}, (path, parameter["name"])


@pytest.mark.parametrize(
    "change",
    [
        {"budget": {"trials": 10**6}},
        {"parallelism": 10**6},
        {"resources": {"workers": 10**6}},
        {"enqueue": [{}] * 1001},
        {"tags": {str(i): "x" for i in range(33)}},
        {"tags": {"k": "x" * 257}},
        {"space": {f"p{i}": {"type": "float", "low": 0.0, "high": 1.0} for i in range(501)}},
    ],
)
def test_api4_a_spec_that_is_too_large_is_refused(change, service):
    assert_problem(service.http.post("/v1/searches", json=GOOD | change), 422)
    assert_nothing_stored(service)


def test_api4_a_body_that_is_too_deep_is_refused(service):
    deep = '{"space": ' + "[" * 5000 + "]" * 5000 + "}"
    headers = {"Content-Type": "application/json"}
    assert_problem(service.http.post("/v1/searches", content=deep, headers=headers), 400)
    assert service.http.post("/v1/keys", content=deep, headers=headers).status_code == 400


def test_api4_a_body_that_trickles_in_is_not_waited_for(service):
    sent = []

    async def receive():
        await asyncio.sleep(0.01)
        return {"type": "http.request", "body": b"{", "more_body": True}

    async def send(message):
        sent.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/v1/searches",
        "query_string": b"",
        "headers": [(b"host", b"localhost"), (b"authorization", f"Bearer {TOKEN}".encode())],
    }
    service.door._body_s = 0.1
    asyncio.run(service.door(scope, receive, send))
    assert sent[0]["status"] == 408
    assert_nothing_stored(service)


def test_api4_one_key_has_so_many_streams_and_no_more(service, ended, key_of):
    first, second = key_of("default", Scope.READ), key_of("default", Scope.READ)

    async def story():
        open_ = [service.context.follow(ended, 0, first["Authorization"][12:20]) for _ in range(3)]
        for stream in open_[:2]:
            await anext(stream)
        with pytest.raises(Exception, match="at most that many"):
            await anext(open_[2])
        other = service.context.follow(ended, 0, second["Authorization"][12:20])
        await anext(other)
        await open_[0].aclose()
        again = service.context.follow(ended, 0, first["Authorization"][12:20])
        await anext(again)
        for stream in (*open_[1:], other, again):
            await stream.aclose()

    asyncio.run(story())


def test_api6_what_a_key_asks_for_is_limited_a_second(service, key_of):
    service.door._requests._burst, service.door._requests._per_s = 2.0, 0.001
    headers = key_of(None)
    statuses = [service.anonymous.get("/v1/algorithms", headers=headers).status_code for _ in range(4)]
    assert statuses == [200, 200, 429, 429]
    assert service.http.get("/v1/algorithms").status_code == 200  # the operator has a bucket of its own


@pytest.mark.parametrize("host", ["0.0.0.0", "10.0.0.1", "example.org"])  # noqa: S104 - refused
def test_api8_an_open_address_without_tls_is_refused(host):
    with pytest.raises(ConfigurationError):
        Settings(host=host)
    assert Settings(host=host, behind_proxy=True).has_tls


def test_api8_no_answer_grants_another_origin_anything(service):
    for method in ("GET", "OPTIONS"):
        answer = service.http.request(
            method,
            "/v1/searches",
            headers={"Origin": "http://127.0.0.1:8000", "Access-Control-Request-Method": "POST"},
        )
        assert not [name for name in answer.headers if name.lower().startswith("access-control")]


def test_api8_there_is_no_page_of_documentation_without_a_key(service):
    for path in ("/docs", "/redoc", "/openapi.json"):
        assert service.anonymous.get(path).status_code == 401


def test_api8_an_error_inside_tells_nothing_of_the_inside(service):
    @service.app.get("/v1/broken")
    def broken():
        raise RuntimeError("/secret/path")

    answer = service.http.get("/v1/broken")
    assert_problem(answer, 500)
    assert "secret" not in answer.text
    assert "Traceback" not in answer.text


def test_api9_everything_that_is_no_page_is_under_one_version():
    outside = {"/healthz", "/readyz", "/openapi.json"}
    paths = {route.partition(" ")[2] for route in ROUTES} - outside
    assert [path for path in paths if not path.startswith("/v1/") and f"GET {path}" not in OPEN] == []


def test_api10_what_a_trial_says_is_text_and_not_more(service, ended):
    for path in ("trials", "reports", "trials/0"):
        json.loads(service.http.get(f"/v1/searches/{ended}/{path}").text, parse_constant=pytest.fail)


def test_every_write_leaves_a_line_with_its_answer_and_no_read_does(service, key_of, ended):
    headers = key_of("default", Scope.READ, Scope.CANCEL)
    service.anonymous.get("/v1/searches", headers=headers)
    service.anonymous.post("/v1/searches:validate", json=GOOD, headers=headers)
    service.anonymous.post("/v1/searches", json=GOOD, headers=headers)
    service.anonymous.post(f"/v1/searches/{ended}/stop?why=%00", headers=headers)
    service.anonymous.post("/v1/searches", json=GOOD)
    lines = service.http.get("/v1/audit-log").json()["items"]
    assert [(line["path"], line["status"]) for line in reversed(lines)] == [
        ("/v1/searches", 403),
        (f"/v1/searches/{ended}/stop?why=%00", 409),
    ]
    assert {line["principal"] for line in lines} == {headers["Authorization"][12:20]}


def test_the_audit_log_comes_in_pages_and_by_key(service):
    for _ in range(5):
        service.http.post("/v1/projects", json={"name": "x"})
    first = service.http.get("/v1/audit-log?limit=3").json()
    second = service.http.get("/v1/audit-log", params={"limit": 3, "cursor": first["next_cursor"]}).json()
    assert [line["status"] for line in first["items"] + second["items"]] == [409] * 4 + [201]
    assert second["next_cursor"] is None
    assert service.http.get("/v1/audit-log?key=operator").json()["items"]
    assert service.http.get("/v1/audit-log?key=00000000").json()["items"] == []
