"""Browsers: the cookie, what ends it, and what a foreign page cannot do with it."""

from __future__ import annotations

from datetime import timedelta
from http.cookies import SimpleCookie

import pytest

from service.access import Scope
from service.api.authentication import Authenticator
from tests.unit.api.test_bad_input import GOOD, assert_problem

HERE = "http://127.0.0.1:8000"


@pytest.fixture
def log_in(service):
    """Logs a browser in with these headers; returns the cookie's text and the answer."""

    def made(headers):
        answer = service.anonymous.post("/v1/session", headers=headers)
        service.anonymous.cookies.clear()  # each test says itself what its browser sends
        assert answer.status_code == 201
        return SimpleCookie(answer.headers["set-cookie"])["rung_session"].value, answer

    return made


@pytest.fixture
def browser(service, key_of, log_in):
    """Headers of a logged-in browser's own page; its key may do everything in the project `a`."""
    cookie, answer = log_in(key_of("a", *Scope))
    return {"Cookie": f"rung_session={cookie}", "Origin": HERE, "X-Rung-CSRF": answer.json()["csrf"]}


def without(headers, name):
    return {key: value for key, value in headers.items() if key != name}


def test_the_cookie_is_for_no_script_no_other_site_and_no_other_path(log_in, key_of):
    _, answer = log_in(key_of("a"))
    said = answer.headers["set-cookie"].lower()
    assert {"httponly", "samesite=strict", "path=/v1"} <= {part.strip() for part in said.split(";")}
    assert "secure" not in said  # the test's service has no TLS; with it a cookie stays on it


def test_a_session_may_what_its_key_may(service, browser):
    assert service.anonymous.get("/v1/searches", headers=browser).status_code == 200
    assert service.anonymous.post("/v1/searches", json=GOOD, headers=browser).json()["project"] == "a"
    assert_problem(service.anonymous.post("/v1/searches?project=default", json=GOOD, headers=browser), 404)


def test_a_reloaded_page_is_told_its_csrf_token_again(service, browser):
    told = service.anonymous.get("/v1/session", headers=without(browser, "X-Rung-CSRF")).json()
    assert told["csrf"] == browser["X-Rung-CSRF"]
    assert told["project"] == "a"


@pytest.mark.parametrize(
    "changed",
    [
        {"Origin": "http://127.0.0.1:9000"},
        {"Origin": "http://localhost:8000"},
        {"X-Rung-CSRF": ""},
        {"X-Rung-CSRF": "0" * 64},
    ],
)
def test_a_write_that_a_foreign_page_could_have_made_is_refused(changed, service, browser):
    for method, path in (("POST", "/v1/searches"), ("DELETE", "/v1/session"), ("POST", "/v1/keys")):
        assert_problem(service.anonymous.request(method, path, headers=browser | changed), 403)
    for missing in ("Origin", "X-Rung-CSRF"):
        assert_problem(service.anonymous.post("/v1/searches", json=GOOD, headers=without(browser, missing)), 403)
    assert service.searches.ledger.searches().items == ()


def test_the_csrf_token_of_another_session_is_none(service, browser, log_in, key_of):
    _, other = log_in(key_of("a"))
    forged = browser | {"X-Rung-CSRF": other.json()["csrf"]}
    assert_problem(service.anonymous.post("/v1/searches", json=GOOD, headers=forged), 403)


def test_logging_out_ends_the_session_here_and_not_only_in_the_browser(service, browser):
    answer = service.anonymous.delete("/v1/session", headers=browser)
    assert answer.status_code == 204
    assert "max-age=0" in answer.headers["set-cookie"].lower()
    assert_problem(service.anonymous.get("/v1/searches", headers=browser), 401)


def test_revoking_the_key_ends_its_sessions(service, key_of, log_in):
    key = key_of(None)
    cookie, _ = log_in(key)
    headers = {"Cookie": f"rung_session={cookie}"}
    assert service.anonymous.get("/v1/searches", headers=headers).status_code == 200
    service.searches.ledger.revoke_key(key["Authorization"][12:20])
    assert_problem(service.anonymous.get("/v1/searches", headers=headers), 401)


def test_a_session_ends_by_itself_and_with_a_new_operator_s_token(service, log_in):
    ledger = service.searches.ledger
    cookie, _ = log_in({"Authorization": "Bearer rung_secret"})
    headers = {"Cookie": f"rung_session={cookie}"}
    assert service.anonymous.get("/v1/session", headers=headers).json()["principal"] == "operator"
    service.door._authenticator = Authenticator(ledger, "another", timedelta(hours=1))
    assert_problem(service.anonymous.get("/v1/searches", headers=headers), 401)
    service.door._authenticator = service.context.authenticator
    service.context.authenticator._lifetime = timedelta(seconds=-1)
    cookie, _ = log_in({"Authorization": "Bearer rung_secret"})
    assert_problem(service.anonymous.get("/v1/searches", headers={"Cookie": f"rung_session={cookie}"}), 401)


@pytest.mark.parametrize("cookie", ["", "x", "x.y", ".", "a" * 43 + "." + "0" * 64, "é.é"])
def test_a_made_up_cookie_is_no_session(cookie, service):
    answer = service.anonymous.get("/v1/searches", headers={"Cookie": f"rung_session={cookie}".encode()})
    assert_problem(answer, 401)


def test_a_session_cannot_prolong_itself(service, browser):
    assert_problem(service.anonymous.post("/v1/session", headers=browser), 401)


def test_what_the_ledger_keeps_of_a_cookie_opens_nothing(service, log_in):
    cookie, _ = log_in({"Authorization": "Bearer rung_secret"})
    stored = b"".join(path.read_bytes() for path in service.searches.store.parent.glob("ledger.db*"))
    assert cookie.partition(".")[0].encode() not in stored
