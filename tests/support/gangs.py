"""A gang started the way Tune starts one, driven by hand."""

from __future__ import annotations

import contextlib
from dataclasses import asdict

import ray
from ray.exceptions import RayActorError, RayTaskError
from ray.util.placement_group import placement_group, remove_placement_group
from ray.util.scheduling_strategies import PlacementGroupSchedulingStrategy

from trainables import Assignment, CheckpointRecord, EpochResult
from trainables.gang.beats import GROUP
from trainables.gang.gang import RESULT_KEY, Gang
from trainables.gang.processes import Limits


class Handle:
    """An actor in the first bundle of its own placement group.

    Attributes:
        ended: Whether it is of no more use; said by whoever ends it.
    """

    def __init__(self, assignment: Assignment, limits: Limits | None = None) -> None:
        self.ended = False
        self.group = placement_group([{"CPU": assignment.cpus_per_worker}] * assignment.workers, strategy="STRICT_PACK")
        strategy = PlacementGroupSchedulingStrategy(
            self.group, placement_group_bundle_index=0, placement_group_capture_child_tasks=True
        )
        self.actor = (
            ray.remote(concurrency_groups={GROUP: 1})(Gang)
            .options(num_cpus=assignment.cpus_per_worker, scheduling_strategy=strategy)
            .remote({"assignment": assignment.to_dict(), "limits": asdict(limits or Limits())})
        )

    def step(self) -> EpochResult:
        result: EpochResult = ray.get(self.actor.train.remote(), timeout=60)[RESULT_KEY]
        return result

    def reset(self, assignment: Assignment) -> bool:
        return bool(ray.get(self.actor.reset.remote({"assignment": assignment.to_dict()}), timeout=60))

    def commit(self) -> CheckpointRecord:
        record: CheckpointRecord = ray.get(self.actor.commit_checkpoint.remote(), timeout=60)
        return record

    def stop(self) -> None:
        with contextlib.suppress(RayActorError, RayTaskError):
            ray.get(self.actor.stop.remote(), timeout=30)
        ray.kill(self.actor)
        remove_placement_group(self.group)
