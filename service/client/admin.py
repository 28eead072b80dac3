"""What an admin's key may do besides searching: keys, projects, the audit log. Made by `Client`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from urllib.parse import quote

from service.client.http import Http
from service.schemas import AuditEntryView, AuditPage, KeyPage, KeyView, NewKeyView, ProjectView


class Admin:
    """Keys, projects and the audit log of a service. Every method raises `ApiError` 403 without the scope `admin`."""

    def __init__(self, http: Http) -> None:
        self._http = http

    def create_key(
        self, name: str, scopes: Sequence[str], *, project: str | None = None, expires_at: datetime | None = None
    ) -> NewKeyView:
        """Makes a key; the answer is the only place that has its text.

        Sent again after a lost answer it makes another one; the first, which nobody has seen, is in `keys()`.

        Args:
            name: for people: lower-case letters, digits, `_` and `-`.
            scopes: what it may do.
            project: the only one that it sees; default: that of the key that asks.
            expires_at: aware; default: it never ends by itself.

        Raises:
            ApiError: 404 for a project that is not there, 422 with one fault for each field that is wrong.
        """
        body = {"name": name, "scopes": [str(scope) for scope in scopes], "project": project}
        if expires_at is not None:
            body["expires_at"] = expires_at.isoformat()
        return NewKeyView.model_validate(self._http.post("/v1/keys", body))

    def keys(self) -> Iterator[KeyView]:
        """All keys by id, those that have ended included."""
        cursor = None
        while True:
            page = KeyPage.model_validate(self._http.get("/v1/keys", {"cursor": cursor}))
            yield from page.items
            cursor = page.next_cursor
            if cursor is None:
                return

    def revoke_key(self, key: str) -> KeyView:
        """Ends a key at once and for good.

        Raises:
            ApiError: 404 where there is no such key.
        """
        return KeyView.model_validate(self._http.delete(f"/v1/keys/{quote(key, safe='')}"))

    def create_project(self, name: str) -> ProjectView:
        """Makes a project.

        Raises:
            ApiError: 409 where there is one of this name, 403 for a key that is bound to a project.
        """
        return ProjectView.model_validate(self._http.post("/v1/projects", {"name": name}))

    def projects(self) -> list[ProjectView]:
        """The projects that the key sees."""
        return [ProjectView.model_validate(item) for item in self._http.get("/v1/projects")]

    def audit_log(self, *, key: str | None = None) -> Iterator[AuditEntryView]:
        """Writes and refused attempts of them, newest first.

        Args:
            key: only of this key's id, or `operator`.
        """
        cursor = None
        while True:
            page = AuditPage.model_validate(self._http.get("/v1/audit-log", {"key": key, "cursor": cursor}))
            yield from page.items
            cursor = page.next_cursor
            if cursor is None:
                return
