"""ConfigSpace's own JSON (format of 1.x) of the values that trials see, read and written.

What one of the two cannot say is refused with its reason. Logarithmic integers are taken for the same although
ConfigSpace gives them other shares. The form that models learn from is in `search_spaces.encodings`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import product
from typing import Any

from search_spaces.conditions import ALWAYS, AllOf, Among, AnyOf, Beyond, Clause, Condition
from search_spaces.errors import SpaceError
from search_spaces.parameters import Absent, Bool, Categorical, Constant, Float, Int, Ordinal, Parameter
from search_spaces.scalars import show
from search_spaces.space import Space
from search_spaces.spec import FORBIDDEN

FORMAT_VERSION = 0.4


def to_configspace(space: Space) -> dict[str, Any]:
    """What `ConfigurationSpace.from_serialized_dict` reads as `space`.

    Raises:
        SpaceError: The first thing that ConfigSpace cannot say.
    """
    return {
        "name": None,
        "hyperparameters": [_hyperparameter(p, f"space.{p.name}") for p in space.parameters],
        "conditions": [_written(p.when, {"child": p.name}) for p in space.parameters if p.when != ALWAYS],
        "forbiddens": [_combination(clauses) for each in space.forbidden for clauses in _alternatives(each)],
        "format_version": FORMAT_VERSION,
    }


def from_configspace(raw: Mapping[str, Any], *, path: str = "configspace") -> Space:
    """The space that a serialised ConfigSpace describes, parents first.

    Args:
        raw: What `ConfigurationSpace.to_serialized_dict` or its JSON file says.
        path: Where it stands, for messages.

    Raises:
        SpaceError: Something that a space cannot say.
        SpaceErrors: Faults of the space, in our words.
    """
    entries = {}
    for hyperparameter in raw.get("hyperparameters", []):
        name = hyperparameter.get("name")
        entries[name] = _one_of(_READERS, hyperparameter, f"{path}.{name}")(hyperparameter, f"{path}.{name}")
    whens: dict[str, list[dict[str, Any]]] = {name: [] for name in entries}
    for condition in raw.get("conditions", []):
        child = condition.get("child") or condition["conditions"][0]["child"]
        whens[child].append(_condition(condition, entries, f"{path}.conditions"))
    for name, conditions in whens.items():
        if conditions:
            entries[name]["when"] = conditions[0] if len(conditions) == 1 else {"all": conditions}
    ordered: dict[str, Any] = {name: entries[name] for name in _parents_first(entries, whens, path)}
    forbidden = [each for raw_each in raw.get("forbiddens", []) for each in _forbidden(raw_each, f"{path}.forbiddens")]
    return Space.parse(ordered | ({FORBIDDEN: forbidden} if forbidden else {}), path=path)


def _hyperparameter(parameter: Parameter, path: str) -> dict[str, Any]:
    written: dict[str, Any] = {"name": parameter.name, **_WRITERS[type(parameter)](parameter, path)}
    if not isinstance(parameter, Constant) and not isinstance(parameter.default, Absent):
        if parameter.default is None:
            raise SpaceError(f"{path}.default", "got null, must be a value: to ConfigSpace null is no default; drop it")
        written["default_value"] = parameter.default
    return written


def _write_range(parameter: Float | Int, path: str) -> dict[str, Any]:
    if parameter.step is not None:
        raise SpaceError(f"{path}.step", "got a step, must be none: ConfigSpace has no steps; use an ordinal")
    if parameter.prior is not None and parameter.log:
        raise SpaceError(f"{path}.prior", "got a normal of a logarithm, must be of the value itself; drop log or prior")
    kind = "int" if isinstance(parameter, Int) else "float"
    bounds = {"lower": parameter.low, "upper": parameter.high, "log": parameter.log}
    if parameter.prior is None:
        return {"type": f"uniform_{kind}", **bounds}
    return {"type": f"normal_{kind}", "mu": parameter.prior.mean, "sigma": parameter.prior.std, **bounds}


def _write_categorical(parameter: Categorical, _path: str) -> dict[str, Any]:
    return {"type": "categorical", "choices": list(parameter.choices), "weights": list(parameter.weights) or None}


_WRITERS: dict[type[Parameter], Callable[..., dict[str, Any]]] = {
    Float: _write_range,
    Int: _write_range,
    Categorical: _write_categorical,
    Ordinal: lambda parameter, _path: {"type": "ordinal", "sequence": list(parameter.choices)},
    Bool: lambda _parameter, _path: {"type": "categorical", "choices": [False, True], "weights": None},
    Constant: lambda parameter, _path: {"type": "constant", "value": parameter.value},
}


def _written(condition: Condition, child: dict[str, str]) -> dict[str, Any]:
    if isinstance(condition, Among):
        return {**child, "parent": condition.parent, **_values(condition, "EQ")}
    if isinstance(condition, Beyond):
        kind = "GT" if condition.is_greater else "LT"
        return {**child, "parent": condition.parent, "type": kind, "value": condition.threshold}
    assert isinstance(condition, AllOf | AnyOf)
    kind = "AND" if isinstance(condition, AllOf) else "OR"
    return {**child, "type": kind, "conditions": [_written(part, child) for part in condition.parts]}


def _values(clause: Among, equal: str) -> dict[str, Any]:
    if len(clause.values) == 1:
        return {"type": equal, "value": clause.values[0]}
    return {"type": "IN", "values": list(clause.values)}


def _alternatives(condition: Condition) -> Iterator[tuple[Clause, ...]]:
    """The conjunctions of clauses of which `condition` is the disjunction."""
    if isinstance(condition, Clause):
        yield (condition,)
    elif isinstance(condition, AnyOf):
        for part in condition.parts:
            yield from _alternatives(part)
    elif isinstance(condition, AllOf):
        for parts in product(*map(_alternatives, condition.parts)):
            yield tuple(clause for clauses in parts for clause in clauses)


def _combination(clauses: tuple[Clause, ...]) -> dict[str, Any]:
    written = []
    for clause in clauses:
        if isinstance(clause, Among):
            written.append({"name": clause.parent, **_values(clause, "EQUALS")})
        elif isinstance(clause, Beyond):
            kind = "CLAUSE_GT" if clause.is_greater else "CLAUSE_LT"
            written.append({"name": clause.parent, "type": kind, "value": clause.threshold})
    return written[0] if len(written) == 1 else {"type": "AND", "clauses": written}


def _one_of(readers: Mapping[Any, Any], raw: Mapping[str, Any], path: str) -> Any:
    kind = raw.get("type")
    if kind not in readers:
        message = f"got {show(kind)}, must be one of {', '.join(readers)}: a space cannot say it"
        raise SpaceError(f"{path}.type", f"{message}; say it otherwise in ConfigSpace")
    return readers[kind]


def _range(kind: str) -> Callable[[Mapping[str, Any], str], dict[str, Any]]:
    def read(raw: Mapping[str, Any], path: str) -> dict[str, Any]:
        entry: dict[str, Any] = {"type": kind, "low": raw["lower"], "high": raw["upper"]}
        if raw.get("log"):
            entry["log"] = True
        if "mu" in raw and "log" in entry:
            raise SpaceError(f"{path}.log", "got true, must be false for a normal: ConfigSpace means another one by it")
        if "mu" in raw:
            entry["prior"] = {"normal": {"mean": raw["mu"], "std": raw["sigma"]}}
        return _with_default(entry, raw)

    return read


def _categorical(raw: Mapping[str, Any], _path: str) -> dict[str, Any]:
    choices = list(raw["choices"])
    if raw.get("weights"):
        return _with_default({"type": "categorical", "choices": choices, "weights": list(raw["weights"])}, raw)
    is_bool = len(choices) == 2 and choices[0] is False and choices[1] is True
    return _with_default({"type": "bool"} if is_bool else {"type": "categorical", "choices": choices}, raw)


def _ordinal(raw: Mapping[str, Any], _path: str) -> dict[str, Any]:
    return _with_default({"type": "ordinal", "choices": list(raw["sequence"])}, raw)


def _with_default(entry: dict[str, Any], raw: Mapping[str, Any]) -> dict[str, Any]:
    default = raw.get("default_value")
    return entry if default is None else {**entry, "default": default}


_READERS: dict[Any, Callable[[Mapping[str, Any], str], dict[str, Any]]] = {
    "uniform_float": _range("float"),
    "uniform_int": _range("int"),
    "normal_float": _range("float"),
    "normal_int": _range("int"),
    "categorical": _categorical,
    "ordinal": _ordinal,
    "constant": lambda raw, _path: {"type": "constant", "value": raw["value"]},
}


def _condition(raw: Mapping[str, Any], entries: Mapping[str, Any], path: str) -> dict[str, Any]:
    kind = raw.get("type")
    if kind in _CONJUNCTIONS:
        return {_CONJUNCTIONS[kind]: [_condition(each, entries, path) for each in raw["conditions"]]}
    if kind == "NEQ":
        others = [value for value in _listed(entries[raw["parent"]], path) if value != raw["value"]]
        return {raw["parent"]: others}
    return {raw["parent"]: _one_of(_CLAUSES, raw, path)(raw)}


def _listed(entry: Mapping[str, Any], path: str) -> list[Any]:
    listed = [False, True] if entry["type"] == "bool" else entry.get("choices")
    if listed is None:
        message = f"got NEQ on a {entry['type']} parameter, must be on one with listed values; compare with GT and LT"
        raise SpaceError(path, message)
    return list(listed)


def _forbidden(raw: Mapping[str, Any], path: str) -> Iterator[dict[str, Any]]:
    kind = raw.get("type")
    if kind == "OR":
        for each in raw["clauses"]:
            yield from _forbidden(each, path)
    elif kind == "AND":
        clauses = [list(_forbidden(each, path)) for each in raw["clauses"]]
        yield {"all": [each[0] if len(each) == 1 else {"any": each} for each in clauses]}
    else:
        yield {raw.get("name", "?"): _one_of(_CLAUSES, raw, path)(raw)}


def _equal(raw: Mapping[str, Any]) -> Any:
    return raw["value"]


def _greater(raw: Mapping[str, Any]) -> Any:
    return {"greater": raw["value"]}


def _less(raw: Mapping[str, Any]) -> Any:
    return {"less": raw["value"]}


_CONJUNCTIONS = {"AND": "all", "OR": "any"}
_CLAUSES: dict[Any, Callable[[Mapping[str, Any]], Any]] = {
    "EQ": _equal,
    "EQUALS": _equal,
    "IN": lambda raw: list(raw["values"]),
    "GT": _greater,
    "CLAUSE_GT": _greater,
    "LT": _less,
    "CLAUSE_LT": _less,
}


def _parents_first(entries: Mapping[str, Any], whens: Mapping[str, list[dict[str, Any]]], path: str) -> list[str]:
    """The names in their order, but for parents that are moved up."""
    ordered: dict[str, None] = {}

    def add(name: str, below: tuple[str, ...]) -> None:
        if name in below:
            raise SpaceError(f"{path}.conditions", f"got a cycle through {name}, must have none; break it")
        for parent in {key: None for when in whens[name] for key in _named(when)}:
            if parent in entries:
                add(parent, (*below, name))
        ordered[name] = None

    for name in entries:
        add(name, ())
    return list(ordered)


def _named(when: Mapping[str, Any]) -> Iterator[str]:
    for key, value in when.items():
        if key in _CONJUNCTIONS.values():
            for each in value:
                yield from _named(each)
        else:
            yield key
