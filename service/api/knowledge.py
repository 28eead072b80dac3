"""What other searches found out, as a new one can use it. Read once, when the new one is submitted, and stored with it.

Of each trial that the new space has a place for: its values at the rungs of the new search, and the last one of a trial
that was trained to its end. A failed trial says nothing here: it may have failed for reasons of its time. A value that
was no finite number counts as the worst.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from search_spaces import Forbidden, Space, SpaceError
from service.algorithms import Observed
from service.algorithms.catalog import SAMPLERS
from service.api.submission import Submission
from service.errors import FieldFault, InvalidInput, NotFound
from service.models import Descent, Search, Trial
from service.states import TrialState
from service.store import Ledger

MOST_TRIALS = 1000
"""Trials taken from one search at most: no sampler's model reads more points by default."""

_BEST = MOST_TRIALS // 4


@dataclass(frozen=True, kw_only=True, slots=True)
class Knowledge:
    """What a search begins with.

    Attributes:
        facts: what its Study is to be told.
        parents: the searches it is from, with what was left out and why.
    """

    facts: tuple[Observed, ...] = ()
    parents: tuple[Descent, ...] = ()


def gather(ledger: Ledger, submission: Submission, project: str, branched_from: str | None = None) -> Knowledge:
    """Reads what the searches that a spec names found out.

    Args:
        ledger: where they are.
        submission: the new search; a sampler without a model is told nothing.
        project: of the new search; another project's searches are none.
        branched_from: the one of them that it is a branch of, whose objective may be another.

    Raises:
        InvalidInput: no such search, one twice, or one of another objective; each with its path.
    """
    found = _sources(ledger, submission, project, branched_from)
    facts, parents = [], []
    for source in found:
        observed, left_out = _observed(ledger, submission, source)
        kind = "branch" if source.id == branched_from else "warm_start"
        parents.append(Descent(search=source.id, kind=kind, num_trials=len(observed.trials), left_out=left_out))
        if observed.trials:
            facts.append(observed)
    return Knowledge(facts=tuple(facts), parents=tuple(parents))


def _sources(ledger: Ledger, submission: Submission, project: str, branched_from: str | None) -> list[Search]:
    faults: list[FieldFault] = []
    found: list[Search] = []
    for position, search in enumerate(submission.spec.warm_start.from_):
        path = f"warm_start.from.{position}"
        try:
            ledger.require_search(search, project=project)
            source = ledger.search(search)
        except NotFound:
            message = f"got {search!r}, must be the id of a search; list them with GET /v1/searches"
            faults.append(FieldFault(path=path, message=message))
            continue
        if source.id in [other.id for other in found]:
            faults.append(FieldFault(path=path, message=f"got {search!r} again, must be there once; remove it"))
        elif source.id != branched_from and _objective(source.spec) != _objective(submission.spec.model_dump()):
            metric, mode = _objective(source.spec)
            wanted = " ".join(reversed(_objective(submission.spec.model_dump())))
            message = (
                f"got {search!r}, which looks for {mode} {metric}, must look for {wanted}; leave it out, or branch it"
            )
            faults.append(FieldFault(path=path, message=message))
        found.append(source)
    if faults:
        raise InvalidInput.of(*faults)
    return found


def _objective(spec: Mapping[str, Any]) -> tuple[str, str]:
    return spec["objective"]["metric"], spec["objective"]["mode"]


def _observed(ledger: Ledger, submission: Submission, source: Search) -> tuple[Observed, dict[str, int]]:
    """What a search found out, and the trials that are left out, by the reason."""
    sampler = submission.algorithm.sampler.name
    trials = ledger.trials(source.id)
    left_out: Counter[str] = Counter()
    if not SAMPLERS[sampler].learns:
        left_out.update({f"the sampler {sampler} learns nothing": len(trials)} if trials else {})
        return Observed(source=source.id, trials=[]), dict(left_out)
    points = _points(ledger, submission, source, trials)
    taken = []
    for trial in trials:
        reason = _misfit(submission.space, trial)
        if reason is None and not points[trial.number]:
            reason = "it has no value at an epoch where this search compares"
        if reason is None:
            entry = {"trial": trial.number, "config": dict(trial.config), "points": points[trial.number]}
            taken.append(entry)
        else:
            left_out[reason] += 1
    chosen = _most_telling(taken, submission.spec.objective.mode or "min")
    if len(chosen) < len(taken):
        left_out[f"beyond the {MOST_TRIALS} that say most"] += len(taken) - len(chosen)
    return Observed(source=source.id, trials=chosen), dict(left_out)


def _points(
    ledger: Ledger, submission: Submission, source: Search, trials: Sequence[Trial]
) -> dict[int, list[list[Any]]]:
    """Of each trial the pairs of epoch and value that the new search can compare with its own."""
    limit, metric = submission.spec.budget.epochs or 1, submission.spec.objective.metric
    ends = {t.number: t.epoch for t in trials if t.state is TrialState.COMPLETED and t.epoch <= limit}
    levels = set(submission.rungs)
    found: dict[int, list[list[Any]]] = defaultdict(list)
    for trial, epoch, value, metrics in ledger.points(source.id, levels | set(ends.values())):
        if epoch in levels or ends.get(trial) == epoch:
            own = metric == source.spec["objective"]["metric"]
            if own or metric in metrics:
                found[trial].append([epoch, value if own else metrics[str(metric)]])
    return found


def _misfit(space: Space, trial: Trial) -> str | None:
    """Why a trial's configuration is none of the space; None if it is one."""
    known = {parameter.name for parameter in space.parameters}
    strange = next((name for name in trial.config if name not in known), None)
    if strange is not None:
        return f"{strange} is not in the space"
    try:
        space.check(trial.config)
    except Forbidden:
        return "its combination of values is forbidden"
    except SpaceError as error:
        name = error.path.removeprefix("config.")
        return f"its {name} is outside the space" if name in trial.config else f"it has no {name}"
    return None


def _most_telling(taken: list[dict[str, Any]], mode: str) -> list[dict[str, Any]]:
    """At most so many: the best that went furthest, and others at even distances down to the worst."""
    if len(taken) <= MOST_TRIALS:
        return taken
    sign = 1.0 if mode == "min" else -1.0

    def rank(entry: dict[str, Any]) -> tuple[float, float]:
        epoch, value = entry["points"][-1]
        return -epoch, math.inf if value is None else sign * value

    ranked = sorted(taken, key=rank)
    num_others = MOST_TRIALS - _BEST
    step = (len(ranked) - _BEST) / num_others
    chosen = ranked[:_BEST] + [ranked[_BEST + int(number * step)] for number in range(num_others)]
    return sorted(chosen, key=lambda entry: int(entry["trial"]))
