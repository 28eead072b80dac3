"""Ranks without Ray: rank 0 in the test's own process, rank 1 in one that obeys over a pipe; or all in such ones."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from trainables import Assignment, CheckpointRecord
from trainables.checkpoints.checkpoint import CheckpointWriter
from trainables.gang.rank import Rank
from trainables.training.attempt import SavedFiles


def obey(commands: Connection, number: int = 1, world: int = 2) -> None:
    """Carry out what comes over the pipe, as rank 1 of 2 or another, until None comes."""
    rank = Rank(number, world, cpus=1, gpus=0, timeout_s=60)
    while (command := commands.recv()) is not None:
        method, arguments = command
        commands.send(getattr(rank, method)(*arguments))
    rank.close()


class Pair:
    """Rank 0 and rank 1 of one gang."""

    def __init__(self) -> None:
        context = multiprocessing.get_context("spawn")
        self._commands, child_end = context.Pipe()
        self._child = context.Process(target=obey, args=(child_end,), daemon=True)
        self._child.start()
        self.rank0 = Rank(0, 2, cpus=1, gpus=0, timeout_s=60)
        self.call("join", self.rank0.listen())

    def call(self, method: str, *arguments: Any) -> list[Any]:
        """Call a method on both ranks at once."""
        self._commands.send((method, arguments))
        own = getattr(self.rank0, method)(*arguments)
        return [own, self._commands.recv()]

    def assign(self, assignment: Assignment) -> None:
        for step in (("build", assignment), ("wrap",)):
            outcomes = self.call(*step)
            assert outcomes == [None, None], outcomes

    def save(self, aside: str) -> list[SavedFiles]:
        """Have both ranks write their files of a checkpoint."""
        self.call("snapshot")
        return self.call("write", aside)

    def close(self) -> None:
        self._commands.send(None)
        self.rank0.close()
        self._child.join(10)


class Team(Pair):
    """Any number of ranks, all of them in processes of their own."""

    def __init__(self, world: int) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipes: list[Connection] = []
        self._children: list[Any] = []
        for number in range(world):
            ours, theirs = context.Pipe()
            self._pipes.append(ours)
            self._children.append(context.Process(target=obey, args=(theirs, number, world), daemon=True))
            self._children[-1].start()
        self._pipes[0].send(("listen", ()))
        self.call("join", self._pipes[0].recv())

    def call(self, method: str, *arguments: Any) -> list[Any]:
        """Call a method on all ranks at once."""
        for pipe in self._pipes:
            pipe.send((method, arguments))
        return [pipe.recv() for pipe in self._pipes]

    def assign(self, assignment: Assignment) -> None:
        assert not any(self.call("build", assignment))
        assert not any(self.call("wrap"))

    def close(self) -> None:
        for pipe, child in zip(self._pipes, self._children, strict=True):
            pipe.send(None)
            child.join(10)


def a_lone_rank(assignment: Assignment) -> Rank:
    """Return the only rank of a gang, ready to train."""
    rank = Rank(0, 1, cpus=1, gpus=0, timeout_s=60)
    assert rank.build(assignment) is None
    return rank


def alone(rank: Rank) -> Callable[[str], list[SavedFiles]]:
    """Return what has the only rank of a gang write its files of a checkpoint."""

    def write(aside: str) -> list[SavedFiles]:
        rank.snapshot()
        return [rank.write(aside)]

    return write


def save(directory: Path, assignment: Assignment, epoch: int, measures: Any, saver: Any) -> CheckpointRecord:
    """Write a checkpoint with the ranks behind `saver`, a function that has all of them write."""
    writer = CheckpointWriter(directory, epoch)
    saved = saver(str(writer.aside))
    facts = {
        "config": dict(assignment.config),
        "import_path": assignment.import_path,
        "world_size": len(saved),
        "aliases": dict(saved[0].aliases),
    }
    return writer.commit([file for part in saved for file in part.files], measures.metrics, facts)
