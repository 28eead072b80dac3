"""Who may come in. Deny by default, for every route and every method."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from service.api.authentication import Authenticator
from service.api.scopes import OPEN
from tests.unit.api.conftest import TOKEN
from tests.unit.api.test_bad_input import assert_problem

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS")

HERE = "http://127.0.0.1:8000"  # in full, or a client takes `//healthz` for a host


def paths(app):
    """Every path that the application serves, with something in its parameters' places."""
    found = {route.path for route in app.routes if hasattr(route, "path")} | set(app.openapi()["paths"])
    return sorted(path.replace("{search}", "x").replace("{number}", "1") for path in found)


def test_every_route_wants_the_token_but_healthz_and_the_files_of_the_page(service):
    walked = paths(service.app)
    assert "/v1/searches/x/best/checkpoint" in walked
    for path in walked:
        for method in METHODS:
            for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic cnVuZ19zZWNyZXQ="}):
                answer = service.anonymous.request(method, path, headers=headers)
                if f"{method} {path}" in OPEN:
                    assert answer.status_code == (404 if "static" in path else 200)
                else:
                    assert answer.status_code == 401, (method, path)
                    assert answer.headers["www-authenticate"] == "Bearer"
    assert set(OPEN) == {"GET /healthz", "GET /", "GET /ui/{path:path}", "GET /ui/static/{file:path}"}


def test_paths_that_only_look_like_healthz_are_not_open(service):
    for path in ("/healthz/", "/healthz/../v1/searches", f"{HERE}//healthz", "/HEALTHZ", "/v1/searches?x=/healthz"):
        assert service.anonymous.get(path).status_code == 401


@pytest.mark.parametrize("method", METHODS)
def test_a_foreign_host_or_origin_is_refused_whatever_the_method(method, service):
    hosts = ("evil.example", "127.0.0.1.evil.example", "[", "")
    origins = ("http://evil.example", "null", "http://[", "127.0.0.1", "")
    for headers in (*({"Host": host} for host in hosts), *({"Origin": origin} for origin in origins)):
        assert service.http.request(method, "/v1/searches", headers=headers).status_code == 403, headers
        assert service.http.request(method, "/healthz", headers=headers).status_code == 403


def test_our_own_names_are_let_in(service):
    for host in ("127.0.0.1:8000", "localhost:9", "[::1]:8000", "LOCALHOST"):
        assert service.http.get("/v1/searches", headers={"Host": host}).status_code == 200
        assert service.http.get("/v1/searches", headers={"Origin": f"http://{host}"}).status_code == 200


def test_every_answer_forbids_sniffing_and_framing(service):
    for answer in (service.http.get("/v1/searches"), service.anonymous.get("/v1/searches")):
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]


def test_an_empty_token_opens_nothing():
    with pytest.raises(ValueError, match="must be a secret"):
        Authenticator(None, "", timedelta(hours=1))


def test_a_problem_of_the_guard_has_the_one_shape(service):
    assert_problem(service.anonymous.get("/v1/searches"), 401)
    assert_problem(service.http.get("/v1/searches", headers={"Host": "evil.example"}), 403)


def test_nothing_but_the_whole_token_opens(service):
    nearly = (
        "Bearer",
        "Bearer ",
        f"Bearer {TOKEN[:-1]}",
        f"Bearer {TOKEN}x",
        f"Bearer  {TOKEN}",
        TOKEN,
        b"Bearer \xff",
    )
    for given in nearly:
        assert_problem(service.anonymous.get("/v1/searches", headers={"Authorization": given}), 401)


def test_the_scheme_may_be_written_in_any_case(service):
    assert service.anonymous.get("/v1/searches", headers={"Authorization": f"bEARER {TOKEN}"}).status_code == 200


def test_a_body_that_broke_off_is_not_acted_on(service):
    # As YAML this beginning is a whole spec: acted on, it would run with the budget that was cut off
    beginning = b"trainable: digits_mlp\n"
    messages = [{"type": "http.request", "body": beginning, "more_body": True}, {"type": "http.disconnect"}]
    headers = {"host": "localhost", "authorization": f"Bearer {TOKEN}", "content-type": "application/yaml"}
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/v1/searches",
        "query_string": b"",
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
    }
    sent = []

    async def receive():
        return messages.pop(0)

    async def send(message):
        sent.append(message)

    asyncio.run(service.door(scope, receive, send))
    assert sent == []
    assert service.searches.ledger.searches().items == ()
