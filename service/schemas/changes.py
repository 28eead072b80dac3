"""What of a spec people may change while its search runs, and the spec that results. Who stores it is the ledger.

A change is a JSON merge patch (RFC 7396): what it names is replaced, null takes the default, the rest stays.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from service.errors import FieldFault, InvalidInput
from service.models import Json, Search
from service.schemas.faults import parse_spec
from service.schemas.spec import Budget, SearchSpec

CHANGEABLE = ("parallelism", "priority", "weight", "deadline", "tags")
"""Fields of the spec that a change may name, besides those of the budget."""

CHANGEABLE_BUDGET = ("trials", "seconds", "gpu_hours", "failures")
"""Fields of the budget that a change may name."""

_OVERLAID_BUDGET = (*CHANGEABLE_BUDGET, "epochs")
"""And those that an extension may raise."""

_WHY_NOT: Mapping[str, str] = {
    "budget.epochs": "rungs and trials that have ended were laid out for it; POST .../extend can raise it",
    "budget.target": "trials were already judged by it",
    "budget.patience": "trials were already judged by it",
    "enqueue": "what was asked for stays; add to it with POST .../enqueue",
}
_DECIDED = "what was tried so far was decided by it"


def spec_of(search: Search) -> SearchSpec:
    """The search's spec as it is now: as submitted, with what was changed since laid over it."""
    return parse_spec(_laid_over(search))


def changed(search: Search, raw: Any) -> Json:
    """The search's changes after one more.

    Args:
        raw: the parsed body: the fields to change.

    Raises:
        InvalidInput: it is no object, names what cannot be changed, or leads to a spec that is not valid.
    """
    if not isinstance(raw, dict):
        raise InvalidInput.of(FieldFault(path="(body)", message="got no object, must be one of the fields to change"))
    budget = raw.get("budget", {})
    if not isinstance(budget, dict):
        raise InvalidInput.of(FieldFault(path="budget", message="got no object, must be one of the fields to change"))
    faults = [_refused(name, "", (*CHANGEABLE, "budget")) for name in raw if name not in (*CHANGEABLE, "budget")]
    faults += [_refused(name, "budget.", CHANGEABLE_BUDGET) for name in budget if name not in CHANGEABLE_BUDGET]
    if budget.get("trials", 1) is None:
        faults.append(FieldFault(path="budget.trials", message="got null, must be a whole number; give one"))
    if faults:
        raise InvalidInput.of(*faults)
    return _overlay(search, parse_spec(merge_patch(_laid_over(search), raw)))


def with_enqueued(search: Search, config: Json) -> Json:
    """The search's changes after one more configuration was asked for.

    Raises:
        InvalidInput: too many were asked for.
    """
    spec = spec_of(search).model_dump(mode="json")
    return _overlay(search, parse_spec(spec | {"enqueue": [*spec["enqueue"], dict(config)]}))


def with_budget(search: Search, budget: Budget, deadline: datetime | None = None) -> Json:
    """The search's changes with this budget, and with this deadline unless it is None.

    Raises:
        InvalidInput: it is not valid.
    """
    spec = spec_of(search).model_dump(mode="json") | {"budget": budget.model_dump(mode="json")}
    more = {} if deadline is None else {"deadline": deadline.isoformat()}
    return _overlay(search, parse_spec(spec | more))


def change_schema(spec_schema: Mapping[str, Any]) -> dict[str, Any]:
    """The JSON Schema of a change, cut from the spec's."""
    fields, budget = spec_schema["properties"], spec_schema["$defs"]["Budget"]["properties"]
    inner = {name: budget[name] for name in CHANGEABLE_BUDGET}
    return {
        "type": "object",
        "title": "SearchChange",
        "additionalProperties": False,
        "properties": {name: fields[name] for name in CHANGEABLE}
        | {"budget": {"type": "object", "additionalProperties": False, "properties": inner}},
    }


def _overlay(search: Search, wanted: SearchSpec) -> Json:
    """What of `wanted` differs from the spec as it was submitted."""
    before, now = parse_spec(search.spec).model_dump(mode="json"), wanted.model_dump(mode="json")
    changes = {name: now[name] for name in (*CHANGEABLE, "enqueue") if now[name] != before[name]}
    budget = {name: now["budget"][name] for name in _OVERLAID_BUDGET if now["budget"][name] != before["budget"][name]}
    return changes | ({"budget": budget} if budget else {})


def _laid_over(search: Search) -> dict[str, Any]:
    budget = {**search.spec.get("budget", {}), **search.changes.get("budget", {})}
    return {**search.spec, **search.changes, "budget": budget}


def merge_patch(target: Mapping[str, Any], patch: Mapping[str, Any]) -> dict[str, Any]:
    """The merge patch of RFC 7396; tags that are not told to go stay."""
    merged = dict(target)
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
        elif isinstance(value, Mapping) and isinstance(merged.get(name), Mapping):
            merged[name] = merge_patch(merged[name], value)
        else:
            merged[name] = value
    return merged


def _refused(name: str, prefix: str, known: tuple[str, ...]) -> FieldFault:
    path = f"{prefix}{name}"
    if name in (SearchSpec.model_fields if not prefix else Budget.model_fields):
        why = _WHY_NOT.get(path, _DECIDED)
        return FieldFault(path=path, message=f"got a change, must stay as it is: {why}; submit another search for that")
    near = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {near[0]}?" if near else "remove it"
    message = f"got the unknown key {name!r}, must be one of {', '.join(sorted(known))}; {hint}"
    return FieldFault(path=path, message=message)
