"""Projects: the names that searches and keys belong to. One is never removed: what it owns would have no owner."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import Connection, select

from service.errors import Conflict, NotFound
from service.models import Project
from service.store.database import Database
from service.store.engine import insert_unless_there
from service.store.tables import projects


class Projects:
    """The verbs on projects. Each is a transaction of its own."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def create_project(self, name: str) -> Project:
        """Makes a project.

        Args:
            name: of the form `service.schemas.spec.NAME`.

        Raises:
            Conflict: there is one of this name.
        """
        now = datetime.now(UTC)
        with self._database.writing() as connection:
            if not insert_unless_there(connection, projects, name=name, created_at=now):
                raise Conflict(f"project: got {name}, which is there already, must be a new name; use it as it is")
        return Project(name=name, created_at=now)

    def projects(self, *, name: str | None = None) -> list[Project]:
        """All projects by name, or only the one of this name."""
        query = select(projects).order_by(projects.c.name)
        if name is not None:
            query = query.where(projects.c.name == name)
        with self._database.reading() as connection:
            return [Project(**row) for row in connection.execute(query).mappings()]


def require_project(connection: Connection, name: str) -> None:
    """Refuses a project that is not there.

    Raises:
        NotFound: there is no such project.
    """
    if connection.scalar(select(projects.c.name).where(projects.c.name == name)) is None:
        raise NotFound(f"project: got {name}, must be a project of this service; an admin makes one")
