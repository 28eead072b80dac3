"""The processes of a gang: rank 0 here, ranks 1..W-1 in Ray actors of the same placement group, and their group.

What they do for a trial is said by `gang`; here they are started, called together, watched and healed. The promise is
that no call hangs because a rank failed, died or fell silent: a rank that is left waiting in a collective is freed or
killed.
"""

from __future__ import annotations

import itertools
import logging
import os
import threading
from dataclasses import dataclass, replace
from typing import Any

import ray
from ray.exceptions import RayActorError
from ray.util import get_current_placement_group
from ray.util.scheduling_strategies import PlacementGroupSchedulingStrategy

from trainables.gang.beats import GROUP, Beats
from trainables.gang.exits import Watched
from trainables.gang.rank import Interrupted, Rank
from trainables.integrations.logger import View
from trainables.result import CheckpointRecord, Failure
from trainables.training.attempt import SavedFiles

_log = logging.getLogger(__name__)

NAMESPACE = "rung"
"""Ray namespace of the ranks' actor names."""

FILES = "files"
"""Concurrency group in which ranks write files while they train."""

GRACE_S = 2.0
"""Seconds the other ranks have to notice by themselves that one failed, before those that wait for it are killed."""

DEATH_S = 5.0
"""Seconds after which a rank 0 that still waits for ranks which are gone ends its own process."""

STUCK = 86
"""Exit code of a rank 0 that ended its own process because nothing else would free it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """How long a gang is patient.

    Attributes:
        group_s: Seconds after which a collective that some rank does not join is an error.
        silence_s: Seconds after which a process that does not answer is taken for lost.
    """

    group_s: float = 600.0
    silence_s: float = 10.0


class RankDiedError(RuntimeError):
    """A rank's process is gone; the attempt is over for all ranks, and the gang cannot be used again."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Child:
    """A rank that is a Ray actor."""

    rank: int
    actor: Any
    process: Watched


class Processes:
    """The ranks of one gang. Calls come from one thread, the gang's; `write` may come from another.

    Args:
        search: Id of the search they work for.
        workers: Number of ranks.
        cpus: CPU cores of each.
        gpus: GPUs of each.
        limits: How long to be patient with a rank.

    Attributes:
        name: The gang's name, "search-<id>/slot-<k>"; k is the first free one. A gang of one rank has no actor to claim
            a number with, and is called by its own actor's id.
        pids: Process ids of the ranks, in order.
    """

    def __init__(self, search: str, *, workers: int, cpus: float, gpus: float, limits: Limits) -> None:
        self._search = search
        self._options = {"cpus": cpus, "gpus": gpus, "timeout_s": limits.group_s}
        self._limits = limits
        self._world = workers
        self._rank0 = Rank(0, workers, **self._options)
        self._children: list[_Child] = []
        self._in_step = True
        self._lost: dict[int, str] = {}
        self._closed = threading.Event()
        self.name = f"search-{search}/slot-{ray.get_runtime_context().get_actor_id()[:8]}"
        self.pids: tuple[int, ...] = (os.getpid(),)
        self._start()
        if workers > 1:
            threading.Thread(target=self._listen, name="listen-to-ranks", daemon=True).start()

    def each(self, method: str, *args: Any) -> list[Any]:
        """Call a method in which no rank waits for another; return what each rank returned.

        Raises:
            RankDiedError: A rank's process is gone.
        """
        refs = [(child, getattr(child.actor, method).remote(*args)) for child in self._children]
        own = getattr(self._rank0, method)(*args)
        return [own, *(self._get(child, ref) for child, ref in refs)]

    def write(self, aside: str) -> list[SavedFiles]:
        """Have every rank write its last snapshot, beside whatever else it does.

        Raises:
            RankDiedError: A rank's process is gone.
            Exception: Whatever the file system raises.
        """
        children = list(self._children)
        refs = [child.actor.write.options(concurrency_group=FILES).remote(aside) for child in children]
        own = self._rank0.write(aside)
        return [own, *(self._get(child, ref) for child, ref in zip(children, refs, strict=True))]

    def together(self, method: str) -> list[Any]:
        """Call a method in which ranks wait for each other; return what each rank returned.

        If one returns a Failure, a rank that waited for it in vain is killed and stands as None in the list; `heal`
        must be called before the ranks are used again.

        Raises:
            RankDiedError: A rank's process is gone.
        """
        calls = [(child, getattr(child.actor, method).remote()) for child in self._children]
        own = self._own_part(method, calls)
        if isinstance(own, Failure) and calls:
            refs = [ref for _, ref in calls]
            _, waiting = ray.wait(refs, num_returns=len(refs), timeout=DEATH_S)
            if waiting:
                self._kill_children()
        outcomes = [own, *(self._get(child, ref) for child, ref in calls)]
        self._in_step = not any(isinstance(outcome, Failure) for outcome in outcomes)
        return outcomes if self._in_step else _with_absent_named(outcomes, self._limits.group_s)

    @property
    def resumed_from(self) -> CheckpointRecord | None:
        """The checkpoint that the trial in hand was resumed from, or None."""
        return self._rank0.resumed_from

    @property
    def view(self) -> View | None:
        """A look at the model in hand, if rank 0 has all of it."""
        return self._rank0.view()

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
        self._closed.set()
        self._kill_children()
        self._rank0.close()

    def _start(self) -> None:
        if self._world > 1:
            self._spawn()
            self.pids = (os.getpid(), *(child.process.pid for child in self._children))
        self._join()

    def _join(self) -> None:
        if self._world > 1:
            self.each("join", self._rank0.listen())
        self._in_step = True

    def _spawn(self) -> None:
        actors: list[Any] = []
        for slot in itertools.count():
            name = f"search-{self._search}/slot-{slot}"
            try:
                for rank in range(1, self._world):
                    actors.append(self._spawn_one(rank, f"{name}/rank-{rank}"))
            except ValueError:  # the name is taken, by a gang that lives or one that is just ending
                while actors:
                    ray.kill(actors.pop())
            else:
                self.name = name
                break
        pids = ray.get([actor.pulse.remote() for actor in actors])
        self._children = [
            _Child(rank=rank, actor=actor, process=Watched(pid))
            for rank, (actor, pid) in enumerate(zip(actors, pids, strict=True), 1)
        ]

    def _spawn_one(self, rank: int, name: str) -> Any:
        group = get_current_placement_group()
        strategy = PlacementGroupSchedulingStrategy(group, placement_group_bundle_index=rank) if group else None
        actor = ray.remote(concurrency_groups={GROUP: 1, FILES: 1})(Rank).options(
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
            child.process.kill()
            ray.kill(child.actor)

    def _get(self, child: _Child, ref: Any) -> Any:
        try:
            return ray.get(ref)
        except RayActorError as error:
            # Those we killed ourselves had no part in the failure.
            if not self._lost and child not in self._children:
                return None
            raise RankDiedError(f"gang {self.name}: {self._describe_lost(child)}") from error

    def _describe_lost(self, child: _Child) -> str:
        rank, how = next(iter(self._lost.items()), (child.rank, None))
        return f"rank {rank} {how or child.process.how_it_ended()}; the trial goes on in a new attempt"

    def _own_part(self, method: str, calls: list[tuple[_Child, Any]]) -> Any:
        """Rank 0's part of a call, watched over by a thread while there are others that it could wait for."""
        ended = threading.Event()
        try:
            if calls:
                threading.Thread(target=self._watch, args=(calls, ended), name="watch-ranks", daemon=True).start()
            own = getattr(self._rank0, method)()
            ended.set()
        except Interrupted as error:  # it came when the call was just over
            own = Failure.of(error, "user", 0)
        finally:
            ended.set()
        return own

    def _watch(self, calls: list[tuple[_Child, Any]], ended: threading.Event) -> None:
        """Free rank 0 when it waits in a collective for a rank that failed or died. Runs beside it in a thread."""
        waiting = {ref: child for child, ref in calls}
        while waiting and not ended.is_set():
            ready, _ = ray.wait(list(waiting), num_returns=1, timeout=1.0)
            lost = [self._is_lost(waiting.pop(ref), ref) for ref in ready]
            if not any(lost) or ended.wait(GRACE_S):
                continue
            self._kill_children()
            self._rank0.abort()
            self._rank0.interrupt()
            if not ended.wait(DEATH_S):
                _log.critical("gang %s: rank 0 cannot be freed; it ends its process", self.name)
                os._exit(STUCK)

    def _is_lost(self, child: _Child, ref: Any) -> bool:
        try:
            return isinstance(ray.get(ref), Failure)
        except RayActorError:
            if child in self._children:
                self._lost.setdefault(child.rank, child.process.how_it_ended())
            return True
        except Exception:  # noqa: BLE001  (the rank's own error, raised again to the caller by _get)
            return True

    def _listen(self) -> None:
        """Kill ranks that fall silent; whoever waits for them is freed by that. Runs as long as the gang."""
        beats = Beats[int](self._limits.silence_s, self._limits.group_s)
        while not self._closed.wait(beats.interval_s):
            children = {child.rank: child for child in self._children}
            for rank in beats.silent({rank: child.actor for rank, child in children.items()}):
                self._lost.setdefault(rank, f"was silent for {self._limits.silence_s:g} s")
                children[rank].process.kill()


def _with_absent_named(outcomes: list[Any], group_s: float) -> list[Any]:
    """Say of a collective that timed out who did not join it: the ranks that timed out cannot know."""
    absent = [rank for rank, outcome in enumerate(outcomes) if outcome is None or _was_interrupted(outcome)]
    named = ", ".join(map(str, absent))
    lead = f"rank {named} did not join the others within {group_s:g} s, as in an endless loop"
    return [
        replace(outcome, message=f"{lead}; one that waited: {outcome.message}")
        if absent and isinstance(outcome, Failure) and _timed_out(outcome)
        else outcome
        for outcome in outcomes
    ]


def _was_interrupted(outcome: Any) -> bool:
    return isinstance(outcome, Failure) and outcome.message.startswith(Interrupted.__name__)


def _timed_out(failure: Failure) -> bool:
    message = failure.message.lower()
    return "timed out" in message or "timeout" in message
