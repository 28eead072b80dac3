"""A principal: whoever a request comes from, once that is proved. How it is proved is the API's `authentication`."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

DEFAULT_PROJECT = "default"
"""The project of whoever names none; it is always there."""

OPERATOR = "operator"
"""Id of the principal that holds the token of `rung up`. No key's id has the letter o."""


class Scope(StrEnum):
    """What a key may do. None contains another, but `admin`, which contains all."""

    READ = "searches:read"
    """See searches, trials, reports, events and what can be trained; validate a spec."""
    WRITE = "searches:write"
    """Submit a search, and change one."""
    CANCEL = "searches:cancel"
    """Stop or cancel a search."""
    ARTIFACTS = "artifacts:read"
    """Download checkpoints."""
    ADMIN = "admin"
    """All of this, and: make and revoke keys, read the audit log."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Principal:
    """Who asks.

    Attributes:
        id: of the key, or OPERATOR; what the audit log names, and what an idempotency key belongs to.
        project: the only project it sees; None: every one.
        scopes: what it may do there.
    """

    id: str
    project: str | None
    scopes: frozenset[Scope]

    def may(self, scope: Scope) -> bool:
        """Whether it may do what needs this scope."""
        return scope in self.scopes or Scope.ADMIN in self.scopes

    def sees(self, project: str) -> bool:
        """Whether what belongs to this project exists for it."""
        return self.project in (None, project)


THE_OPERATOR = Principal(id=OPERATOR, project=None, scopes=frozenset({Scope.ADMIN}))
"""Whoever holds the token of `rung up`."""
