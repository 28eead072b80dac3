"""The processes of a gang: rank 0 here, ranks 1..W-1 in Ray actors of the same placement group, and their group.

What they do for a trial is said by `gang`; here they are started, called together, watched and healed. The promise is
that no call hangs because a rank failed or died: a rank that is left waiting in a collective is freed or killed.
"""

from __future__ import annotations

import itertools
import logging
import os
import threading
from typing import Any

import ray
from ray.exceptions import RayActorError
from ray.util import get_current_placement_group
from ray.util.scheduling_strategies import PlacementGroupSchedulingStrategy

from trainables.gang.rank import Rank
from trainables.result import CheckpointRecord, Failure

_log = logging.getLogger(__name__)

NAMESPACE = "rung"
"""Ray namespace of the ranks' actor names."""

GRACE_S = 2.0
"""Seconds the other ranks have to notice by themselves that one failed, before those that wait for it are killed."""

DEATH_S = 5.0
"""Seconds after which a rank 0 that still waits for ranks which are gone ends its own process."""


class RankDiedError(RuntimeError):
    """A rank's process is gone; the attempt is over for all ranks, and the gang cannot be used again."""


class Processes:
    """The ranks of one gang. Calls come from one thread, the gang's.

    Args:
        search: Id of the search they work for.
        workers: Number of ranks.
        cpus: CPU cores of each.
        gpus: GPUs of each.
        timeout_s: Seconds after which a collective that some rank does not join is an error.

    Attributes:
        name: The gang's name, "search-<id>/slot-<k>"; k is the first free one. A gang of one rank has no actor to claim
            a number with, and is called by its own actor's id.
        pids: Process ids of the ranks, in order.
    """

    def __init__(self, search: str, *, workers: int, cpus: float, gpus: float, timeout_s: float) -> None:
        self._search = search
        self._options = {"cpus": cpus, "gpus": gpus, "timeout_s": timeout_s}
        self._world = workers
        self._rank0 = Rank(0, workers, **self._options)
        self._children: list[Any] = []
        self._in_step = True
        self._died: str | None = None
        self.name = f"search-{search}/slot-{ray.get_runtime_context().get_actor_id()[:8]}"
        self.pids: tuple[int, ...] = (os.getpid(),)
        self._start()

    def each(self, method: str, *args: Any) -> list[Any]:
        """Call a method in which no rank waits for another; return what each rank returned.

        Raises:
            RankDiedError: A rank's process is gone.
        """
        refs = [getattr(child, method).remote(*args) for child in self._children]
        own = getattr(self._rank0, method)(*args)
        return [own, *(self._get(ref) for ref in refs)]

    def together(self, method: str) -> list[Any]:
        """Call a method in which ranks wait for each other; return what each rank returned.

        If one returns a Failure, a rank that waited for it in vain is killed and stands as None in the list; `heal`
        must be called before the ranks are used again.

        Raises:
            RankDiedError: A rank's process is gone.
        """
        refs = [getattr(child, method).remote() for child in self._children]
        ended = threading.Event()
        if refs:
            threading.Thread(target=self._watch, args=(refs, ended), name="watch-ranks", daemon=True).start()
        try:
            own = getattr(self._rank0, method)()
        finally:
            ended.set()
        if isinstance(own, Failure) and refs:
            _, waiting = ray.wait(refs, num_returns=len(refs), timeout=DEATH_S)
            if waiting:
                self._kill_children()
        outcomes = [own, *(self._get(ref) for ref in refs)]
        self._in_step = not any(isinstance(outcome, Failure) for outcome in outcomes)
        return outcomes

    @property
    def resumed_from(self) -> CheckpointRecord | None:
        """The checkpoint that the trial in hand was resumed from, or None."""
        return self._rank0.resumed_from

    def heal(self) -> None:
        """Form the group anew if a failure left the ranks out of step; with new processes where some were killed.

        Raises:
            Exception: It cannot be done: the gang is of no more use.
        """
        if self._in_step:
            return
        if len(self._children) < self._world - 1:
            self._start()
        else:
            self._join()

    def close(self) -> None:
        """End the other ranks and leave the group."""
        self._kill_children()
        self._rank0.close()

    def _start(self) -> None:
        if self._world > 1:
            self._spawn()
            self.pids = (os.getpid(), *ray.get([child.pid.remote() for child in self._children]))
        self._join()

    def _join(self) -> None:
        if self._world > 1:
            self.each("join", self._rank0.listen())
        self._in_step = True

    def _spawn(self) -> None:
        for slot in itertools.count():
            name = f"search-{self._search}/slot-{slot}"
            try:
                for rank in range(1, self._world):
                    self._children.append(self._spawn_one(rank, f"{name}/rank-{rank}"))
            except ValueError:  # the name is taken, by a gang that lives or one that is just ending
                self._kill_children()
            else:
                self.name = name
                return

    def _spawn_one(self, rank: int, name: str) -> Any:
        group = get_current_placement_group()
        strategy = PlacementGroupSchedulingStrategy(group, placement_group_bundle_index=rank) if group else None
        actor = ray.remote(Rank).options(
            name=name,
            namespace=NAMESPACE,
            num_cpus=self._options["cpus"],
            num_gpus=self._options["gpus"],
            scheduling_strategy=strategy,
        )
        return actor.remote(rank, self._world, **self._options)

    def _kill_children(self) -> None:
        children, self._children = self._children, []
        for child in children:
            ray.kill(child)

    def _get(self, ref: Any) -> Any:
        try:
            return ray.get(ref)
        except RayActorError as error:
            # Those we killed ourselves had no part in the failure.
            if self._died is None and len(self._children) < self._world - 1:
                return None
            raise RankDiedError(
                f"gang {self.name}: got a rank whose process ended ({self._died or error}), must live as long as the "
                "gang; the trial goes on in a new attempt"
            ) from error

    def _watch(self, refs: list[Any], ended: threading.Event) -> None:
        """Free rank 0 when it waits in a collective for a rank that failed or died. Runs beside it in a thread."""
        waiting = refs
        while waiting and not ended.is_set():
            ready, waiting = ray.wait(waiting, num_returns=1, timeout=1.0)
            if not any(self._is_lost(ref) for ref in ready) or ended.wait(GRACE_S):
                continue
            self._kill_children()
            self._rank0.abort()
            if not ended.wait(DEATH_S):
                _log.critical("gang %s: rank 0 cannot be freed from a collective; it ends its process", self.name)
                os._exit(1)

    def _is_lost(self, ref: Any) -> bool:
        try:
            return isinstance(ray.get(ref), Failure)
        except RayActorError as error:
            self._died = str(error)
            return True
        except Exception:  # noqa: BLE001  (the rank's own error, raised again to the caller by _get)
            return True
