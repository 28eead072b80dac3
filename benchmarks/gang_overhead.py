"""What a trial of two ranks costs besides its training: Rung's gangs, and three ways to do it with Ray alone.

Usage: python -m benchmarks.gang_overhead [--quick] [--only idle|search] [--rounds N]
All train the same loop on one slot of two ranks: Rung (its engine and a ledger in this process), Tune with our gang as
a class trainable, with and without `reuse_actors`, and Ray Train's TorchTrainer inside a Tune trial. Printed are the
seconds in which the slot does not train: from the end of one trial's last epoch to the first batch of the next, and
from the start to the first batch of all. Then the wall time of a 60-trial ASHA search of digits on two slots: Rung
against Tune's ASHA over the same gangs and the same configurations. Runs alternate; figures are medians.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # Ray's own imports warn about what they deprecate
    import ray
    from ray import train, tune
    from ray.train.torch import TorchTrainer

from benchmarks.machine import describe
from service.runner.engine import Engine
from service.states import Intent
from tests.support.runs import SPACE, Searches
from trainables import Assignment, EpochResult
from trainables.gang.gang import RESULT_KEY, Gang
from trainables.gang.processes import Limits
from trainables.gang.rank import Rank

EPOCHS = 3
WORKERS = 2
GANG = tune.PlacementGroupFactory([{"CPU": 1}] * WORKERS, strategy="STRICT_PACK")


@dataclass(frozen=True, kw_only=True, slots=True)
class Epoch:
    """When one epoch of one trial began and ended, in Unix seconds."""

    trial: int
    epoch: int
    started_at: float
    ended_at: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Idle:
    """Seconds in which a slot did not train: until its first batch, and between two trials."""

    start_s: float
    switches_s: list[float]

    @property
    def per_trial_s(self) -> float:
        """Start-up included, divided by the trials."""
        return (self.start_s + sum(self.switches_s)) / (len(self.switches_s) + 1)


class NotedGang(Gang):
    """Our gang for bare Tune: it notes its epochs in a folder, and tells Tune's scheduler the loss."""

    def step(self) -> dict[str, Any]:  # type: ignore[override]  # more keys
        """One epoch."""
        result: EpochResult = super().step()[RESULT_KEY]
        folder = Path(self._assignment.directory).parent
        note(folder, Epoch(trial=self._assignment.trial, epoch=result.epoch, **times(result)))
        return {"loss": result.metrics["loss"]}


def note(folder: Path, epoch: Epoch) -> None:
    """Adds an epoch to a trial's notes."""
    facts = {name: getattr(epoch, name) for name in Epoch.__slots__}
    with (folder / f"epochs-{epoch.trial}.jsonl").open("a") as file:
        file.write(json.dumps(facts) + "\n")


def notes(folder: Path) -> list[Epoch]:
    """All epochs noted in a folder."""
    return [Epoch(**json.loads(line)) for file in folder.glob("epochs-*") for line in file.read_text().splitlines()]


def times(result: EpochResult) -> dict[str, float]:
    """Begin and end of an epoch."""
    return {"started_at": result.started_at, "ended_at": result.ended_at}


def idle(began_at: float, epochs: list[Epoch]) -> Idle:
    """What one slot's epochs leave between them."""
    by_trial: dict[int, list[Epoch]] = {}
    for epoch in sorted(epochs, key=lambda e: e.started_at):
        by_trial.setdefault(epoch.trial, []).append(epoch)
    spans = sorted((trial[0].started_at, trial[-1].ended_at) for trial in by_trial.values())
    switches = [then[0] - now[1] for now, then in itertools.pairwise(spans)]
    return Idle(start_s=spans[0][0] - began_at, switches_s=switches)


def assignment(folder: Path, trial: int, config: Mapping[str, Any], epochs: int) -> Assignment:
    """A trial of digits for a gang, as Rung would give it: a checkpoint at each new best epoch."""
    return Assignment(
        search=folder.name.replace("_", "-"),
        trial=trial,
        attempt=1,
        lease_epoch=1,
        trainable="digits_mlp",
        import_path="trainables.models.digits_mlp:DigitsMlp",
        config=config,
        epochs=epochs,
        seed=trial,
        workers=WORKERS,
        cpus_per_worker=1,
        gpus_per_worker=0,
        directory=str(folder / f"trial-{trial}"),
        resume_from=None,
        every_epochs=epochs,
        metric="loss",
        mode="min",
        scope="best",
        best_loss_so_far=None,
    )


def by_rung(folder: Path, trials: int) -> Idle:
    """The trials by Rung's engine."""
    searches = Searches(folder)
    search = searches.submit("random", trials=trials, epochs=EPOCHS, resources={"workers": WORKERS})
    began_at = time.time()
    step_to_the_end(searches, search, slots=1)
    epochs = reported(searches, search)
    searches.ledger.close()
    return idle(began_at, epochs)


def reported(searches: Searches, search: str) -> list[Epoch]:
    """A search's epochs, from the ledger."""
    return [
        Epoch(trial=r.trial, epoch=r.epoch, started_at=r.started_at.timestamp(), ended_at=r.ended_at.timestamp())
        for r in searches.ledger.reports(search)
    ]


@dataclass(frozen=True, kw_only=True, slots=True)
class Took:
    """Wall time of a search.

    Attributes:
        start_s: until the first batch: two gangs are started.
        search_s: from there to the last result.
        epochs: trained.
    """

    start_s: float
    search_s: float
    epochs: int

    @classmethod
    def of(cls, began_at: float, epochs: list[Epoch]) -> Took:
        """Read off the epochs."""
        first, last = min(e.started_at for e in epochs), max(e.ended_at for e in epochs)
        return cls(start_s=first - began_at, search_s=last - first, epochs=len(epochs))

    def __str__(self) -> str:
        return f"{self.start_s:.1f} + {self.search_s:.1f} s ({self.epochs} epochs)"


def step_to_the_end(searches: Searches, search: str, *, slots: int) -> None:
    """Steps a search until its last report is committed."""
    run = searches.run(search, slots=slots)
    engine = Engine(run, limits=Limits())
    while not run.finished:
        run.obey(Intent.RUN, slots)
        if not run.finished:
            engine.step()
    engine.close()


def by_tune(folder: Path, trials: int, *, reuse: bool) -> Idle:
    """The trials by Tune, with our gang as its class trainable."""
    config = {"lr": 0.01, "hidden": 64}
    assignments = [assignment(folder, trial, config, EPOCHS).to_dict() for trial in range(trials)]
    began_at = time.time()
    tune.Tuner(
        tune.with_resources(NotedGang, GANG),
        param_space={"assignment": tune.grid_search(assignments)},
        tune_config=tune.TuneConfig(reuse_actors=reuse, max_concurrent_trials=1),
        run_config=tune.RunConfig(verbose=0, storage_path=str(folder / "tune"), stop={"training_iteration": EPOCHS}),
    ).fit()
    return idle(began_at, notes(folder))


def train_loop(raw: Mapping[str, Any]) -> None:
    """What a worker of TorchTrainer does: the same attempt that a rank of a gang carries out, in Ray Train's group."""
    task = Assignment.from_dict(raw)
    context = train.get_context()
    rank = Rank(context.get_world_rank(), context.get_world_size(), cpus=1, gpus=0, timeout_s=600)
    for fault in (rank.build(task), rank.wrap()):
        if fault is not None:
            raise RuntimeError(fault.message)
    for _ in range(task.epochs):
        measures = rank.run_epoch()
        now = time.time()
        if context.get_world_rank() == 0:
            facts = {"epoch": measures.epoch, "started_at": measures.started_at, "ended_at": now}
            note(Path(task.directory).parent, Epoch(trial=task.trial, **facts))
        train.report({"loss": measures.metrics["loss"]})


def by_torch_trainer(folder: Path, trials: int) -> Idle:
    """The trials by a Ray Train run inside each trial of Tune."""

    def trial(config: dict[str, Any]) -> None:
        TorchTrainer(
            train_loop,
            train_loop_config=config["assignment"],
            scaling_config=train.ScalingConfig(num_workers=WORKERS, resources_per_worker={"CPU": 1}),
            run_config=train.RunConfig(storage_path=str(folder / "train"), name=str(config["assignment"]["trial"])),
        ).fit()

    config = {"lr": 0.01, "hidden": 64}
    assignments = [assignment(folder, number, config, EPOCHS).to_dict() for number in range(trials)]
    began_at = time.time()
    tune.Tuner(
        tune.with_resources(trial, {"CPU": 0.1}),
        param_space={"assignment": tune.grid_search(assignments)},
        tune_config=tune.TuneConfig(max_concurrent_trials=1),
        run_config=tune.RunConfig(verbose=0, storage_path=str(folder / "tune")),
    ).fit()
    return idle(began_at, notes(folder))


CONTESTANTS: dict[str, tuple[Callable[[Path, int], Idle], int]] = {
    "Rung": (by_rung, 8),
    "Tune, reuse_actors": (lambda folder, trials: by_tune(folder, trials, reuse=True), 8),
    "Tune, new actors": (lambda folder, trials: by_tune(folder, trials, reuse=False), 3),
    "TorchTrainer in Tune": (by_torch_trainer, 3),
}


def overhead(root: Path, rounds: int) -> None:
    """Prints the idle seconds of each contestant."""
    found: dict[str, list[Idle]] = {name: [] for name in CONTESTANTS}
    for number in range(rounds):
        for name, (contestant, trials) in CONTESTANTS.items():
            folder = root / f"idle-{number}-{len(name)}"
            folder.mkdir()
            found[name].append(contestant(folder, trials))
    print("\nseconds in which a slot of two ranks does not train")
    print(f"{'':22}{'between trials':>16}{'until the first':>17}{'per trial, all in':>19}")
    switch = {name: statistics.median(s for run in runs for s in run.switches_s) for name, runs in found.items()}
    for name, runs in found.items():
        start = statistics.median(run.start_s for run in runs)
        per_trial = statistics.median(run.per_trial_s for run in runs)
        print(f"{name:22}{switch[name]:16.3f}{start:17.1f}{per_trial:19.2f}   ({CONTESTANTS[name][1]} trials a run)")
    for name in list(CONTESTANTS)[1:]:
        print(f"{name}: {switch[name] / switch['Rung']:.1f} times Rung's between trials")


def asha_by_rung(folder: Path, trials: int) -> tuple[Took, list[dict[str, Any]]]:
    """What it took, and the configurations."""
    searches = Searches(folder)
    search = searches.submit(
        "asha",
        trials=trials,
        epochs=9,
        space=SPACE,
        resources={"workers": 2},
        checkpoints={"every_epochs": 9},  # and at each new best, as in `assignment`
    )
    began_at = time.time()
    step_to_the_end(searches, search, slots=2)
    took = Took.of(began_at, reported(searches, search))
    configs = [dict(trial.config) for trial in searches.ledger.trials(search)]
    searches.ledger.close()
    return took, configs


def asha_by_tune(folder: Path, configs: list[dict[str, Any]]) -> Took:
    """What it took."""
    assignments = [assignment(folder, number, config, 9).to_dict() for number, config in enumerate(configs)]
    scheduler = tune.schedulers.ASHAScheduler(metric="loss", mode="min", max_t=9, grace_period=1, reduction_factor=3)
    began_at = time.time()
    tune.Tuner(
        tune.with_resources(NotedGang, GANG),
        param_space={"assignment": tune.grid_search(assignments)},
        tune_config=tune.TuneConfig(reuse_actors=True, max_concurrent_trials=2, scheduler=scheduler),
        run_config=tune.RunConfig(verbose=0, storage_path=str(folder / "tune"), stop={"training_iteration": 9}),
    ).fit()
    return Took.of(began_at, notes(folder))


def search_time(root: Path, rounds: int, trials: int) -> None:
    """Prints the wall time of the search either way."""
    found: list[tuple[Took, Took]] = []
    print(f"\n{trials}-trial ASHA search of digits, two slots of two ranks: until the first batch + to the last result")
    for number in range(rounds):
        folders = root / f"asha-rung-{number}", root / f"asha-tune-{number}"
        for folder in folders:
            folder.mkdir()
        ours, configs = asha_by_rung(folders[0], trials)
        found.append((ours, asha_by_tune(folders[1], configs)))
        print(f"Rung {ours}, Tune {found[-1][1]}", flush=True)
    print(f"Rung's time divided by Tune's, median of {rounds}:")
    measures: dict[str, Callable[[Took], float]] = {
        "whole": lambda took: took.start_s + took.search_s,
        "until the first batch": lambda took: took.start_s,
        "from the first batch": lambda took: took.search_s,
        "from the first batch, for each epoch": lambda took: took.search_s / took.epochs,
    }
    for name, measure in measures.items():
        print(f"  {name}: {statistics.median(measure(ours) / measure(theirs) for ours, theirs in found):.2f}")


def main() -> None:
    """Runs all contestants in turn."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one round, and 20 trials of ASHA")
    parser.add_argument("--only", choices=["idle", "search"], help="one of the two tables")
    parser.add_argument("--rounds", type=int, help="turns of each contestant (default 3, quick 1)")
    arguments = parser.parse_args()
    rounds, trials = (1, 20) if arguments.quick else (3, 60)
    rounds = arguments.rounds or rounds
    os.environ["TUNE_DISABLE_AUTO_CALLBACK_LOGGERS"] = "1"  # a kindness to bare Tune, 0.08 s a trial
    ray.init(num_cpus=5, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
    try:
        with tempfile.TemporaryDirectory(prefix="rung-overhead-") as folder:
            print(f"machine: {describe()}, load {os.getloadavg()[0]:.1f} before the start", flush=True)
            if arguments.only != "search":
                overhead(Path(folder), rounds)
            if arguments.only != "idle":
                search_time(Path(folder), rounds, trials)
    finally:
        ray.shutdown()


if __name__ == "__main__":
    main()
