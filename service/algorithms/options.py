"""Options of samplers and schedulers: described, defaulted and checked. Which algorithm has which is in catalog.py."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from service.algorithms.errors import AlgorithmError


@dataclass(frozen=True, kw_only=True, slots=True)
class Option:
    """A number that a spec may set."""

    name: str
    default: int | float | None
    """None means: derived, as the description says; then a spec may say null too."""
    low: int | float
    high: int | float
    """Both bounds are allowed values."""
    description: str

    @property
    def integer(self) -> bool:
        """Whether only whole numbers are allowed: those options have whole bounds."""
        return isinstance(self.low, int)

    def read(self, raw: Any, path: str) -> int | float | None:
        """Return the value of a spec.

        Raises:
            AlgorithmError: not a number, not finite, not whole where it must be, or out of bounds.
        """
        if raw is None and self.default is None:
            return None
        kind = "a whole number" if self.integer else "a number"
        is_number = isinstance(raw, int if self.integer else (int, float)) and not isinstance(raw, bool)
        if not is_number or not math.isfinite(raw) or not self.low <= raw <= self.high:
            bounds = f"from {self.low} to {self.high}"
            raise AlgorithmError(path, f"got {raw!r}, must be {kind} {bounds}; leave it out for {self.default}")
        return int(raw) if self.integer else float(raw)

    def to_dict(self) -> dict[str, Any]:
        """Return the description that GET /v1/algorithms shows."""
        return {
            "name": self.name,
            "type": "int" if self.integer else "float",
            "default": self.default,
            "low": self.low,
            "high": self.high,
            "description": self.description,
        }


@dataclass(frozen=True, kw_only=True, slots=True)
class NamesOption:
    """A list of parameters that a spec may name; none by default. Whether the space has them is checked in spec.py."""

    name: str
    description: str
    default: tuple[str, ...] = ()

    def read(self, raw: Any, path: str) -> tuple[str, ...]:
        """Return the names of a spec.

        Raises:
            AlgorithmError: not a list of texts.
        """
        if not isinstance(raw, (list, tuple)) or not all(isinstance(name, str) for name in raw):
            raise AlgorithmError(path, f"got {raw!r}, must be a list of parameter names; leave it out for none")
        return tuple(raw)

    def to_dict(self) -> dict[str, Any]:
        """Return the description that GET /v1/algorithms shows."""
        return {"name": self.name, "type": "names", "default": list(self.default), "description": self.description}


AnyOption = Option | NamesOption
Value = int | float | tuple[str, ...] | None


def read_options(
    options: Sequence[AnyOption], raw: Mapping[str, Any], path: str, errors: list[AlgorithmError]
) -> dict[str, Value]:
    """Return a value for every option; append every fault, unknown keys included, to `errors`."""
    known = {option.name: option for option in options}
    errors.extend(AlgorithmError(f"{path}.{name}", unknown(name, known)) for name in raw if name not in known)
    values: dict[str, Value] = {}
    for name, option in known.items():
        try:
            values[name] = option.read(raw[name], f"{path}.{name}") if name in raw else option.default
        except AlgorithmError as error:
            errors.append(error)
    return values


def unknown(got: Any, known: Mapping[str, Any], what: str = "key") -> str:
    """Return the message for a word that is none of the known ones, with the nearest one as the way out."""
    nearest = get_close_matches(str(got), known, n=1)
    way_out = f"did you mean {nearest[0]!r}?" if nearest else f"leave the {what} out"
    return f"got {got!r}, must be one of {sorted(known)}; {way_out}"
