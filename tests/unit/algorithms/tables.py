"""Tables of trials for tests of samplers: configurations with their results at rungs, without a Study."""

import math
from collections.abc import Iterable, Mapping
from typing import Any

from search_spaces import Space
from service.algorithms.catalog import SAMPLERS
from service.algorithms.objective import Objective
from service.algorithms.proposals import Origin, OriginKind, Start
from service.algorithms.samplers import KdeSampler, TpeSampler
from service.algorithms.trials import Phase, Trials

Row = tuple[Mapping[str, Any], Mapping[int, float]]


def table(rows: Iterable[Row]) -> Trials:
    """Return trials that have ended, each with a configuration and its losses at rungs by epoch."""
    trials = Trials()
    for trial, (config, losses) in enumerate(rows):
        origin = Origin(kind=OriginKind.RANDOM, text="")
        trials.add(Start(trial=trial, config=config, epochs=1, origin=origin))
        for epoch, loss in losses.items():
            trials[trial].report(epoch, loss)
            trials.record_rung(trial, epoch, loss)
        failed = math.inf in losses.values()
        trials.move(trial, Phase.FAILED if failed else Phase.ENDED)
    return trials


def sampled(space: Space, losses: Iterable[float]) -> Trials:
    """Return trials of random configurations with these losses at epoch 1."""
    return table((space.sample(seed), {1: loss}) for seed, loss in enumerate(losses))


def kde(space: Space, seed: int = 0, **changes: Any) -> KdeSampler:
    """Return the KDE sampler with its defaults, but no draws at random by design."""
    return KdeSampler(space, seed, **{**_defaults("kde"), "random_fraction": 0.0, **changes})


def tpe(space: Space, seed: int = 0, **changes: Any) -> TpeSampler:
    """Return the TPE sampler with its defaults."""
    return TpeSampler(space, Objective(metric="loss"), seed, **{**_defaults("tpe"), **changes})


def _defaults(name: str) -> dict[str, Any]:
    return {option.name: option.default for option in SAMPLERS[name].options}
