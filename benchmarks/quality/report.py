"""The comparison as Markdown. Where its figures come from is in statistics.py, its plots are in plots.py."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from benchmarks.machine import describe
from benchmarks.quality.book import Key
from benchmarks.quality.contestants import OURS
from benchmarks.quality.plots import draw
from benchmarks.quality.regret import NUM_SHARES
from benchmarks.quality.run import FULL_TRAININGS, Outcome
from benchmarks.quality.statistics import Estimate, Results, collect, estimate, mean_ranks, speed_up

SHARES = {percent: NUM_SHARES * percent // 100 - 1 for percent in (10, 25, 50, 100)}
"""The shares of a run that the tables show, with their indices."""
RANDOM = OURS + "random"
PAIRS = (
    (OURS + "bohb", "hpbandster-bohb"),
    (OURS + "bohb", "tune-bohb"),
    (OURS + "asha", "tune-asha"),
    (OURS + "asha", "syne-asha"),
    (OURS + "tpe", "optuna-tpe"),
)
"""Ours, and the peer's that it must not be worse than."""


def report(
    outcomes: Mapping[str, Mapping[Key, Outcome]],
    tasks: Sequence[str],
    workers: Sequence[int],
    seeds: Sequence[int],
    default: str | None,
) -> str:
    """Return the whole comparison, and draw its plots.

    Args:
        outcomes: by method; who has none is left out, and named.
        tasks: all of these.
        workers: all of these.
        seeds: as many of these as everybody has.
        default: one of the methods, to be paired with every other one.
    """
    missing = [method for method, found in outcomes.items() if not found]
    results = collect({m: found for m, found in outcomes.items() if found}, tasks, workers, seeds)
    counts = ", ".join(f"{method} {len(found)}" for method, found in outcomes.items())
    if not results.methods or not results.seeds:
        return f"nothing to compare yet: no seed is complete for every method; runs so far: {counts}"
    folder = draw(results)
    lines = [f"machine: {describe()}", "", *_head(results, missing), ""]
    lines += ["## All", "", *_standings(results), ""]
    for count in results.workers if len(results.workers) > 1 else ():
        lines += [f"## {count} workers", "", *_standings(results.only(count)), ""]
    lines += ["## Pairs", "", *_pairs(results, default), "", "## Tasks", "", *_by_task(results), ""]
    return "\n".join([*lines, f"plots: {folder}"])


def _head(results: Results, missing: Sequence[str]) -> Iterator[str]:
    yield (
        f"{len(results.tasks)} tasks, {' and '.join(map(str, results.workers))} workers, {len(results.seeds)} seeds, "
        f"{FULL_TRAININGS} full trainings a run. Normalised regret of the validation metric: 0 is the best value "
        "known, 1 the median random configuration; 95 % intervals by bootstrap over seeds."
    )
    if missing:
        yield f"No runs yet: {', '.join(missing)}."


def _standings(results: Results) -> Iterator[str]:
    percents = " | ".join(f"{percent} %" for percent in SHARES)
    yield f"| method | {percents} | {' | '.join(f'rank {p} %' for p in SHARES)} | speed-up | decisions, s |"
    yield "|---|" + "---|" * (2 * len(SHARES) + 2)
    ranks = {percent: mean_ranks(results, share) for percent, share in SHARES.items()}
    finals = results.regrets[..., -1].mean(axis=(1, 2, 3))
    baseline = results.of(RANDOM).mean(axis=(0, 1, 2)) if RANDOM in results.methods else None
    for number in np.argsort(finals, kind="stable"):
        regrets = results.regrets[number]
        cells = [
            results.methods[number],
            *(_show(estimate(regrets[..., share])) for share in SHARES.values()),
            *(f"{ranks[percent][number]:.2f}" for percent in SHARES),
            "" if baseline is None else _times(speed_up(regrets.mean(axis=(0, 1, 2)), baseline)),
            f"{results.decision_seconds[number].mean():.1f}",
        ]
        yield f"| {' | '.join(cells)} |"


def _pairs(results: Results, default: str | None) -> Iterator[str]:
    yield "Difference of regret, mean over paired cells; negative: the first is better."
    yield ""
    yield f"| pair | workers | {' | '.join(f'{percent} %' for percent in SHARES)} | better in |"
    yield "|---|---|" + "---|" * (len(SHARES) + 1)
    others = [(default, other) for other in results.methods if other != default] if default else []
    for first, second in dict.fromkeys([*PAIRS, *others]):
        if first in results.methods and second in results.methods:
            yield from _pair(results, first, second)


def _pair(results: Results, first: str, second: str) -> Iterator[str]:
    parts = {"all": results, **{str(count): results.only(count) for count in results.workers}}
    for name, part in parts.items():
        difference = part.of(first) - part.of(second)
        cells = [_show(estimate(difference[..., share]), signed=True) for share in SHARES.values()]
        wins = (difference[..., -1] < 0).mean() + (difference[..., -1] == 0).mean() / 2
        yield f"| {first} - {second} | {name} | {' | '.join(cells)} | {wins:.0%} |"


def _by_task(results: Results) -> Iterator[str]:
    yield f"Mean regret at 100 %.\n\n| task | {' | '.join(results.methods)} |"
    yield "|---|" + "---|" * len(results.methods)
    finals = results.regrets[..., -1].mean(axis=(2, 3))
    for number, task in enumerate(results.tasks):
        yield f"| {task} | {' | '.join(f'{regret:.3f}' for regret in finals[:, number])} |"


def _show(figure: Estimate, *, signed: bool = False) -> str:
    sign = "+" if signed else ""
    return f"{figure.mean:{sign}.3f} [{figure.low:{sign}.3f}, {figure.high:{sign}.3f}]"


def _times(factor: float | None) -> str:
    return "never" if factor is None else f"{factor:.1f}x"
