"""Keys, projects and the audit log on the command line."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

from tests.unit.cli.conftest import Rung
from tests.unit.client.double import KEY, SECRET, FakeService, problem


def test_a_new_key_stands_alone_on_stdout_and_what_it_may_beside(rung: Rung, service: FakeService) -> None:
    scopes = ("--scope", "searches:read", "--scope", "searches:write")
    ran = rung("keys", "create", "anna", "--project", "vision", *scopes, "--expires-days", "90")
    assert (ran.code, ran.out) == (0, f"{SECRET}\n")
    assert "the project vision" in ran.err
    assert SECRET not in ran.err
    sent = json.loads(service.sent("POST", "/keys")[0].content)
    assert sent["scopes"] == ["searches:read", "searches:write"]
    assert (sent["name"], sent["project"]) == ("anna", "vision")
    days = datetime.fromisoformat(sent["expires_at"]) - datetime.now(UTC)
    assert timedelta(days=89) < days <= timedelta(days=90)


def test_a_key_needs_a_scope_that_there_is(rung: Rung, service: FakeService) -> None:
    assert rung("keys", "create", "anna").code == 2
    assert rung("keys", "create", "anna", "--scope", "searches:all").code == 2
    assert service.requests == []


def test_keys_are_listed_and_revoked(rung: Rung, service: FakeService) -> None:
    assert json.loads(rung("keys", "ls", "-o", "json").out) == [KEY | {"created_at": KEY["created_at"]}]
    assert "searches:read searches:write" in rung("keys", "ls").out
    assert "2v8k0m1x (anna) ended" in rung("keys", "revoke", "2v8k0m1x").err
    assert service.sent("DELETE", "/keys/2v8k0m1x")


def test_projects_are_made_and_listed(rung: Rung, service: FakeService) -> None:
    assert "--project vision" in rung("projects", "create", "vision").err
    assert json.loads(service.sent("POST", "/projects")[0].content) == {"name": "vision"}
    assert "vision" in rung("projects", "ls").out


def test_the_audit_log_is_shown_up_to_a_limit(rung: Rung, service: FakeService) -> None:
    assert len(rung("audit-log", "--limit", "2", "-o", "csv").out.splitlines()) == 3
    assert "POST" in rung("audit-log", "--key", "2v8k0m1x").out
    assert service.requests[-1].url.params["key"] == "2v8k0m1x"


def test_a_key_without_the_scope_is_told_what_to_do(rung: Rung, service: FakeService) -> None:
    service.refusal = problem(403, "The key may not do this", "got key 2v8k0m1x without the scope admin")
    ran = rung("keys", "ls")
    assert ran.code == 1
    assert "rung keys ls" in ran.err


def test_a_project_is_chosen_when_submitting_and_listing(rung: Rung, service: FakeService, tmp_path) -> None:
    spec = tmp_path / "spec.yaml"
    spec.write_text("trainable: digits_mlp\n")
    assert rung("submit", str(spec), "--project", "vision").code == 0
    assert rung("ls", "--project", "vision").code == 0
    assert [request.url.params.get("project") for request in service.requests] == ["vision", "vision"]
