"""A task's space in the words of each peer, declared distributions kept. Our own contestants read the JSON themselves.

A condition here has one categorical parent that has none itself, as in all tasks. Who cannot express conditions gets
every parameter at once (`flat`), and `active` drops what a configuration does not have.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

Raw = Mapping[str, Mapping[str, Any]]


def parents(entry: Mapping[str, Any]) -> dict[str, list[Any]]:
    """Return the values that each parent of a parameter must have one of."""
    when = entry.get("when", {})
    return {name: values if isinstance(values, list) else [values] for name, values in when.items()}


def is_active(entry: Mapping[str, Any], config: Mapping[str, Any]) -> bool:
    """Return whether a parameter exists in a configuration that already has its parents."""
    return all(config.get(parent) in values for parent, values in parents(entry).items())


def active(space: Raw, config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the active part of a configuration in plain Python values, in the order of the space."""
    result: dict[str, Any] = {}
    for name, entry in space.items():
        if is_active(entry, result):
            result[name] = _PLAIN[entry["type"]](config[name])
    return result


_PLAIN: dict[str, Callable[[Any], Any]] = {"float": float, "int": int, "categorical": str}


def _log(entry: Mapping[str, Any]) -> bool:
    return bool(entry.get("log", False))


def configspace(space: Raw, seed: int) -> Any:
    """Return ConfigSpace's form, conditions included."""
    import ConfigSpace

    makers: dict[str, Callable[[str, Mapping[str, Any]], Any]] = {
        "float": lambda name, e: ConfigSpace.UniformFloatHyperparameter(name, e["low"], e["high"], log=_log(e)),
        "int": lambda name, e: ConfigSpace.UniformIntegerHyperparameter(name, e["low"], e["high"], log=_log(e)),
        "categorical": lambda name, e: ConfigSpace.CategoricalHyperparameter(name, e["choices"]),
    }
    result = ConfigSpace.ConfigurationSpace(seed=seed)
    made = {name: makers[entry["type"]](name, entry) for name, entry in space.items()}
    result.add(list(made.values()))
    result.add(
        [
            ConfigSpace.InCondition(made[name], made[parent], values)
            for name, entry in space.items()
            for parent, values in parents(entry).items()
        ]
    )
    return result


def optuna_suggest(space: Raw, trial: Any) -> dict[str, Any]:
    """Return a configuration by Optuna's suggestions, conditions by its define-by-run."""
    makers: dict[str, Callable[[str, Mapping[str, Any]], Any]] = {
        "float": lambda name, e: trial.suggest_float(name, e["low"], e["high"], log=_log(e)),
        "int": lambda name, e: trial.suggest_int(name, e["low"], e["high"], log=_log(e)),
        "categorical": lambda name, e: trial.suggest_categorical(name, e["choices"]),
    }
    config: dict[str, Any] = {}
    for name, entry in space.items():
        if is_active(entry, config):
            config[name] = makers[entry["type"]](name, entry)
    return config


def syne_tune_flat(space: Raw) -> dict[str, Any]:
    """Return Syne Tune's form, which has no conditions."""
    from syne_tune import config_space as st

    makers: dict[str, Callable[[Mapping[str, Any]], Any]] = {
        "float": lambda e: (st.loguniform if _log(e) else st.uniform)(e["low"], e["high"]),
        "int": lambda e: (st.lograndint if _log(e) else st.randint)(e["low"], e["high"]),
        "categorical": lambda e: st.choice(e["choices"]),
    }
    return {name: makers[entry["type"]](entry) for name, entry in space.items()}


def tune_flat(space: Raw) -> dict[str, Any]:
    """Return Ray Tune's form without conditions; its upper bounds of integers are exclusive."""
    from ray import tune

    makers: dict[str, Callable[[Mapping[str, Any]], Any]] = {
        "float": lambda e: (tune.loguniform if _log(e) else tune.uniform)(e["low"], e["high"]),
        "int": lambda e: (tune.lograndint if _log(e) else tune.randint)(e["low"], e["high"] + 1),
        "categorical": lambda e: tune.choice(e["choices"]),
    }
    return {name: makers[entry["type"]](entry) for name, entry in space.items()}


def hyperopt(space: Raw) -> dict[str, Any]:
    """Return hyperopt's form: what Tune's own translation makes of each parameter, conditional ones under their choice.

    A parameter that several choices share is one node, so that the model sees all of its values.
    """
    from hyperopt import hp
    from hyperopt.pyll import scope

    makers: dict[tuple[str, bool], Callable[[str, Mapping[str, Any]], Any]] = {
        ("float", False): lambda name, e: hp.uniform(name, e["low"], e["high"]),
        ("float", True): lambda name, e: hp.loguniform(name, np.log(e["low"]), np.log(e["high"])),
        ("int", False): lambda name, e: hp.uniformint(name, e["low"], high=e["high"]),
        ("int", True): lambda name, e: scope.int(hp.qloguniform(name, np.log(e["low"]), np.log(e["high"]), 1.0)),
    }
    numbers = {n: makers[e["type"], _log(e)](n, e) for n, e in space.items() if e["type"] != "categorical"}
    branching = {parent for entry in space.values() for parent in parents(entry)}
    result: dict[str, Any] = {name: node for name, node in numbers.items() if not parents(space[name])}
    for name, entry in space.items():
        if name in branching:
            result[name] = hp.choice(name, [_branch(space, numbers, name, value) for value in entry["choices"]])
        elif entry["type"] == "categorical":
            result[name] = hp.choice(name, entry["choices"])
    return result


def _branch(space: Raw, numbers: Mapping[str, Any], parent: str, value: Any) -> dict[str, Any]:
    children = [name for name, entry in space.items() if value in parents(entry).get(parent, [])]
    return {parent: value, **{name: numbers[name] for name in children}}


def unfold(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return a configuration of `hyperopt`'s nested form as a flat one."""
    flat: dict[str, Any] = {}
    for name, value in config.items():
        flat.update(value if isinstance(value, Mapping) else {name: value})
    return flat
