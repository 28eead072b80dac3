"""Keys: what they look like, what is stored of them, and when they open nothing."""

from __future__ import annotations

import hmac
import re
from datetime import UTC, datetime, timedelta
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.access import DEFAULT_PROJECT, OPERATOR, Scope, Secret
from service.api.limits import Buckets
from service.api.scopes import NEEDS, ROUTES
from service.errors import LedgerUnavailable, TooManyRequests
from tests.unit.api.test_bad_input import GOOD, assert_problem

KEYED = sorted(route for route, access in ROUTES.items() if not access.is_open)


def ask(http, route, headers):
    method, _, path = route.partition(" ")
    path = path.replace("{search}", "nosuch").replace("{number}", "1").replace("{key}", "00000000")
    return http.request(method, path, headers=headers)


def bearer(text):
    return {"Authorization": f"Bearer {text}"}


def test_a_key_has_a_prefix_for_scanners_an_id_256_bits_and_a_checksum():
    text = Secret.make().text
    assert re.fullmatch(r"rung_[0-9a-z]{8}_[A-Za-z0-9_-]{43}_[0-9a-f]{8}", text)
    assert Secret.parse(text).id == text[5:13]
    assert len({Secret.make().text for _ in range(200)}) == 200
    assert all(Secret.make().id != OPERATOR and "o" not in Secret.make().id for _ in range(200))


@given(position=st.integers(0, 65), letter=st.sampled_from("abcxyz0189_-"))
def test_a_mistyped_key_is_told_from_a_key(position, letter):
    text = Secret.make().text
    changed = text[:position] + letter + text[position + 1 :]
    assert (Secret.parse(changed) is None) == (changed != text)


def test_nothing_shows_a_key_but_the_answer_that_made_it(service):
    answer = service.http.post("/v1/keys", json={"name": "anna", "scopes": ["searches:read"]})
    text = answer.json()["key"]
    secret = Secret.parse(text)
    assert text not in repr(secret)
    (file,) = service.searches.store.parent.glob("ledger.db")
    stored = b"".join(path.read_bytes() for path in file.parent.glob("ledger.db*"))
    assert secret.id.encode() in stored
    assert text[14:57].encode() not in stored
    for path in ("/v1/keys", "/v1/audit-log", "/v1/session"):
        shown = service.http.get(path).text
        assert text[14:57] not in shown
        assert service.searches.ledger.key(secret.id).sha256 not in shown


def test_every_route_refuses_without_a_key_and_with_one_that_is_not_valid(service, key_of):
    revoked = key_of(None)
    service.searches.ledger.revoke_key(revoked["Authorization"][12:20])
    expired = key_of(None, expires_at=datetime.now(UTC) - timedelta(seconds=1))
    mistyped = bearer(key_of(None)["Authorization"][7:-1])
    for route in KEYED:
        for headers in ({}, bearer(Secret.make().text), revoked, expired, bearer("x"), mistyped):
            assert_problem(ask(service.anonymous, route, headers), 401)


def test_every_route_needs_exactly_its_scope(service, key_of):
    with_all_but = {scope: key_of(None, *(set(Scope) - {scope, Scope.ADMIN})) for scope in Scope}
    with_only = {scope: key_of(None, scope) for scope in Scope}
    for route in KEYED:
        needed = ROUTES[route].scope
        if needed is not None:
            assert_problem(ask(service.anonymous, route, with_all_but[needed]), 403)
        for scope in {needed or Scope.ARTIFACTS, Scope.ADMIN}:
            assert ask(service.anonymous, route, with_only[scope]).status_code not in (401, 403), route


def test_a_route_that_nobody_listed_needs_admin(service, key_of):
    @service.app.get("/v1/forgotten")
    def forgotten():
        return "open"

    assert_problem(service.anonymous.get("/v1/forgotten"), 401)
    assert_problem(service.anonymous.get("/v1/forgotten", headers=key_of(None, *set(Scope) - {Scope.ADMIN})), 403)
    assert service.http.get("/v1/forgotten").json() == "open"


def test_each_scope_is_needed_by_a_route_and_each_route_is_listed_once():
    assert set(NEEDS) == set(Scope)
    assert sum(len(routes) for routes in NEEDS.values()) == len(set().union(*NEEDS.values()))


def test_secrets_are_compared_in_constant_time(service, key_of):
    headers = key_of(None)
    with mock.patch("service.api.authentication.hmac.compare_digest", wraps=hmac.compare_digest) as compared:
        assert service.anonymous.get("/v1/searches", headers=headers).status_code == 200
    assert compared.call_count == 2  # with the operator's token, and with the hash that is stored


def test_a_revoked_key_opens_nothing_from_that_moment_on_and_revoking_is_repeatable(service, key_of):
    headers = key_of(None)
    key = headers["Authorization"][12:20]
    assert service.anonymous.get("/v1/searches", headers=headers).status_code == 200
    first = service.http.delete(f"/v1/keys/{key}")
    assert service.anonymous.get("/v1/searches", headers=headers).status_code == 401
    assert service.http.delete(f"/v1/keys/{key}").json()["revoked_at"] == first.json()["revoked_at"]


def test_the_last_use_of_a_key_is_noted_once_a_minute_and_never_in_the_way(service, key_of):
    headers, ledger = key_of(None), service.searches.ledger
    key = headers["Authorization"][12:20]
    assert ledger.key(key).last_used_at is None
    service.anonymous.get("/v1/searches", headers=headers)
    noted = ledger.key(key).last_used_at
    service.anonymous.get("/v1/searches", headers=headers)
    assert ledger.key(key).last_used_at == noted
    unwritable = key_of(None)
    with mock.patch.object(type(ledger), "note_use", side_effect=LedgerUnavailable("full")):
        assert service.anonymous.get("/v1/searches", headers=unwritable).status_code == 200


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"name": "k", "scopes": []}, "scopes"),
        ({"name": "k", "scopes": ["root"]}, "scopes.0"),
        ({"name": "../k", "scopes": ["admin"]}, "name"),
        ({"name": "k", "scopes": ["admin"], "expires_at": "2001-01-01T00:00:00Z"}, "expires_at"),
        ({"name": "k", "scopes": ["admin"], "expires_at": "2099-01-01T00:00:00"}, "expires_at"),
        ({"name": "k", "scopes": ["admin"], "id": "mine"}, "id"),
        ({"name": "k", "scopes": ["admin"], "sha256": "0" * 64}, "sha256"),
    ],
)
def test_a_key_is_made_of_what_may_be_asked_for_and_nothing_else(body, path, service):
    assert assert_problem(service.http.post("/v1/keys", json=body), 422)["errors"][0]["path"] == path
    assert service.searches.ledger.keys() == []


def test_keys_come_in_pages(service):
    made = sorted(service.http.post("/v1/keys", json={"name": "k", "scopes": ["admin"]}).json()["id"] for _ in range(5))
    first = service.http.get("/v1/keys?limit=3").json()
    second = service.http.get("/v1/keys", params={"limit": 3, "cursor": first["next_cursor"]}).json()
    assert [key["id"] for key in first["items"] + second["items"]] == made
    assert second["next_cursor"] is None


def test_a_key_that_asks_too_often_waits_and_nobody_else_does():
    now = [0.0]
    buckets = Buckets(per_s=2, burst=3, must="slower", now_s=lambda: now[0])
    for _ in range(3):
        buckets.take("a")
    with pytest.raises(TooManyRequests) as refused:
        buckets.take("a")
    assert refused.value.retry_after_s == 1
    buckets.take("b")
    now[0] = 0.5
    buckets.take("a")
    with pytest.raises(TooManyRequests):
        buckets.take("a")


def test_too_many_wrong_keys_are_a_429_and_the_right_one_still_opens(service, key_of):
    service.door._failures = Buckets(per_s=0.001, burst=3, must="correct the key")
    statuses = [service.anonymous.get("/v1/searches", headers=bearer("x")).status_code for _ in range(5)]
    assert statuses == [401, 401, 401, 429, 429]
    assert int(service.anonymous.get("/v1/searches", headers=bearer("x")).headers["retry-after"]) > 0
    assert service.anonymous.get("/v1/searches", headers=key_of(None)).status_code == 200


def test_a_key_of_no_project_submits_to_the_default_one(service, key_of):
    made = service.anonymous.post("/v1/searches", json=GOOD, headers=key_of(None, Scope.WRITE))
    assert made.json()["project"] == DEFAULT_PROJECT
