"""PBT's explore: a configuration near another one (Jaderberg et al., Population Based Training, 2017, section 3).

What is explored is always a configuration of the space: values are clamped into their bounds and rounded to steps, a
parameter that becomes active is drawn from its distribution, and what the space refuses as a whole is drawn again.
Which trial is copied, and when, is decided in pbt.py.
"""

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from search_spaces import Space, SpaceError
from search_spaces.parameters import Ordinal, Parameter

FACTORS = (0.8, 1.2)
"""A number is multiplied by one of these; where its range reaches zero or below, it moves by as much of the range."""
_MAX_DRAWS = 20


class Explorer:
    """Explores from configurations of one space.

    Args:
        space: what may vary.
        resample_probability: how likely a parameter is drawn anew rather than moved.
        keep: names of parameters that stay as they are, e.g. those that give the weights their shape.
    """

    def __init__(self, space: Space, *, resample_probability: float, keep: frozenset[str]) -> None:
        self._space = space
        self._resample_probability = resample_probability
        self._keep = keep

    def explore(self, config: Mapping[str, Any], seed: int) -> tuple[dict[str, Any], list[str]]:
        """Return a configuration near `config`, and what is different about it, for people.

        It is `config` itself, and the list is empty, where nothing near is different and allowed.
        """
        rng = np.random.default_rng(seed)
        for _ in range(_MAX_DRAWS):
            explored, changes = self._draw(config, rng)
            if changes and self._is_allowed(explored):
                return explored, changes
        return dict(config), []

    def _is_allowed(self, config: Mapping[str, Any]) -> bool:
        try:
            self._space.check(config)
        except SpaceError:
            return False
        return True

    def _draw(self, config: Mapping[str, Any], rng: np.random.Generator) -> tuple[dict[str, Any], list[str]]:
        explored: dict[str, Any] = {}
        changes: list[str] = []
        for parameter in self._space.parameters:
            name, domain = parameter.name, parameter.domain
            resampled, unit, factor = rng.random() < self._resample_probability, rng.random(), rng.choice(FACTORS)
            if not parameter.when.holds(explored):
                if name in config:
                    changes.append(f"without {name}")
            elif not parameter.varies or (name in self._keep and name in config):
                explored[name] = config[name] if name in config else domain.at(0)
            elif name not in config or resampled:
                explored[name] = domain.from_unit(unit)
                if name not in config or explored[name] != config[name]:
                    changes.append(f"{name} {_show(explored[name])} drawn anew")
            else:
                explored[name] = _moved(parameter, config[name], float(factor))
                if explored[name] != config[name]:
                    changes.append(f"{name} {_show(config[name])} -> {_show(explored[name])}")
        return explored, changes


def _moved(parameter: Parameter, value: Any, factor: float) -> Any:
    """Return a neighbour of a value; a choice without order has none and stays."""
    domain: Any = parameter.domain
    if not domain.is_numeric:
        return value
    if isinstance(parameter, Ordinal):
        return _step(domain, domain.index(value), factor)
    low, high = domain.from_unit(0.0), domain.from_unit(1.0)
    aim = value * factor if low > 0 else value + (factor - 1) * (high - low)
    if domain.size is None:
        return min(max(float(f"{aim:.12g}"), low), high)
    index = domain.index(value)
    nearest = _nearest(domain.at, domain.size, aim)
    return domain.at(nearest) if nearest != index else _step(domain, index, factor)


def _step(domain: Any, index: int, factor: float) -> Any:
    """Return the next value, upwards for a factor above 1; the last one is its own neighbour."""
    return domain.at(min(max(index + (1 if factor > 1 else -1), 0), domain.size - 1))


def _nearest(at: Callable[[int], float], size: int, aim: float) -> int:
    """Return the index whose value is nearest to `aim`; values ascend."""
    low, high = 0, size - 1
    while low < high:
        middle = (low + high) // 2
        if at(middle) < aim:
            low = middle + 1
        else:
            high = middle
    return low - 1 if low > 0 and aim - at(low - 1) <= at(low) - aim else low


def _show(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) and math.isfinite(value) else str(value)
