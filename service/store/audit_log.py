"""The audit log in the ledger: who wrote, what, when, and what the answer was. Nothing changes or removes a line."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import insert, select

from service.access import Principal
from service.models import AuditEntry
from service.store.database import Database
from service.store.tables import audit_log


class AuditLog:
    """Appends and reads. Each call is a transaction of its own."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def note_write(self, principal: Principal, *, method: str, path: str, status: int) -> None:
        """Appends a line.

        Args:
            principal: who asked.
            method: of the request.
            path: of the request, with its query.
            status: of the answer.
        """
        line = insert(audit_log).values(
            at=datetime.now(UTC),
            principal=principal.id,
            project=principal.project,
            method=method,
            path=path,
            status=status,
        )
        with self._database.writing() as connection:
            connection.execute(line)

    def audit_log(
        self, *, project: str | None = None, before: int | None = None, principal: str | None = None, limit: int = 100
    ) -> list[AuditEntry]:
        """Lines, newest first.

        Args:
            project: only those of keys of this project; None: all.
            before: only lower sequences: the last one of the page before.
            principal: only those of this key, or of the operator.
            limit: at most so many.
        """
        query = select(audit_log).order_by(audit_log.c.seq.desc()).limit(limit)
        if project is not None:
            query = query.where(audit_log.c.project == project)
        if before is not None:
            query = query.where(audit_log.c.seq < before)
        if principal is not None:
            query = query.where(audit_log.c.principal == principal)
        with self._database.reading() as connection:
            return [AuditEntry(**row) for row in connection.execute(query).mappings()]
