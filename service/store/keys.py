"""API keys in the ledger: made, found by their id, revoked. Whether a request's key is right is the API's to say."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime, timedelta

from sqlalchemy import ColumnElement, RowMapping, func, or_, select, true, update

from service.access import Scope, Secret, digest
from service.errors import NotFound
from service.models import Key
from service.store.database import Database
from service.store.projects import require_project
from service.store.tables import keys

USED = timedelta(minutes=1)
"""How coarse `last_used_at` is: a key in use costs one write in this time."""


class Keys:
    """The verbs on keys. Each is a transaction of its own."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def create_key(
        self,
        *,
        name: str,
        project: str | None,
        scopes: Collection[Scope],
        created_by: str,
        expires_at: datetime | None = None,
    ) -> tuple[Key, Secret]:
        """Makes a key; its secret is in the second result, and nowhere else from then on.

        Args:
            name: for people.
            project: the only one that it sees; None: every one.
            scopes: what it may do.
            created_by: id of the principal that asks.
            expires_at: aware; None: it never ends by itself.

        Raises:
            NotFound: no such project.
        """
        secret = Secret.make()
        with self._database.writing() as connection:
            if project is not None:
                require_project(connection, project)
            row = {
                "id": secret.id,
                "name": name,
                "sha256": digest(secret.text),
                "project": project,
                "scopes": sorted(scopes),
                "created_by": created_by,
                "created_at": datetime.now(UTC),
                "expires_at": expires_at,
            }
            made = connection.execute(keys.insert().values(**row).returning(keys)).mappings().one()
            return to_key(made), secret

    def key(self, key: str) -> Key | None:
        """The key of this id, revoked or not; None if there is none."""
        with self._database.reading() as connection:
            row = connection.execute(select(keys).where(keys.c.id == key)).mappings().one_or_none()
        return None if row is None else to_key(row)

    def keys(self, *, project: str | None = None, after: str = "", limit: int = 200) -> list[Key]:
        """Keys by id, revoked ones included.

        Args:
            project: only those of this project; None: all.
            after: only higher ids: the last one of the page before.
            limit: at most so many.
        """
        query = select(keys).where(_of(project), keys.c.id > after).order_by(keys.c.id).limit(limit)
        with self._database.reading() as connection:
            return [to_key(row) for row in connection.execute(query).mappings()]

    def revoke_key(self, key: str, *, project: str | None = None) -> Key:
        """Ends a key for good, and every session with it; one that has ended stays as it is.

        Args:
            key: its id.
            project: only if it is of this project; None: of any.

        Raises:
            NotFound: no such key.
        """
        with self._database.writing() as connection:
            now = func.coalesce(keys.c.revoked_at, datetime.now(UTC))
            end = update(keys).where(keys.c.id == key, _of(project)).values(revoked_at=now).returning(keys)
            row = connection.execute(end).mappings().one_or_none()
        if row is None:
            raise NotFound(f"key: got {key}, must be the id of a key; list them with GET /v1/keys")
        return to_key(row)

    def note_use(self, key: Key) -> None:
        """Notes that a key was used now, unless that was noted within the last minute."""
        now = datetime.now(UTC)
        if key.last_used_at is not None and now - key.last_used_at < USED:
            return
        stale = or_(keys.c.last_used_at.is_(None), keys.c.last_used_at < now - USED)
        with self._database.writing() as connection:
            connection.execute(update(keys).where(keys.c.id == key.id, stale).values(last_used_at=now))


def to_key(row: RowMapping) -> Key:
    """A row of `keys`."""
    return Key(**{**row, "scopes": frozenset(Scope(scope) for scope in row["scopes"])})


def _of(project: str | None) -> ColumnElement[bool]:
    return true() if project is None else keys.c.project == project
