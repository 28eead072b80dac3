"""What the quotas of projects mean for the next plan: bounds on slots and GPUs, nothing where one is used up."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from service.coordinator.allowance import Bound
from service.models import Project
from service.schemas import Quota
from service.store import Ledger

_LOOK_S = 5.0
"""Seconds between two looks at what a project has used up."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Bounds:
    """Of all projects at one moment.

    Attributes:
        by_project: what each may hold; absent: as much as there is.
        why: of those that are bounded, the quota in words.
    """

    by_project: Mapping[str, Bound] = field(default_factory=dict)
    why: Mapping[str, str] = field(default_factory=dict)


class Quotas:
    """Reads the quotas, and now and then what is used up."""

    def __init__(self, ledger: Ledger, clock: Callable[[], float]) -> None:
        self._ledger = ledger
        self._clock = clock
        self._used_up: dict[str, tuple[float, str | None]] = {}

    def look(self, projects: Iterable[str]) -> Bounds:
        """The bounds of these projects."""
        wanted = set(projects)
        bounds: dict[str, Bound] = {}
        why: dict[str, str] = {}
        for project in self._ledger.projects():
            if project.name not in wanted or not project.quota:
                continue
            quota = Quota.model_validate(project.quota)
            used_up = self._is_used_up(project, quota)
            if used_up is not None:
                bounds[project.name], why[project.name] = Bound(slots=0), used_up
                continue
            given = {name: value for name in ("slots", "gpus") if (value := getattr(quota, name)) is not None}
            if given:
                bounds[project.name] = Bound(**given)
                parts = " and ".join(f"{value:g} {name}" for name, value in given.items())
                why[project.name] = f"the quota of its project {project.name}: {parts} at once"
        return Bounds(by_project=bounds, why=why)

    def _is_used_up(self, project: Project, quota: Quota) -> str | None:
        """In words what the project has used up; None while there is something left."""
        if quota.gpu_hours is None and quota.checkpoint_bytes is None:
            return None
        at, known = self._used_up.get(project.name, (float("-inf"), None))
        if self._clock() - at < _LOOK_S:
            return known
        used = self._ledger.usage(project.name)
        found = None
        for name, most, has in (
            ("GPU-hours", quota.gpu_hours, used.gpu_hours),
            ("bytes of checkpoints", quota.checkpoint_bytes, used.checkpoint_bytes),
        ):
            if most is not None and has >= most:
                found = f"the quota of its project {project.name}: {most:g} {name}, and {has:g} are used"
        self._used_up[project.name] = (self._clock(), found)
        return found
