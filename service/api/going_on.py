"""How a search goes on: what an extension or a retry changes and what its Study is told. Refuses early, stores nothing.

A trial's end is for good. So what goes on with a trial is a new one: it has the configuration, the seed and the newest
checkpoint of the old one, whose row, reports and state stay what they were.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from search_spaces import Space
from service.algorithms import AlgorithmSpec, Continued, Objective, Reopened
from service.errors import Conflict, FieldFault, InvalidInput
from service.models import Search, Trial
from service.schemas import Budget, Extend, Retry, SearchSpec, merge_patch, spec_of, with_budget
from service.states import Intent, TrialState
from service.store import Going, Ledger

_UNCOUNTED = ("clone", "continued")
"""Origins of trials that count towards no budget."""


def extension(ledger: Ledger, search: Search, wanted: Extend) -> Going:
    """What more of its budget means for a search.

    Raises:
        InvalidInput: it would not be more, or the scheduler has no place for it; each fault with its path.
        Conflict: the search is being stopped or cancelled.
    """
    _require_willing(search)
    spec, trials = spec_of(search), ledger.trials(search.id)
    budget = _extended(search, spec.budget, wanted)
    faults = [
        *_trial_faults(spec, budget, trials, wanted),
        *_epoch_faults(spec, wanted),
        *_failure_faults(budget, trials),
    ]
    faults += [*_second_faults(budget), *_deadline_faults(wanted.deadline or spec.deadline)]
    if faults:
        raise InvalidInput.of(*faults)
    facts: list[Continued] = []
    if wanted.epochs is not None and wanted.epochs != spec.budget.epochs:
        reason = f"budget.epochs is {wanted.epochs} instead of {spec.budget.epochs}"
        complete = [t for t in trials if t.state is TrialState.COMPLETED and t.epoch == spec.budget.epochs]
        facts = _continued(ledger, search, complete, trials, lambda _: reason)
    said = wanted.model_dump(mode="json", exclude_none=True)
    reason = "extended by a person: " + (", ".join(f"{name} {value}" for name, value in said.items()) or "as it was")
    return _going(search, with_budget(search, budget, wanted.deadline), facts, reason)


def retrial(ledger: Ledger, search: Search, wanted: Retry) -> Going:
    """What trying trials once more means for a search. If it has ended, nothing but these trials begins.

    Raises:
        InvalidInput: a trial that is named is not there, or in none of the states; each fault with its path.
        Conflict: no trial is meant, or the search is being stopped or cancelled.
    """
    _require_willing(search)
    trials = ledger.trials(search.id)
    spec, gone_on = spec_of(search), _continued_already(trials)
    states = {TrialState(state) for state in wanted.states}
    meant = [t for t in trials if t.state in states and t.number not in gone_on]
    if wanted.trials is not None:
        faults = list(_named_faults(wanted.trials, trials, states, gone_on))
        if faults:
            raise InvalidInput.of(*faults)
        meant = [t for t in meant if t.number in wanted.trials]
    if not meant:
        raise Conflict(
            f"retry: got no trial that is {' or '.join(wanted.states)} and was not continued already, must be one; "
            "name other states, or extend the search"
        )
    facts = _continued(ledger, search, meant, trials, lambda t: f"it {_DID[t.state]}, and a person asked for it again")
    numbers = ", ".join(str(trial.number) for trial in meant[:10]) + (" ..." if len(meant) > 10 else "")
    budget = _extended(search, spec.budget, Extend()) if search.state.is_terminal else spec.budget
    faults = [*_second_faults(budget), *_deadline_faults(spec.deadline)]
    if faults:
        raise Conflict(f"retry: its {faults[0].path} have run out, there must be some left; extend the search by them")
    if search.state.is_terminal:
        budget = budget.model_copy(update={"trials": max(1, _num_tried(trials))})
    return _going(search, with_budget(search, budget), facts, f"retried by a person: {len(meant)} trials: {numbers}")


_DID: Mapping[TrialState, str] = {
    TrialState.FAILED: "failed",
    TrialState.CANCELLED: "was cancelled",
    TrialState.STOPPED: "was stopped",
}


def _going(search: Search, changes: Mapping[str, Any], continued: Iterable[Continued], reason: str) -> Going:
    opened = [Reopened(reason=reason)] if search.state.is_terminal else []
    facts = [fact.to_dict() for fact in (*opened, *continued)]
    return Going(changes=changes, facts=facts, reason=f"{reason}; waits to be admitted")


def _require_willing(search: Search) -> None:
    if not search.state.is_terminal and search.intent is not Intent.RUN:
        raise Conflict(
            f"search {search.id}: got a wish while its intent is {search.intent}, must have ended first; ask again then"
        )


# Budgets


def _extended(search: Search, budget: Budget, wanted: Extend) -> Budget:
    changed = wanted.model_dump(exclude_none=True, exclude={"seconds", "deadline"})
    now = datetime.now(UTC)
    if search.started_at is not None and (wanted.seconds is not None or budget.seconds is not None):
        gone_s = (now - search.started_at).total_seconds()
        ended = search.ended_at or now
        left_s = wanted.seconds or (budget.seconds or 0.0) - (ended - search.started_at).total_seconds()
        changed["seconds"] = gone_s + left_s if left_s > 0 else 0.0
    elif wanted.seconds is not None:
        changed["seconds"] = wanted.seconds
    return budget.model_copy(update=changed)


def _trial_faults(spec: SearchSpec, budget: Budget, trials: list[Trial], wanted: Extend) -> Iterable[FieldFault]:
    asked, tried = budget.trials or 0, _num_tried(trials)
    algorithm, space = AlgorithmSpec.parse(spec.algorithm), Space.parse(spec.space or {})
    possible = algorithm.num_trials(space, asked, asked)
    if possible < asked:
        message = (
            f"got {asked}, must be <= {possible}, the points of the grid; ask for fewer, or branch to a finer space"
        )
        yield FieldFault(path="trials", message=message)
    if wanted.trials is not None and asked < tried:
        message = f"got {asked}, must be >= {tried}, which it has had already; ask for more"
        yield FieldFault(path="trials", message=message)
    elif asked <= tried and wanted.epochs is None:
        got = "nothing" if wanted.trials is None else str(asked)
        message = f"got {got}, must be > {tried}, the trials that it has had; ask for more, or for epochs"
        yield FieldFault(path="trials", message=message)


def _epoch_faults(spec: SearchSpec, wanted: Extend) -> Iterable[FieldFault]:
    if wanted.epochs is None:
        return
    objective, algorithm = spec.objective, AlgorithmSpec.parse(spec.algorithm)
    assert objective.metric is not None
    assert spec.budget.epochs is not None
    read = Objective(metric=objective.metric, mode=objective.mode or "min", scope=objective.scope)
    scheduler = algorithm.build_scheduler(Space.parse(spec.space or {}), read, spec.seed, spec.budget.epochs)
    refusal = scheduler.refuses(wanted.epochs)
    if refusal is not None:
        yield FieldFault(path="epochs", message=f"got {wanted.epochs}, {refusal}")


def _failure_faults(budget: Budget, trials: list[Trial]) -> Iterable[FieldFault]:
    gone_on = _continued_already(trials)
    failed = sum(trial.state is TrialState.FAILED and trial.number not in gone_on for trial in trials)
    if failed > budget.failures:
        message = f"got {budget.failures}, must be >= {failed}, the trials that failed; raise it, or retry them"
        yield FieldFault(path="failures", message=message)


def _second_faults(budget: Budget) -> Iterable[FieldFault]:
    if budget.seconds == 0.0:
        yield FieldFault(path="seconds", message="got nothing, must be given: those it had are used up; ask for more")


def _deadline_faults(deadline: datetime | None) -> Iterable[FieldFault]:
    if deadline is not None and deadline <= datetime.now(UTC):
        message = f"got {deadline.isoformat()}, must be in the future; give a later one"
        yield FieldFault(path="deadline", message=message)


# Trials


def _continued(
    ledger: Ledger, search: Search, meant: list[Trial], trials: list[Trial], why: Callable[[Trial], str]
) -> list[Continued]:
    """The facts that let trials go on from their newest checkpoints; those that went on already are left out."""
    gone_on = _continued_already(trials)
    newest: dict[int, int] = {}
    for checkpoint in ledger.checkpoints(search.id):
        newest[checkpoint.trial] = max(newest.get(checkpoint.trial, 0), checkpoint.epoch)
    return [
        Continued(trial=trial.number, from_epoch=newest.get(trial.number, 0), reason=why(trial))
        for trial in meant
        if trial.number not in gone_on
    ]


def _named_faults(
    named: list[int], trials: list[Trial], states: set[TrialState], gone_on: set[int]
) -> Iterable[FieldFault]:
    by_number = {trial.number: trial for trial in trials}
    for position, number in enumerate(named):
        trial, path = by_number.get(number), f"trials.{position}"
        if trial is None:
            yield FieldFault(path=path, message=f"got {number}, must be one of its {len(trials)} trials; correct it")
        elif trial.state not in states:
            wanted = " or ".join(sorted(states))
            message = f"got {number}, which is {trial.state}, must be {wanted}; leave it out, or name its state"
            yield FieldFault(path=path, message=message)
        elif number in gone_on:
            message = f"got {number}, which was continued already, must not be; name the trial that goes on with it"
            yield FieldFault(path=path, message=message)


def _continued_already(trials: Iterable[Trial]) -> set[int]:
    return {trial.origin["data"]["trial"] for trial in trials if trial.origin["kind"] == "continued"}


def _num_tried(trials: Iterable[Trial]) -> int:
    return sum(trial.origin["kind"] not in _UNCOUNTED for trial in trials)


# Branches


def branched(search: Search, changes: Any) -> dict[str, Any]:
    """The spec of a new search: the old one's as it is now, with what is changed.

    Objects are changed field by field, and null takes a field's default; `algorithm`, and a parameter of the space that
    comes with its type, are taken as a whole. What was enqueued, and the old deadline, are left behind.

    Raises:
        InvalidInput: the changes are no object.
    """
    if not isinstance(changes, dict):
        message = "got no object, must be one of the fields that are changed; {} changes nothing"
        raise InvalidInput.of(FieldFault(path="(body)", message=message))
    spec = spec_of(search).model_dump(mode="json") | {"enqueue": [], "deadline": None}
    spec["warm_start"] = {"from": []}
    merged: dict[str, Any] = merge_patch({**spec, "algorithm": None}, changes)
    merged.setdefault("algorithm", spec["algorithm"])
    for name, entry in (changes.get("space") or {}).items() if isinstance(changes.get("space"), dict) else ():
        if isinstance(entry, dict) and "type" in entry:
            merged["space"][name] = entry
    warm = merged.get("warm_start")
    if isinstance(warm, dict) and isinstance(warm.get("from"), list):
        merged["warm_start"] = {**warm, "from": [search.id, *warm["from"]]}
    return merged
