"""Projects, keys, sessions and the audit log: what the API's door relies on."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from service.access import DEFAULT_PROJECT, OPERATOR, THE_OPERATOR, Principal, Scope, digest
from service.errors import Conflict, IdempotencyMismatch, NotFound
from service.store import IdempotencyKey, Ledger
from tests.contracts.story import submit


class AccessContract:
    def test_a_new_ledger_has_the_default_project_and_no_key(self, ledger: Ledger) -> None:
        assert [project.name for project in ledger.projects()] == [DEFAULT_PROJECT]
        assert ledger.keys() == []

    def test_a_project_is_made_once(self, ledger: Ledger) -> None:
        made = ledger.create_project("vision")
        with pytest.raises(Conflict):
            ledger.create_project("vision")
        assert ledger.projects(name="vision") == [made]

    def test_a_search_is_found_under_its_own_project_only(self, ledger: Ledger) -> None:
        ledger.create_project("vision")
        search = submit(ledger, project="vision").id
        ledger.require_search(search)
        ledger.require_search(search, project="vision")
        with pytest.raises(NotFound):
            ledger.require_search(search, project=DEFAULT_PROJECT)
        assert [found.id for found in ledger.searches(project="vision").items] == [search]
        assert ledger.searches(project=DEFAULT_PROJECT).items == ()

    def test_nothing_is_submitted_to_a_project_that_is_not_there(self, ledger: Ledger) -> None:
        with pytest.raises(NotFound, match="nosuch"):
            submit(ledger, project="nosuch")
        assert ledger.searches().items == ()

    def test_equal_idempotency_keys_of_two_principals_have_nothing_to_do_with_each_other(self, ledger: Ledger) -> None:
        mine, yours = (IdempotencyKey(key="k", request_sha256="a" * 64, principal=who) for who in ("me", "you"))
        assert submit(ledger, idempotency=mine).id != submit(ledger, idempotency=yours).id
        with pytest.raises(IdempotencyMismatch):
            submit(ledger, idempotency=IdempotencyKey(key="k", request_sha256="b" * 64, principal="me"))

    def test_a_key_is_kept_without_its_secret_and_found_by_its_id(self, ledger: Ledger) -> None:
        ends = datetime(2099, 1, 1, tzinfo=UTC)
        key, secret = ledger.create_key(
            name="k", project=DEFAULT_PROJECT, scopes=[Scope.READ], created_by=OPERATOR, expires_at=ends
        )
        assert ledger.key(secret.id) == key
        assert (key.sha256, key.scopes, key.expires_at) == (digest(secret.text), {Scope.READ}, ends)
        assert secret.text not in repr(key)
        assert ledger.key("00000000") is None
        with pytest.raises(NotFound):
            ledger.create_key(name="k", project="nosuch", scopes=[Scope.READ], created_by=OPERATOR)

    def test_a_key_is_revoked_once_and_by_its_own_project_only(self, ledger: Ledger) -> None:
        key, _ = ledger.create_key(name="k", project=DEFAULT_PROJECT, scopes=[Scope.READ], created_by=OPERATOR)
        with pytest.raises(NotFound):
            ledger.revoke_key(key.id, project="another")
        first = ledger.revoke_key(key.id, project=DEFAULT_PROJECT)
        assert first.revoked_at is not None
        assert ledger.revoke_key(key.id).revoked_at == first.revoked_at

    def test_the_use_of_a_key_is_noted_coarsely(self, ledger: Ledger) -> None:
        key, _ = ledger.create_key(name="k", project=None, scopes=[Scope.READ], created_by=OPERATOR)
        ledger.note_use(key)
        used = ledger.key(key.id)
        assert used is not None
        assert used.last_used_at is not None
        ledger.note_use(key)  # by a process that has not seen it yet
        ledger.note_use(used)
        assert ledger.key(key.id) == used

    def test_a_session_ends_when_it_is_closed_and_when_its_time_is_over(self, ledger: Ledger) -> None:
        open_, over = digest("a"), digest("b")
        ledger.open_session(over, OPERATOR, timedelta(seconds=-1))
        opened = ledger.open_session(open_, OPERATOR, timedelta(hours=1))
        assert ledger.session(over) is None
        assert ledger.session(open_) == opened
        ledger.close_session(open_)
        ledger.close_session(open_)
        assert ledger.session(open_) is None

    def test_the_audit_log_is_read_backwards_in_pages_and_by_project_and_principal(self, ledger: Ledger) -> None:
        bound = Principal(id="2v8k0m1x", project=DEFAULT_PROJECT, scopes=frozenset({Scope.WRITE}))
        for status, principal in enumerate((THE_OPERATOR, bound, THE_OPERATOR), start=201):
            ledger.note_write(principal, method="POST", path="/v1/searches", status=status)
        lines = ledger.audit_log()
        assert [line.status for line in lines] == [203, 202, 201]
        assert ledger.audit_log(before=lines[0].seq, limit=1) == [lines[1]]
        assert ledger.audit_log(project=DEFAULT_PROJECT) == [lines[1]]
        assert ledger.audit_log(principal=OPERATOR) == [lines[0], lines[2]]
