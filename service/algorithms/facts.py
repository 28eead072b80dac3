"""What every fact of a Study has in common: it is frozen, and it goes to JSON and back unchanged.

The facts themselves live in events.py, proposals.py and actions.py; where they are stored is the ledger's matter.
"""

from collections.abc import Mapping
from dataclasses import fields
from enum import StrEnum
from typing import Any, ClassVar, Self, TypeVar, cast


class Fact:
    """A frozen record that `to_dict` writes as strict JSON and `from_dict` reads back as an equal record."""

    __slots__ = ()
    TAG: ClassVar[str]
    """The word under the key `fact` that tells the kinds apart."""

    def to_dict(self) -> dict[str, Any]:
        """Return the fact as a JSON object: its tag under `fact`, then its fields by name."""
        return {"fact": self.TAG, **{f.name: _plain(getattr(self, f.name)) for f in fields(cast(Any, self))}}

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> Self:
        """Read back what `to_dict` wrote."""
        return cls(**{name: value for name, value in raw.items() if name != "fact"})


FactT = TypeVar("FactT", bound=Fact)


def read_fact(kinds: Mapping[str, type[FactT]], raw: Mapping[str, Any]) -> FactT:
    """Read a fact of one of several kinds.

    Raises:
        ValueError: the tag is none of `kinds`, e.g. when a newer version of the service wrote it.
    """
    tag = str(raw.get("fact"))
    if tag not in kinds:
        raise ValueError(f"fact: got {tag!r}, must be one of {sorted(kinds)}; was it written by a newer version?")
    return kinds[tag].from_dict(raw)


def _plain(value: Any) -> Any:
    if isinstance(value, Fact):
        return value.to_dict()
    if isinstance(value, StrEnum):
        return value.value
    return dict(value) if isinstance(value, Mapping) else value
