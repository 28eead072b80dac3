"""One parameter's JSON while it is read: typed access to its keys, noting what is wrong. Whole specs are in `spec`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from search_spaces.domains import LARGEST_WHOLE
from search_spaces.errors import SpaceError
from search_spaces.scalars import Scalar, identity, is_number, is_scalar, is_whole, show, suggest

COMMON_KEYS = ("type", "default", "when")
"""What every parameter may have."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """One parameter's JSON while it is read; what is wrong with it goes to `faults`.

    Attributes:
        name: The key under which it stands.
        raw: The JSON.
        path: Where it is.
        faults: The faults of the whole space.
    """

    name: Any
    raw: Any
    path: str
    faults: list[SpaceError]

    def refuse(self, key: str, message: str) -> None:
        """Note a fault of the entry at `key`, or of the whole parameter when `key` is empty."""
        self.faults.append(SpaceError(f"{self.path}.{key}" if key else self.path, message))

    def known(self, keys: Iterable[str]) -> None:
        """Refuse all other keys."""
        allowed = (*COMMON_KEYS, *keys)
        for key in self.raw:
            if key not in allowed:
                kind = self.raw["type"]
                self.refuse(key, f"got an unknown key, must be one that {kind} has; {suggest(key, allowed)}")

    def number(self, key: str) -> float | None:
        """The finite number at `key`."""
        value = self.raw.get(key)
        if is_number(value):
            return float(value)
        self.refuse(key, f"got {self._shown(key)}, must be a finite number{_yaml_hint(value)}")
        return None

    def whole(self, key: str) -> int | None:
        """The integer at `key`, small enough to come back from a vector."""
        value = self.raw.get(key)
        if is_whole(value) and abs(value) <= LARGEST_WHOLE:
            return int(value)
        way_out = '; for fractions use type "float"' if is_number(value) and not is_whole(value) else _yaml_hint(value)
        self.refuse(key, f"got {self._shown(key)}, must be an integer of at most 10**12{way_out}")
        return None

    def flag(self, key: str) -> bool:
        """The boolean at `key`; false without it."""
        value = self.raw.get(key, False)
        if not isinstance(value, bool):
            self.refuse(key, f"got {show(value)}, must be true or false")
            return False
        return value

    def scalar(self, key: str) -> Scalar | None:
        """The JSON scalar at `key`."""
        value = self.raw.get(key)
        if key in self.raw and is_scalar(value):
            return value
        self.refuse(key, f"got {self._shown(key)}, must be null, a boolean, a string or a finite number")
        return None

    def scalars(self, key: str) -> tuple[Scalar, ...] | None:
        """The list at `key`: at least one JSON scalar, no two the same."""
        values = self.raw.get(key)
        if not isinstance(values, list | tuple) or not values:
            self.refuse(key, f"got {self._shown(key)}, must be a list of at least one value")
            return None
        before = len(self.faults)
        seen: set[tuple[bool, Scalar]] = set()
        for position, value in enumerate(values):
            if not is_scalar(value):
                message = f"got {show(value)}, must be null, a boolean, a string or a finite number"
                self.refuse(
                    f"{key}[{position}]", f"{message}; name the alternatives and let the trainable look them up"
                )
            elif identity(value) in seen:
                self.refuse(f"{key}[{position}]", f"got {show(value)} again, must be unique; remove it")
            else:
                seen.add(identity(value))
        return tuple(values) if len(self.faults) == before else None

    def _shown(self, key: str) -> str:
        return show(self.raw[key]) if key in self.raw else "nothing"


def _yaml_hint(value: object) -> str:
    """A word on numbers that arrive as strings: YAML 1.1 reads 1e-4 as one."""
    if not isinstance(value, str):
        return ""
    try:
        float(value)
    except ValueError:
        return ""
    return "; write it without quotes, and in YAML with a point and a sign in the exponent: 1.0e-4"
