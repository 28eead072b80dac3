"""The algorithm section of a spec: read, checked, and turned into a sampler and a scheduler.

What there is to choose from is in catalog.py.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any, Self, TypeVar

from search_spaces import Space, SpaceError
from service.algorithms.catalog import PRESETS, SAMPLERS, SCHEDULERS, SamplerRow, SchedulerRow, Setting
from service.algorithms.errors import AlgorithmError, AlgorithmErrors
from service.algorithms.objective import Objective
from service.algorithms.options import read_options, unknown
from service.algorithms.samplers import Sampler
from service.algorithms.schedulers import Scheduler

MAX_GRID_SIZE = 100_000
"""Points of the largest grid that a search accepts."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """A sampler or a scheduler by name, with a value for each of its options."""

    name: str
    options: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class AlgorithmSpec:
    """A sampler and a scheduler, perhaps under the name of a preset."""

    preset: str | None
    """None where the spec names the two parts itself."""
    sampler: Part
    scheduler: Part

    @classmethod
    def parse(cls, raw: Mapping[str, Any], path: str = "algorithm") -> Self:
        """Read `{"name": preset, ...options}` or `{"sampler": {"name": ...}, "scheduler": {"name": ...}}`.

        In the second form either part may be left out: the sampler is then random, the scheduler none.

        Raises:
            AlgorithmErrors: with every fault found, and its path.
        """
        errors: list[AlgorithmError] = []
        if not isinstance(raw, Mapping):
            raise AlgorithmErrors((AlgorithmError(path, f"got {raw!r}, must be an object with a name"),))
        spec = cls._preset(raw, path, errors) if "name" in raw else cls._parts(raw, path, errors)
        if errors or spec is None:
            raise AlgorithmErrors(tuple(errors))
        return spec

    @classmethod
    def _preset(cls, raw: Mapping[str, Any], path: str, errors: list[AlgorithmError]) -> Self | None:
        name = raw["name"]
        if not isinstance(name, str) or name not in PRESETS:
            errors.append(AlgorithmError(f"{path}.name", unknown(name, PRESETS, "section")))
            return None
        preset = PRESETS[name]
        sampler, scheduler = SAMPLERS[preset.sampler].options, SCHEDULERS[preset.scheduler].options
        given = {key: value for key, value in raw.items() if key != "name"}
        values = read_options((*sampler, *scheduler), given, path, errors)
        return cls(
            preset=name,
            sampler=Part(name=preset.sampler, options={o.name: values.get(o.name) for o in sampler}),
            scheduler=Part(name=preset.scheduler, options={o.name: values.get(o.name) for o in scheduler}),
        )

    @classmethod
    def _parts(cls, raw: Mapping[str, Any], path: str, errors: list[AlgorithmError]) -> Self | None:
        known = {"name": PRESETS, "sampler": SAMPLERS, "scheduler": SCHEDULERS}
        errors.extend(AlgorithmError(f"{path}.{key}", unknown(key, known)) for key in raw if key not in known)
        if not raw:
            errors.append(AlgorithmError(path, f"got nothing, must have a name, one of {sorted(PRESETS)}"))
        sampler = _part(raw.get("sampler", {"name": "random"}), SAMPLERS, f"{path}.sampler", errors)
        scheduler = _part(raw.get("scheduler", {"name": "none"}), SCHEDULERS, f"{path}.scheduler", errors)
        if sampler is None or scheduler is None:
            return None
        return cls(preset=None, sampler=sampler, scheduler=scheduler)

    def to_dict(self) -> dict[str, Any]:
        """Return the section with every option spelt out; `parse` reads it back as an equal one."""
        if self.preset is not None:
            return {"name": self.preset, **self.sampler.options, **self.scheduler.options}
        return {
            "sampler": {"name": self.sampler.name, **self.sampler.options},
            "scheduler": {"name": self.scheduler.name, **self.scheduler.options},
        }

    def keeping(self, names: Collection[str], space: Space) -> Self:
        """Return the algorithm whose clones keep these parameters of the space too, if it makes clones."""
        if not SCHEDULERS[self.scheduler.name].clones:
            return self
        kept = dict.fromkeys([*self.scheduler.options["keep"], *(n for n in space.vector_names if n in names)])
        options = {**self.scheduler.options, "keep": tuple(kept)}
        return replace(self, scheduler=Part(name=self.scheduler.name, options=options))

    def accepts(self, space: Space, max_epochs: int, path: str = "algorithm") -> None:
        """Check that the algorithm can search this space in trials of so many epochs.

        Raises:
            AlgorithmError: it cannot; the message names an algorithm or a change that would do.
        """
        row = SAMPLERS[self.sampler.name]
        if row.needs_parameters and not space.vector_names:
            raise AlgorithmError(path, "got a space in which nothing varies, must have something to model; use random")
        if row.finite:
            self._accepts_grid(space, path)
        where = path if self.preset is not None else f"{path}.scheduler"
        if SCHEDULERS[self.scheduler.name].clones:
            self._accepts_clones(space, where)
        for option, limit in (("min_epochs", max_epochs), ("grace_epochs", max_epochs), ("interval", max_epochs - 1)):
            epochs = self.scheduler.options.get(option, 0)
            if (1 if epochs is None else epochs) > limit:
                bound = "<=" if limit == max_epochs else "<"
                message = f"got {epochs}, must be {bound} the epochs of a trial ({max_epochs})"
                raise AlgorithmError(f"{where}.{option}", f"{message}; lower it or raise budget.epochs")

    def _accepts_clones(self, space: Space, where: str) -> None:
        if SAMPLERS[self.sampler.name].finite:
            raise AlgorithmError(
                where,
                f"got {self.sampler.name}, of which each point is to be tried, with a scheduler that ends trials for "
                "clones off the grid; use the scheduler 'none' or 'asha', or the sampler 'random'",
            )
        if not space.vector_names:
            raise AlgorithmError(
                where, "got a space in which nothing varies, must have something to explore; use random"
            )
        for name in self.scheduler.options["keep"]:
            if name not in space.vector_names:
                raise AlgorithmError(f"{where}.keep", unknown(name, dict.fromkeys(space.vector_names), "name"))

    def _accepts_grid(self, space: Space, path: str) -> None:
        try:
            size = space.grid_size()
        except SpaceError as error:
            raise AlgorithmError(path, f"got a grid over {error}; give it a step, or use 'random' or 'asha'") from error
        if size > MAX_GRID_SIZE:
            raise AlgorithmError(
                path, f"got a grid of {size} points, must be <= {MAX_GRID_SIZE}; coarsen the space, or use 'random'"
            )

    def num_trials(self, space: Space, asked: int | None, default: int) -> int:
        """Return how many trials the search will have: those asked for, else a grid's points, else the default.

        A grid has never more trials than points.
        """
        if not SAMPLERS[self.sampler.name].finite:
            return default if asked is None else asked
        size = space.grid_size()
        return size if asked is None else min(asked, size)

    def build_sampler(self, space: Space, objective: Objective, seed: int, max_epochs: int) -> Sampler:
        """Return a fresh sampler."""
        row = SAMPLERS[self.sampler.name]
        return row.build(Setting(space, objective, seed, max_epochs), self.sampler.options)

    def build_scheduler(self, space: Space, objective: Objective, seed: int, max_epochs: int) -> Scheduler:
        """Return a fresh scheduler."""
        row = SCHEDULERS[self.scheduler.name]
        return row.build(Setting(space, objective, seed, max_epochs), self.scheduler.options)


_RowT = TypeVar("_RowT", SamplerRow, SchedulerRow)


def _part(raw: Any, rows: Mapping[str, _RowT], path: str, errors: list[AlgorithmError]) -> Part | None:
    if not isinstance(raw, Mapping) or "name" not in raw:
        errors.append(AlgorithmError(path, f"got {raw!r}, must be an object with a name, one of {sorted(rows)}"))
        return None
    name = raw["name"]
    if not isinstance(name, str) or name not in rows:
        errors.append(AlgorithmError(f"{path}.name", unknown(name, rows, "part")))
        return None
    given = {key: value for key, value in raw.items() if key != "name"}
    return Part(name=name, options=read_options(rows[name].options, given, path, errors))
