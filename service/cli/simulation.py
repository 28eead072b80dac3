"""A spec simulated on a table of curves, as plain data. Imports all algorithms; `simulating` prints what comes out."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from search_spaces import Space
from service.algorithms import AlgorithmSpec, Enqueued, Objective, Study
from service.algorithms.curves import Table
from service.algorithms.simulator import Simulation, simulate
from service.algorithms.tally import Stretch, epochs_by_rung, records, trials_by_state
from service.cli.curve_file import read_curves
from service.errors import FieldFault, InvalidInput
from service.schemas import SearchSpec, parse_spec


def simulated(raw: Mapping[str, Any], file: Path, *, workers: int | None, seconds: float | None) -> dict[str, Any]:
    """What a search does on the curves of a file.

    Args:
        raw: the spec. There is no service to ask, so what a trainable would suggest must be in it.
        file: the curves, see `read_curves`.
        workers: how many trials train at once; None: the spec's `parallelism`.
        seconds: when to break off, by the virtual clock; None: `budget.seconds`, if the spec has it.

    Raises:
        InvalidInput: the spec is wrong or leaves something open.
        ValueError: its space or algorithm, or a row of the file is wrong.
    """
    spec = parse_spec(raw)
    _check_resolved(spec)
    space = Space.parse(spec.space or {})
    study, levels = _study(spec, space)
    table = Table(space, read_curves(file, space, study.objective.metric))
    workers = workers or spec.parallelism
    limit = seconds or spec.budget.seconds or math.inf
    ran = simulate(study, table, workers=workers, seconds=limit)
    rungs = epochs_by_rung((Stretch(seen.trial, seen.epoch, 1) for seen in ran.observations), levels)
    return {
        "trials": len(study.trials),
        "epochs": len(ran.observations),
        "seconds": ran.seconds,
        "busy": ran.busy_seconds / (ran.seconds * workers) if ran.seconds else None,
        "done": ran.done,
        "repeated_epochs": sum(seen.epoch > table.known(study.trials[seen.trial].config) for seen in ran.observations),
        "best": _best(study),
        "best_over_time": _best_over_time(ran, study),
        "states": trials_by_state(ran),
        "rungs": [rung._asdict() for rung in rungs],
    }


def _check_resolved(spec: SearchSpec) -> None:
    if spec.warm_start.from_:
        message = "got searches, must be none where no service is asked that knows them; leave it out"
        raise InvalidInput.of(FieldFault(path="warm_start.from", message=message))
    given = {
        "space": spec.space,
        "objective.metric": spec.objective.metric,
        "objective.mode": spec.objective.mode,
        "budget.epochs": spec.budget.epochs,
    }
    message = "got nothing, must be given where no service is asked; `rung submit --dry-run -o json` shows it in `spec`"
    faults = [FieldFault(path=path, message=message) for path, value in given.items() if value is None]
    if faults:
        raise InvalidInput.of(*faults)


def _study(spec: SearchSpec, space: Space) -> tuple[Study, tuple[int, ...]]:
    """A fresh Study of a resolved spec, and the epochs of its rungs."""
    assert spec.objective.metric is not None
    assert spec.objective.mode is not None
    assert spec.budget.epochs is not None
    algorithm = AlgorithmSpec.parse(spec.algorithm)
    algorithm.accepts(space, spec.budget.epochs)
    objective = Objective(metric=spec.objective.metric, mode=spec.objective.mode, scope=spec.objective.scope)
    max_trials = algorithm.num_trials(space, spec.budget.trials, 0)
    if not max_trials:
        fault = FieldFault(path="budget.trials", message="got nothing, must be given but for a grid; say how many")
        raise InvalidInput.of(fault)
    study = Study(
        space=space,
        algorithm=algorithm,
        objective=objective,
        max_trials=max_trials,
        max_epochs=spec.budget.epochs,
        seed=spec.seed,
        target=spec.budget.target,
        patience=spec.budget.patience,
    )
    for config in spec.enqueue:
        study.tell(Enqueued(config=config))
    return study, algorithm.build_scheduler(space, objective, spec.seed, spec.budget.epochs).levels


def _best(study: Study) -> dict[str, Any] | None:
    found = study.best()
    if found is None:
        return None
    trial, epoch, value = found
    return {"trial": trial, "epoch": epoch, "value": value, "config": dict(study.trials[trial].config)}


def _best_over_time(ran: Simulation, study: Study) -> list[dict[str, Any]]:
    return [
        {"seconds": seen.at, "trial": seen.trial, "epoch": seen.epoch, "value": seen.value}
        for seen in records(ran.observations, study.objective)
    ]
