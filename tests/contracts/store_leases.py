"""Who may write: one holder per epoch, and a writer whose lease is gone writes nothing."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from service.errors import Fenced
from service.models import Lease
from service.states import SearchState
from service.store import EventKind, Ledger
from tests.contracts.story import begun, queued

NAME = "coordinator"


class LeasesContract:
    def test_a_lease_nobody_ever_took_is_none(self, ledger: Ledger) -> None:
        assert ledger.lease(NAME) is None

    def test_a_free_lease_is_taken_with_the_first_epoch(self, ledger: Ledger) -> None:
        lease = ledger.take_lease(NAME, "a", 60)

        assert lease == Lease(name=NAME, owner="a", epoch=1)
        status = ledger.lease(NAME)
        assert status is not None
        assert (status.lease, status.alive) == (lease, True)
        assert 50 < status.remaining_s <= 60

    def test_a_lease_that_is_alive_is_not_taken_by_another(self, ledger: Ledger) -> None:
        ledger.take_lease(NAME, "a", 60)
        assert ledger.take_lease(NAME, "b", 60) is None

    def test_its_owner_takes_it_again_under_the_same_epoch(self, ledger: Ledger) -> None:
        first = ledger.take_lease(NAME, "a", 60)
        assert ledger.take_lease(NAME, "a", 60) == first

    def test_an_expired_lease_is_taken_with_the_next_epoch(self, ledger: Ledger) -> None:
        ledger.take_lease(NAME, "a", 0.05)
        time.sleep(0.1)
        status = ledger.lease(NAME)
        assert status is not None
        assert (status.alive, status.remaining_s) == (False, 0.0)

        assert ledger.take_lease(NAME, "b", 60) == Lease(name=NAME, owner="b", epoch=2)

    def test_an_expired_lease_that_nobody_took_is_renewed_and_writes(self, ledger: Ledger) -> None:
        story = queued(ledger)
        lease = ledger.take_lease(NAME, "a", 0.05)
        assert lease is not None
        time.sleep(0.1)
        with ledger.write(lease) as writer:
            writer.move_search(story.search, SearchState.RUNNING, "why")
        ledger.renew_lease(lease, 60)
        assert ledger.take_lease(NAME, "b", 60) is None

    def test_a_released_lease_is_free_at_once_and_its_epoch_is_never_used_again(self, ledger: Ledger) -> None:
        lease = ledger.take_lease(NAME, "a", 60)
        assert lease is not None
        ledger.release_lease(lease)
        status = ledger.lease(NAME)
        assert status is not None
        assert not status.alive

        assert ledger.take_lease(NAME, "a", 60) == Lease(name=NAME, owner="a", epoch=2)
        with pytest.raises(Fenced):
            ledger.renew_lease(lease, 60)

    def test_a_seized_lease_belongs_to_whoever_seized_it(self, ledger: Ledger) -> None:
        old = ledger.take_lease(NAME, "a", 60)
        new = ledger.seize_lease(NAME, "b", 60)

        assert new == Lease(name=NAME, owner="b", epoch=2)
        assert old is not None
        with pytest.raises(Fenced, match="epoch 1 of a"):
            ledger.renew_lease(old, 60)
        ledger.release_lease(old)
        status = ledger.lease(NAME)
        assert status is not None
        assert (status.lease, status.alive) == (new, True)

    def test_threads_that_claim_a_lease_get_one_holder_per_epoch(self, ledger: Ledger) -> None:
        rounds = 10
        barrier = threading.Barrier(4)

        def claim(owner: int) -> list[Lease]:
            held = []
            for _ in range(rounds):
                barrier.wait()
                lease = ledger.take_lease(NAME, f"owner-{owner}", 60)
                barrier.wait()
                if lease is not None:
                    held.append(lease)
                    ledger.release_lease(lease)
            return held

        with ThreadPoolExecutor(4) as pool:
            held = [lease for leases in pool.map(claim, range(4)) for lease in leases]

        assert sorted(lease.epoch for lease in held) == list(range(1, rounds + 1))

    def test_a_writer_that_was_taken_over_writes_nothing(self, ledger: Ledger) -> None:
        story = begun(ledger)
        number = story.running()
        before = (story.read(), story.trial(number))
        ledger.seize_lease(story.lease.name, "runner-2", 60)

        with pytest.raises(Fenced):
            story.report(number, 1, 0.5)
        assert (story.read(), story.trial(number)) == before

    def test_a_takeover_waits_for_the_write_that_began_before_it(self, ledger: Ledger) -> None:
        story = begun(ledger)
        taken = threading.Event()

        def take_over() -> None:
            ledger.seize_lease(story.lease.name, "runner-2", 60)
            taken.set()

        thread = threading.Thread(target=take_over)
        with ledger.write(story.lease) as writer:
            thread.start()
            assert not taken.wait(0.3)
            writer.event(story.search, EventKind.WARNING, {"message": "still mine"})
        thread.join()

        assert ledger.events(story.search)[-1].data == {"message": "still mine"}
        with pytest.raises(Fenced), ledger.write(story.lease) as writer:
            writer.event(story.search, EventKind.WARNING, {"message": "no more"})
        assert ledger.events(story.search)[-1].data == {"message": "still mine"}

    def test_a_renewal_waits_for_a_write_and_both_succeed(self, ledger: Ledger) -> None:
        story = begun(ledger)
        thread = threading.Thread(target=ledger.renew_lease, args=(story.lease, 60))
        with ledger.write(story.lease) as writer:
            thread.start()
            writer.event(story.search, EventKind.WARNING, {"message": "in between"})
        thread.join()
        ledger.renew_lease(story.lease, 60)

    def test_leases_of_other_names_do_not_touch_each_other(self, ledger: Ledger) -> None:
        ledger.take_lease("search/one", "a", 60)
        assert ledger.take_lease("search/two", "b", 60) == Lease(name="search/two", owner="b", epoch=1)

    def test_a_write_whose_answer_was_lost_is_not_done_again(self, ledger: Ledger) -> None:
        story = begun(ledger)
        before = len(ledger.events(story.search))
        for repeated in (False, True):
            with ledger.write(story.lease, "token") as writer:
                assert writer.repeated is repeated
                if not writer.repeated:
                    writer.event(story.search, EventKind.WARNING, {"message": "once"})
        assert len(ledger.events(story.search)) == before + 1

    def test_a_write_that_was_rolled_back_is_done_again(self, ledger: Ledger) -> None:
        story = begun(ledger)
        with pytest.raises(LookupError), ledger.write(story.lease, "token"):
            raise LookupError
        with ledger.write(story.lease, "token") as writer:
            assert not writer.repeated
