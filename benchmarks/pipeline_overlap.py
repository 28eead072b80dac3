"""Whether the stages of a pipeline compute at the same time: a transformer in two stages against one process.

Usage: python -m benchmarks.pipeline_overlap [--gpus] [--rounds 3]
Prints how much of the time both stages computed, and samples per second of two ranks and of one, each computing on one
thread (or, with --gpus, on a GPU of its own). The text is made up, so that no file is needed.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import random
import statistics
import tempfile
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import torch
from torch.distributed.pipelining import PipelineStage

from benchmarks.machine import describe
from tests.support.assignments import an_assignment
from trainables.gang.rank import Rank

CONFIG = {
    "width": 128,
    "layers": 4,
    "context": 64,
    "batch_size": 64,
    "micro_batch_size": 8,
    "parallel": "pipeline",
    "drop_last": True,
}
CHARACTERS = 18_300  # four batches an epoch
MICRO_BATCHES, STAGES = 8, 2

Span = tuple[float, float]
"""When a stage began and ended computing on a micro-batch, in seconds of the machine's clock."""


def work(commands: Connection, number: int, world: int, gpus: int) -> None:
    """Be one rank: carry out what comes over the pipe, and note when the stage computes."""
    if gpus:
        os.environ["CUDA_VISIBLE_DEVICES"] = str(number)
    spans: list[Span] = []
    for name in ("forward_one_chunk", "backward_one_chunk"):
        setattr(PipelineStage, name, noted(getattr(PipelineStage, name), spans))
    rank = Rank(number, world, cpus=1, gpus=gpus, timeout_s=120)
    while (command := commands.recv()) is not None:
        method, arguments = command
        if method == "spans":
            commands.send(list(spans))
            spans.clear()
        else:
            commands.send(getattr(rank, method)(*arguments))
    rank.close()


def noted(method: Callable[..., Any], spans: list[Span]) -> Callable[..., Any]:
    """Return a method that also notes when it began and ended; what it waits for on its neighbours is before it."""

    def call(*args: Any, **kwargs: Any) -> Any:
        began = time.monotonic()
        result = method(*args, **kwargs)
        if torch.cuda.is_initialized():
            torch.cuda.synchronize()
        spans.append((began, time.monotonic()))
        return result

    return call


class Ranks:
    """Processes that train one trial."""

    def __init__(self, world: int, gpus: int, folder: Path) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipes = []
        for number in range(world):
            ours, theirs = context.Pipe()
            context.Process(target=work, args=(theirs, number, world, gpus), daemon=True).start()
            theirs.close()  # so that a rank that dies ends the wait for its answer
            self._pipes.append(ours)
        if world > 1:
            self._pipes[0].send(("listen", ()))
            self.call("join", self._pipes[0].recv())
        config = CONFIG | {"text_file": str(folder / "text.txt"), "characters": CHARACTERS}
        path = "trainables.models.char_transformer:CharTransformer"
        for method, *arguments in (
            ("build", an_assignment(folder, config, import_path=path, workers=world)),
            ("wrap",),
        ):
            failures = [failure for failure in self.call(method, *arguments) if failure]
            if failures:
                raise RuntimeError(failures[0].traceback)
        self.epoch()  # the first is slower than the rest

    def call(self, method: str, *arguments: Any) -> list[Any]:
        """Call a method on all ranks at once."""
        for pipe in self._pipes:
            pipe.send((method, arguments))
        return [pipe.recv() for pipe in self._pipes]

    def epoch(self) -> float:
        """Train an epoch; return samples per second of its training part."""
        return float(sum(measures.resources["samples_per_s"] for measures in self.call("run_epoch")))

    def close(self) -> None:
        """End the processes."""
        for pipe in self._pipes:
            pipe.send(None)


def together(first: list[Span], second: list[Span]) -> float:
    """Return the seconds in which both computed."""
    return sum(max(0.0, min(ours[1], theirs[1]) - max(ours[0], theirs[0])) for ours in first for theirs in second)


def main() -> None:
    """Alternates epochs of two ranks and of one, and prints medians."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gpus", action="store_true", help="a GPU for each rank, over NCCL")
    parser.add_argument("--rounds", type=int, default=3, help="epochs of each (3)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="rung-") as name:
        folder = Path(name)
        letters = random.Random(0)  # noqa: S311  (text, not secrets)
        (folder / "text.txt").write_text("".join(letters.choice("abcdefgh ") for _ in range(CHARACTERS)))
        one, two = (Ranks(world, int(options.gpus), folder) for world in (1, STAGES))
        two.call("spans")
        speeds = [(one.epoch(), two.epoch()) for _ in range(options.rounds)]
        first, second = two.call("spans")
        one.close()
        two.close()
    busy = [sum(ended - began for began, ended in spans) for spans in (first, second)]
    both = together(first, second)
    alone, in_stages = (statistics.median(each) for each in zip(*speeds, strict=True))
    print(f"machine: {describe()}, load {os.getloadavg()[0]:.1f}")
    print(f"the stages computed {busy[0]:.2f} s and {busy[1]:.2f} s, {both:.2f} s of it at the same time")
    print(f"overlap: {both / min(busy):.2f} of the shorter one's time")
    print(f"samples/s: {in_stages:.1f} in two stages, {alone:.1f} in one process, ratio {in_stages / alone:.2f}")
    print(f"at best, with {MICRO_BATCHES} micro-batches: {STAGES * MICRO_BATCHES / (MICRO_BATCHES + STAGES - 1):.2f}")


if __name__ == "__main__":
    main()
