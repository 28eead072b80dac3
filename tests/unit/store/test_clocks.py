"""A lease lives as long as it says: whatever happens to the wall clock, and never across a reboot."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection

from service.store import Ledger, clocks
from service.store.clocks import BootClock
from service.store.database import Database
from service.store.engine import connect
from service.store.migrate import migrate


class SetClock:
    """A clock that goes when it is told."""

    def __init__(self, name: str = "boot-1", at_s: float = 1000.0) -> None:
        self.name = name
        self.at_s = at_s

    def now_s(self, connection: Connection) -> float:
        return self.at_s


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture
def ledger(tmp_path: Path, clock: SetClock) -> Iterator[Ledger]:
    database = Database(connect(f"sqlite:///{tmp_path}/ledger.db"), clock)
    migrate(database)
    ledger = Ledger(database)
    yield ledger
    ledger.close()


def test_a_lease_lives_for_its_seconds_and_no_longer(ledger: Ledger, clock: SetClock) -> None:
    ledger.take_lease("coordinator", "a", 15)
    clock.at_s += 14.9
    assert ledger.take_lease("coordinator", "b", 15) is None
    clock.at_s += 0.1
    assert ledger.take_lease("coordinator", "b", 15) is not None


def test_a_renewal_counts_from_now(ledger: Ledger, clock: SetClock) -> None:
    lease = ledger.take_lease("coordinator", "a", 15)
    assert lease is not None
    clock.at_s += 10
    ledger.renew_lease(lease, 15)
    clock.at_s += 14
    status = ledger.lease("coordinator")
    assert status is not None
    assert status.remaining_s == pytest.approx(1)
    assert ledger.take_lease("coordinator", "b", 15) is None


def test_a_lease_of_an_earlier_boot_has_expired_although_its_second_is_still_to_come(
    ledger: Ledger, clock: SetClock
) -> None:
    old = ledger.take_lease("coordinator", "a", 15)
    assert old is not None
    clock.name, clock.at_s = "boot-2", 3.0
    status = ledger.lease("coordinator")
    assert status is not None
    assert not status.alive

    new = ledger.take_lease("coordinator", "b", 15)
    assert new is not None
    assert new.epoch == old.epoch + 1


@pytest.mark.parametrize("jump_s", [-86_400, 86_400])
def test_a_jump_of_the_wall_clock_neither_ends_a_lease_nor_prolongs_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, jump_s: int
) -> None:
    ledger = Ledger.open(f"sqlite:///{tmp_path}/ledger.db")
    ledger.take_lease("coordinator", "a", 60)
    now_s = time.time() + jump_s
    monkeypatch.setattr(time, "time", lambda: now_s)
    status = ledger.lease("coordinator")
    assert status is not None
    assert 50 < status.remaining_s <= 60
    assert ledger.take_lease("coordinator", "b", 60) is None
    ledger.close()


def test_where_the_kernel_tells_no_boot_id_the_wall_clock_stands_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clocks, "_BOOT_ID", tmp_path / "missing")
    ledger = Ledger.open(f"sqlite:///{tmp_path}/ledger.db")
    assert ledger.take_lease("coordinator", "a", 60) is not None
    assert ledger.take_lease("coordinator", "b", 60) is None
    assert isinstance(ledger._database.clock, BootClock)
    assert ledger._database.clock.name == "wall"
    ledger.close()
