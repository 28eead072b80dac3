"""The moment at which a fault strikes inside a transition: a count of boundaries that burns down.

A boundary is the begin of a transaction, one statement in it, its commit, a failpoint, and a call to the cluster.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

from service.errors import LedgerUnavailable


class Died(BaseException):
    """The process that acts is killed here; no handler of it runs any more."""


class Strike(StrEnum):
    """What happens when the fuse has burned down."""

    KILL = "kill"
    """The process dies, before or within the transaction, or after the commit and before anybody heard of it."""
    ERROR = "error"
    """The database does not answer: the transaction is rolled back."""
    LOST_REPLY = "lost reply"
    """The commit takes place, and its reply is lost: who wrote sees `LedgerUnavailable`."""
    INTERLUDE = "interlude"
    """The process stands still before its next transaction, while others act."""


@dataclass(kw_only=True)
class Fuse:
    """One strike after a number of boundaries, for the verb that acts at present.

    Attributes:
        struck: where strikes happened so far, by boundary and kind; a fault counts only if it struck.
    """

    struck: dict[str, int] = field(default_factory=dict)
    _left: int = -1
    _strike: Strike = Strike.KILL
    _interlude: Callable[[], None] = lambda: None
    _depth: int = 0

    def light(self, strike: Strike, boundaries: int, interlude: Callable[[], None] = lambda: None) -> None:
        """Strikes at the next fitting boundary once so many have been passed."""
        self._strike, self._left, self._interlude = strike, boundaries, interlude

    def put_out(self) -> None:
        """Nothing strikes any more."""
        self._left = -1

    @property
    def is_lit(self) -> bool:
        """Whether a strike is still to come."""
        return self._left >= 0

    def begins(self) -> None:
        """A transaction is about to begin."""
        alone = () if self._depth else (Strike.INTERLUDE,)  # inside another transaction nobody else could write
        if self._burns(Strike.KILL, Strike.ERROR, *alone):
            self._strikes("begin")
        self._depth += 1

    def ends(self) -> None:
        """A transaction is over, whatever became of it."""
        self._depth -= 1

    def states(self) -> None:
        """A statement is about to be executed."""
        if self._burns(Strike.KILL, Strike.ERROR):
            self._strikes("statement")

    def committed(self) -> None:
        """A transaction that wrote has committed, and its reply is under way."""
        if self._burns(Strike.KILL, Strike.LOST_REPLY):
            self._strikes("reply")

    def passes(self, place: str) -> None:
        """A named place is passed: a failpoint, a call to the cluster, a deletion of files."""
        alone = () if self._depth else (Strike.INTERLUDE,)
        if self._burns(Strike.KILL, *alone):
            self._strikes(place)

    def _burns(self, *fitting: Strike) -> bool:
        if self._left > 0:
            self._left -= 1
            return False
        if self._left == 0 and self._strike in fitting:
            self.put_out()
            return True
        return False

    def _strikes(self, boundary: str) -> None:
        key = f"{self._strike} at {boundary}"
        self.struck[key] = self.struck.get(key, 0) + 1
        if self._strike is Strike.INTERLUDE:
            self._interlude()
        elif self._strike is Strike.KILL:
            raise Died(boundary)
        else:
            raise LedgerUnavailable(f"the harness took the ledger away at a {boundary}", retry_after_s=2)
