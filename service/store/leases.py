"""Leases: who may write. Take, renew, seize, release, and the check that fences a writer whose lease is gone.

A lease row is never deleted, so its epoch never falls: every change of owner raises it by one, and a write under an
older epoch finds no row. Time decides only whether a *silent* owner may be replaced; it never makes two writers.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, Row, select, update

from service.errors import Fenced, LedgerUnavailable
from service.models import Lease
from service.store.database import Database
from service.store.engine import insert_unless_there
from service.store.tables import leases
from trainables.failpoints import failpoint

_NOBODY = ""
_NO_CLOCK = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class LeaseStatus:
    """A lease as it stands.

    Attributes:
        lease: its `owner` is empty when nobody holds it.
        alive: somebody holds it and renewed it in time.
        remaining_s: seconds until it expires, 0 when it is not alive.
    """

    lease: Lease
    alive: bool
    remaining_s: float


class Leases:
    """The verbs on leases. Each is a transaction of its own."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def take_lease(self, name: str, owner: str, ttl_s: float) -> Lease | None:
        """Takes a lease that is free, expired or the owner's already.

        Args:
            name: `coordinator`, or `search/<id>`.
            owner: unique to one process life, not empty.
            ttl_s: seconds until it expires unless renewed.

        Returns:
            The lease; None while another's is alive. The epoch is one higher than before if the owner changed.
        """
        with self._database.writing() as connection:
            row = self._locked(connection, name)
            if row.owner not in (_NOBODY, owner) and self._remaining_s(connection, row) > 0:
                return None
            epoch = row.epoch if row.owner == owner else row.epoch + 1
            return self._grant(connection, Lease(name=name, owner=owner, epoch=epoch), ttl_s)

    def seize_lease(self, name: str, owner: str, ttl_s: float, under: Lease | None = None) -> Lease:
        """Takes a lease whoever holds it, with the next epoch. Only where the holder's death is confirmed.

        Args:
            name: of the lease.
            owner: unique to one process life, not empty.
            ttl_s: seconds until it expires unless renewed.
            under: the lease of whoever seizes it for another; checked in the same transaction. Default: none.

        Raises:
            Fenced: `under` was taken over; nothing was seized.
        """
        with self._database.writing() as connection:
            if under is not None:
                check_lease(connection, under)
            row = self._locked(connection, name)
            return self._grant(connection, Lease(name=name, owner=owner, epoch=row.epoch + 1), ttl_s)

    def renew_lease(self, lease: Lease, ttl_s: float) -> None:
        """Makes it last `ttl_s` seconds from now; also one that expired and that nobody took.

        Raises:
            Fenced: somebody else took it, or it was released.
        """
        failpoint("lease.before_renew", LedgerUnavailable)
        with self._database.writing() as connection:
            if not self._extend(connection, lease, ttl_s):
                raise _fenced(lease)

    def release_lease(self, lease: Lease) -> None:
        """Gives it back; does nothing if it is somebody else's by now."""
        failpoint("lease.before_release", LedgerUnavailable)
        with self._database.writing() as connection:
            connection.execute(update(leases).where(_held(lease)).values(owner=_NOBODY, clock=_NO_CLOCK, expires_s=0.0))

    def lease(self, name: str) -> LeaseStatus | None:
        """How a lease stands; None if nobody ever took it."""
        with self._database.reading() as connection:
            row = connection.execute(select(leases).where(leases.c.name == name)).one_or_none()
            if row is None:
                return None
            remaining_s = self._remaining_s(connection, row)
            held = Lease(name=row.name, owner=row.owner, epoch=row.epoch)
            return LeaseStatus(lease=held, alive=remaining_s > 0, remaining_s=remaining_s)

    def _locked(self, connection: Connection, name: str) -> Row[tuple[str, str, int, str, float]]:
        insert_unless_there(connection, leases, name=name, owner=_NOBODY, epoch=0, clock=_NO_CLOCK, expires_s=0.0)
        return connection.execute(select(leases).where(leases.c.name == name).with_for_update()).one()

    def _remaining_s(self, connection: Connection, row: Row[tuple[str, str, int, str, float]]) -> float:
        clock = self._database.clock
        return max(0.0, row.expires_s - clock.now_s(connection)) if row.clock == clock.name else 0.0

    def _grant(self, connection: Connection, lease: Lease, ttl_s: float) -> Lease:
        holder = update(leases).where(leases.c.name == lease.name).values(owner=lease.owner, epoch=lease.epoch)
        connection.execute(holder)
        self._extend(connection, lease, ttl_s)
        failpoint("lease.before_grant", LedgerUnavailable)
        return lease

    def _extend(self, connection: Connection, lease: Lease, ttl_s: float) -> bool:
        clock = self._database.clock
        renewal = update(leases).values(clock=clock.name, expires_s=clock.now_s(connection) + ttl_s)
        return connection.execute(renewal.where(_held(lease))).rowcount == 1


def check_lease(connection: Connection, lease: Lease, token: str | None = None) -> bool:
    """Holds the lease against a takeover until the transaction ends: whoever wants it waits for this commit.

    Args:
        connection: of the transaction.
        lease: the writer's.
        token: names what the transaction does, in all its tries; None if it is tried once.

    Returns:
        Whether an earlier try of the same token was committed: its answer was lost, and there is nothing left to do.

    Raises:
        Fenced: the lease is no longer this one.
    """
    if token is not None:
        return _noted(connection, lease, token)
    # FOR SHARE, so that a renewal or takeover waits; SQLite's BEGIN IMMEDIATE has shut them out already.
    if connection.scalar(select(leases.c.epoch).where(_held(lease)).with_for_update(read=True)) is None:
        raise _fenced(lease)
    return False


def _noted(connection: Connection, lease: Lease, token: str) -> bool:
    # An earlier try whose connection was lost may still be committing: this waits for its row lock, and sees the end.
    row = connection.execute(select(leases.c.last_write).where(_held(lease)).with_for_update()).one_or_none()
    if row is None:
        raise _fenced(lease)
    if row.last_write == token:
        return True
    connection.execute(update(leases).where(_held(lease)).values(last_write=token))
    return False


def _fenced(lease: Lease) -> Fenced:
    return Fenced(
        f"lease {lease.name}: got epoch {lease.epoch} of {lease.owner}, must be the one the ledger holds; "
        "write nothing more and stop"
    )


def _held(lease: Lease) -> ColumnElement[bool]:
    return (leases.c.name == lease.name) & (leases.c.owner == lease.owner) & (leases.c.epoch == lease.epoch)
