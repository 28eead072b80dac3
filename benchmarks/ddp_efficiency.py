"""What the loop costs: its samples per second against those of a plain torchrun-style script, same model, same data.

Usage: python -m benchmarks.ddp_efficiency [--rounds 15] [--ranks 1 2] [--cases mlp cnn]
Both contestants live in the same processes and take turns, epoch by epoch, so that whatever else the machine does hits
both; the ratio is the median over the turns. Where the machine is busy, that of the two best turns says more. With
GPUs, each rank has one, in fp32 and in bf16, as far as there are any. The bar is 0.97.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import statistics
import time
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.parallel import DistributedDataParallel
from torch.optim import SGD, Optimizer
from torch.utils.data import DataLoader, DistributedSampler, RandomSampler, TensorDataset

from benchmarks.machine import describe
from trainables import Assignment, Config, Datasets, Trainable
from trainables.gang.rank import Rank
from trainables.models.digits_mlp import DigitsMlp

BAR = 0.97
"""Samples per second of the loop, over the script's, that are good enough."""

SEED = 1


class WideMlp(DigitsMlp):
    """Digits with two hidden layers wide enough for the computation to outweigh everything else."""

    def model(self, config: Config) -> nn.Module:
        """Build 64 -> 1024 -> 1024 -> 10."""
        width = 1024
        return nn.Sequential(nn.Linear(64, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, 10))

    def optimizer(self, config: Config, model: nn.Module) -> Optimizer:
        """Build SGD with momentum."""
        return SGD(model.parameters(), lr=1e-3, momentum=0.9)


class SmallCnn(Trainable):
    """Two convolutions on random images of 28 x 28 pixels."""

    def datasets(self, config: Config) -> Datasets:
        """Draw the images."""
        generator = torch.Generator().manual_seed(SEED)
        images = torch.rand(2048, 1, 28, 28, generator=generator)
        labels = torch.randint(10, (2048,), generator=generator)
        data = TensorDataset(images, labels)
        return Datasets(train=data, validation=TensorDataset(images[:64], labels[:64]))

    def model(self, config: Config) -> nn.Module:
        """Build 16 and 32 channels, then a linear layer."""
        return nn.Sequential(
            nn.Conv2d(1, 16, 3, padding=1),
            nn.BatchNorm2d(16),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(16, 32, 3, padding=1),
            nn.BatchNorm2d(32),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Linear(32 * 7 * 7, 10),
        )

    def optimizer(self, config: Config, model: nn.Module) -> Optimizer:
        """Build SGD with momentum."""
        return SGD(model.parameters(), lr=1e-3, momentum=0.9)

    def loss(self, output: Tensor, target: Tensor) -> Tensor:
        """Return the mean cross entropy."""
        return functional.cross_entropy(output, target)


CASES: Mapping[str, type[Trainable]] = {"mlp": WideMlp, "cnn": SmallCnn}


@dataclass(frozen=True, kw_only=True, slots=True)
class Race:
    """Which contestants meet on how many ranks, and how often."""

    case: str
    ranks: int
    precision: str
    rounds: int
    gpu: bool
    batch_size: int = 256


class Script:
    """The plain script: the loop that people write, with nothing but what it needs."""

    def __init__(self, race: Race, rank: int) -> None:
        trainable = CASES[race.case]()
        self._loss = trainable.loss
        self._device = torch.device("cuda" if race.gpu else "cpu")
        torch.manual_seed(SEED)
        model = trainable.model({}).to(self._device)
        self._optimizer = trainable.optimizer({}, model)
        self._model: nn.Module = DistributedDataParallel(model) if race.ranks > 1 else model
        data: Any = trainable.datasets({}).train
        sampler: Any = DistributedSampler(data, race.ranks, rank) if race.ranks > 1 else RandomSampler(data)
        self._loader = DataLoader(data, batch_size=race.batch_size // race.ranks, sampler=sampler)
        self._autocast = race.precision == "bf16"

    def epoch(self) -> float:
        """Train one epoch; return its samples per second on this rank."""
        began_at, count = time.perf_counter(), 0
        total = torch.zeros((), device=self._device)
        self._model.train()
        for inputs, target in self._loader:
            on_device, labels = inputs.to(self._device), target.to(self._device)
            self._optimizer.zero_grad(set_to_none=True)
            with torch.autocast(self._device.type, torch.bfloat16) if self._autocast else nullcontext():
                loss = self._loss(self._model(on_device), labels)
            loss.backward()
            self._optimizer.step()
            total += loss.detach() * len(target)
            count += len(target)
        total.item()  # as any script must, to print its loss; on a GPU this waits for the epoch to end
        return count / (time.perf_counter() - began_at)


class Loop:
    """Rung's own rank, as a gang has it."""

    def __init__(self, race: Race, rank: Rank) -> None:
        self._rank = rank
        case = CASES[race.case]
        assignment = Assignment(
            search="benchmark",
            trial=0,
            attempt=1,
            lease_epoch=1,
            trainable=race.case,
            import_path=f"benchmarks.ddp_efficiency:{case.__name__}",
            config={"batch_size": race.batch_size, "precision": race.precision},
            epochs=10**6,
            seed=SEED,
            workers=race.ranks,
            cpus_per_worker=1,
            gpus_per_worker=int(race.gpu),
            directory=os.devnull,
            resume_from=None,
            every_epochs=10**6,
            metric="loss",
            mode="min",
            scope="last",
            best_loss_so_far=None,
        )
        for failure in (rank.build(assignment), rank.wrap()):
            if failure:
                raise RuntimeError(failure.traceback)

    def epoch(self) -> float:
        """Train one epoch; return the samples per second of its training part on this rank."""
        measures: Any = self._rank.run_epoch()
        return float(measures.resources["samples_per_s"])


def run_rank(race: Race, number: int, port: Connection, reply: Connection) -> None:
    """Run both contestants' part of one rank, turn by turn; send rank 0's samples per second."""
    torch.set_num_threads(1)
    os.environ["CUDA_VISIBLE_DEVICES"] = str(number)  # before anything asks for a GPU, as Ray does it for a gang
    rank = Rank(number, race.ranks, cpus=1, gpus=int(race.gpu), timeout_s=120)
    if race.ranks > 1:
        if number == 0:
            port.send(rank.listen())
        rank.join(port.recv() if number else 0)
    contestants = [Script(race, number), Loop(race, rank)]
    turns = []
    for turn in range(race.rounds + 2):
        order = contestants if turn % 2 else contestants[::-1]
        speeds = {type(each).__name__: _together(each) for each in order}
        turns.append((speeds["Script"], speeds["Loop"]))
    if number == 0:
        reply.send(turns[2:])  # the first turns warm up allocators and DDP's buckets
    rank.close()


def _together(contestant: Script | Loop) -> float:
    if dist.is_initialized():
        dist.barrier()
    return contestant.epoch()


def compete(race: Race) -> float:
    """Run a race; print it and return the median ratio."""
    context = multiprocessing.get_context("spawn")
    port_out, port_in = context.Pipe(duplex=False)
    reply_out, reply_in = context.Pipe(duplex=False)
    processes = [
        context.Process(target=run_rank, args=(race, rank, port_out if rank else port_in, reply_in))
        for rank in range(race.ranks)
    ]
    for process in processes:
        process.start()
    turns = reply_out.recv() if reply_out.poll(1200) else []
    for process in processes:
        process.join()
    ratio = statistics.median(loop / script for script, loop in turns)
    best = max(loop for _, loop in turns) / max(script for script, _ in turns)
    script, loop = (statistics.median(speeds) * race.ranks for speeds in zip(*turns, strict=True))
    print(
        f"{race.case:4} {race.precision} {race.ranks} rank(s): script {script:8.0f}/s, loop {loop:8.0f}/s, "
        f"ratio {ratio:.3f} (median of {len(turns)} turns), of the best turns {best:.3f}",
        flush=True,
    )
    return ratio


def main() -> None:
    """Run all races and compare with the bar."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--ranks", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--cases", nargs="+", choices=CASES, default=list(CASES))
    asked = parser.parse_args()
    gpu = torch.cuda.is_available()
    device = torch.cuda.get_device_name() if gpu else "no GPU"
    print(f"machine: {describe()}, {device}; 1 thread a rank; load {os.getloadavg()[0]:.1f}", flush=True)
    shapes = [
        (ranks, precision)
        for ranks in asked.ranks
        if not gpu or ranks <= torch.cuda.device_count()
        for precision in (("fp32", "bf16") if gpu else ("fp32",))
    ]
    ratios = [
        compete(Race(case=case, ranks=ranks, precision=precision, rounds=asked.rounds, gpu=gpu))
        for case in asked.cases
        for ranks, precision in shapes
    ]
    print(f"worst ratio {min(ratios):.3f}, bar {BAR}: {'reached' if min(ratios) >= BAR else 'missed'}")


if __name__ == "__main__":
    main()
