"""Projects: the names that searches and keys belong to. One is never removed: what it owns would have no owner."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import Connection, func, select, update

from service.errors import Conflict, NotFound
from service.models import Json, Project, Usage
from service.states import SearchState
from service.store.database import Database
from service.store.engine import insert_unless_there
from service.store.tables import attempts, checkpoints, projects, searches

_LIVE = tuple(state for state in SearchState if not state.is_terminal)


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

    def set_quota(self, name: str, quota: Json) -> Project:
        """Replaces the quota of a project; what its searches hold already is not taken away at once.

        Raises:
            NotFound: there is no such project.
        """
        with self._database.writing() as connection:
            require_project(connection, name)
            changed = update(projects).where(projects.c.name == name).values(quota=dict(quota))
            row = connection.execute(changed.returning(projects)).mappings().one()
        return Project(**row)

    def usage(self, name: str) -> Usage:
        """What the searches of a project have used so far; reads every attempt of those that asked for GPUs."""
        spans = select(searches.c.spec, attempts.c.started_at, attempts.c.ended_at).where(
            searches.c.project == name, attempts.c.search == searches.c.id, attempts.c.ended_at.is_not(None)
        )
        kept = select(func.coalesce(func.sum(checkpoints.c.bytes), 0)).where(
            searches.c.project == name, checkpoints.c.search == searches.c.id, checkpoints.c.deleted_at.is_(None)
        )
        with self._database.reading() as connection:
            hours = sum(
                _gpus(row.spec) * (row.ended_at - row.started_at).total_seconds() / 3600
                for row in connection.execute(spans)
            )
            return Usage(gpu_hours=hours, checkpoint_bytes=int(connection.scalar(kept) or 0))

    def projects(self, *, name: str | None = None) -> list[Project]:
        """All projects by name, or only the one of this name."""
        query = select(projects).order_by(projects.c.name)
        if name is not None:
            query = query.where(projects.c.name == name)
        with self._database.reading() as connection:
            return [Project(**row) for row in connection.execute(query).mappings()]


def require_room(connection: Connection, name: str) -> None:
    """Refuses one more search of a project that may have no more.

    Raises:
        Conflict: as many have not ended as its quota allows.
    """
    # Locks the row: of two that ask for the last place at once, one gets it.
    quota = connection.scalar(select(projects.c.quota).where(projects.c.name == name).with_for_update()) or {}
    most = quota.get("searches")
    if most is None:
        return
    live = select(func.count()).where(searches.c.project == name, searches.c.state.in_(_LIVE))
    there = connection.scalar(live) or 0
    if there >= most:
        raise Conflict(
            f"project: got one more search, must be at most {most} of {name} that have not ended, and {there} are "
            "there; wait for one to end, or ask an admin for more"
        )


def _gpus(spec: Json) -> float:
    resources = spec.get("resources", {})
    return float(resources.get("workers", 1)) * float(resources.get("gpus_per_worker", 0))


def require_project(connection: Connection, name: str) -> None:
    """Refuses a project that is not there.

    Raises:
        NotFound: there is no such project.
    """
    if connection.scalar(select(projects.c.name).where(projects.c.name == name)) is None:
        raise NotFound(f"project: got {name}, must be a project of this service; an admin makes one")
