"""What people ask of a ledger, and how a search moves: submission, idempotency, intents, edges."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest

from service.errors import Fenced, IdempotencyMismatch, IllegalTransition, NotFound, PreconditionFailed
from service.states import SEARCH_EDGES, Intent, SearchState, TrialState
from service.store import EventKind, IdempotencyKey, Ledger
from tests.contracts.story import SPEC, queued, search_in, submit, succeeds

KEY = IdempotencyKey(key="key-1", request_sha256="a" * 64)


class SearchesContract:
    def test_a_submitted_search_is_queued_with_everything_it_was_given(self, ledger: Ledger) -> None:
        search, is_new = ledger.submit(spec=SPEC, name="digits", trainable="t", trainable_path="m:T")

        assert is_new
        assert re.fullmatch(r"[a-z][a-z0-9]{11}", search.id)
        assert (search.name, search.trainable, search.trainable_path) == ("digits", "t", "m:T")
        assert search.spec == SPEC
        assert search.spec is not SPEC
        assert (search.state, search.intent, search.allowance) == (SearchState.QUEUED, Intent.RUN, 0)
        assert (search.last_seq, search.started_at, search.ended_at) == (1, None, None)
        assert abs(datetime.now(UTC) - search.created_at) < timedelta(minutes=1)
        assert ledger.search(search.id) == search
        assert [event.kind for event in ledger.events(search.id)] == [EventKind.SEARCH_SUBMITTED]

    def test_a_spec_keeps_the_order_of_its_parameters(self, ledger: Ledger) -> None:
        space = {name: {"type": "constant", "value": 1} for name in ("zeta", "alpha", "mid")}

        assert list(submit(ledger, spec={**SPEC, "space": space}).spec["space"]) == ["zeta", "alpha", "mid"]

    def test_the_same_key_and_request_make_one_search(self, ledger: Ledger) -> None:
        fields: dict[str, Any] = {"spec": SPEC, "name": "digits", "trainable": "t", "trainable_path": "m:T"}
        first, is_new = ledger.submit(**fields, idempotency=KEY)
        again, is_new_again = ledger.submit(**fields, idempotency=KEY)

        assert (is_new, is_new_again) == (True, False)
        assert again == first
        assert len(ledger.searches().items) == 1

    def test_the_same_key_answers_with_the_search_as_it_is_now(self, ledger: Ledger) -> None:
        search = submit(ledger, idempotency=KEY)
        ledger.request(search.id, Intent.CANCEL)

        assert submit(ledger, idempotency=KEY).state is SearchState.CANCELLED

    def test_the_same_key_with_another_request_is_refused(self, ledger: Ledger) -> None:
        search = submit(ledger, idempotency=KEY)
        other = IdempotencyKey(key=KEY.key, request_sha256="b" * 64)

        with pytest.raises(IdempotencyMismatch, match=search.id) as caught:
            submit(ledger, idempotency=other)
        assert caught.value.status == 422
        assert len(ledger.searches().items) == 1

    def test_threads_with_the_same_key_make_one_search_and_one_of_them_made_it(self, ledger: Ledger) -> None:
        def once(_: int) -> tuple[str, bool]:
            search, is_new = ledger.submit(
                spec=SPEC, name="digits", trainable="t", trainable_path="m:T", idempotency=KEY
            )
            return search.id, is_new

        with ThreadPoolExecutor(6) as pool:
            answers = list(pool.map(once, range(6)))

        assert len({search for search, _ in answers}) == 1
        assert sum(is_new for _, is_new in answers) == 1
        assert len(ledger.searches().items) == 1

    def test_an_intent_only_gets_more_severe(self, ledger: Ledger) -> None:
        order = tuple(Intent)
        agrees = {}
        for have in order:
            for want in order:
                story = search_in(ledger, SearchState.RUNNING)
                ledger.request(story.search, have)
                went = succeeds(partial(ledger.request, story.search, want), IllegalTransition)
                agrees[have, want] = went == (order.index(want) >= order.index(have))
                assert story.read().intent is (want if went else have)
        assert all(agrees.values()), agrees

    def test_asking_twice_for_the_same_leaves_one_event(self, ledger: Ledger) -> None:
        story = search_in(ledger, SearchState.RUNNING)
        ledger.request(story.search, Intent.STOP)
        ledger.request(story.search, Intent.STOP)

        (event,) = [e for e in ledger.events(story.search) if e.kind == EventKind.SEARCH_INTENT]
        assert event.data == {"from": "run", "to": "stop"}

    def test_cancelling_a_queued_search_ends_it_at_once(self, ledger: Ledger) -> None:
        search = ledger.request(submit(ledger).id, Intent.CANCEL)

        assert search.state is SearchState.CANCELLED
        assert search.ended_at is not None
        assert "cancelled" in search.state_reason

    def test_cancelling_a_search_that_runs_leaves_its_end_to_the_runner(self, ledger: Ledger) -> None:
        story = search_in(ledger, SearchState.RUNNING)

        assert ledger.request(story.search, Intent.CANCEL).state is SearchState.RUNNING

    def test_cancelling_a_paused_search_ends_it_and_its_trials_at_once(self, ledger: Ledger) -> None:
        story = search_in(ledger, SearchState.RUNNING)
        numbers = [story.trial_in(TrialState.PAUSED), story.trial_in(TrialState.PENDING)]
        done = story.trial_in(TrialState.COMPLETED)
        story.move(SearchState.PAUSED)

        assert ledger.request(story.search, Intent.CANCEL).state is SearchState.CANCELLED
        assert {story.trial(number).state for number in numbers} == {TrialState.CANCELLED}
        assert story.trial(done).state is TrialState.COMPLETED

    def test_a_queued_search_is_paused_at_once_and_resumed_to_the_queue(self, ledger: Ledger) -> None:
        search = submit(ledger).id

        paused = ledger.pause(search)
        assert (paused.state, paused.on_hold) == (SearchState.PAUSED, True)
        assert ledger.pause(search) == paused
        resumed = ledger.resume(search)
        assert (resumed.state, resumed.on_hold) == (SearchState.QUEUED, False)
        assert ledger.resume(search) == resumed

    def test_a_running_search_is_paused_by_its_runner_unless_it_was_resumed_meanwhile(self, ledger: Ledger) -> None:
        story = search_in(ledger, SearchState.RUNNING)
        assert ledger.pause(story.search).state is SearchState.RUNNING
        ledger.resume(story.search)
        with story.writing() as writer:
            assert not writer.pause_search(story.search, "its gangs are given back")
        ledger.pause(story.search)
        with story.writing() as writer:
            assert writer.pause_search(story.search, "its gangs are given back")
        assert story.read().state is SearchState.PAUSED

    def test_a_change_is_one_version_and_one_event_and_the_same_again_is_none(self, ledger: Ledger) -> None:
        story = search_in(ledger, SearchState.RUNNING)
        before = story.read()
        after = ledger.amend(story.search, lambda _: {"parallelism": 8, "tags": {"team": "audio"}})

        assert (before.version, after.version) == (1, 2)
        assert after.changes == {"parallelism": 8, "tags": {"team": "audio"}}
        assert after.spec == before.spec
        assert ledger.amend(story.search, lambda _: {"parallelism": 8, "tags": {"team": "audio"}}) == after
        assert story.kinds().count(EventKind.SEARCH_CHANGED) == 1
        assert [search.id for search in ledger.searches(tag="team=audio").items] == [story.search]
        assert ledger.searches(tag="team=vision").items == ()

    def test_a_change_of_another_version_than_expected_is_refused_and_nothing_is_written(self, ledger: Ledger) -> None:
        story = search_in(ledger, SearchState.RUNNING)
        ledger.amend(story.search, lambda _: {"priority": 1}, expects=frozenset({1}))
        before = story.read()
        with pytest.raises(PreconditionFailed, match="must be 2"):
            ledger.amend(story.search, lambda _: {"priority": 2}, expects=frozenset({1}))
        assert story.read() == before

    def test_a_change_with_a_key_is_made_once(self, ledger: Ledger) -> None:
        story = search_in(ledger, SearchState.RUNNING)
        for _ in range(2):
            ledger.amend(story.search, lambda now: {"enqueue": [*now.changes.get("enqueue", []), {}]}, idempotency=KEY)
        assert story.read().changes == {"enqueue": [{}]}

    def test_changes_made_at_once_are_all_kept(self, ledger: Ledger) -> None:
        story = search_in(ledger, SearchState.RUNNING)

        def add(number: int) -> None:
            ledger.amend(story.search, lambda now: {**now.changes, str(number): number})

        with ThreadPoolExecutor(6) as pool:
            list(pool.map(add, range(6)))
        assert story.read().version == 7
        assert len(story.read().changes) == 6

    @pytest.mark.parametrize("state", [state for state in SearchState if state.is_terminal])
    def test_a_search_that_has_ended_is_neither_changed_nor_paused(self, ledger: Ledger, state: SearchState) -> None:
        story = search_in(ledger, state)
        for verb in (partial(ledger.amend, change=lambda _: {"priority": 1}), ledger.pause, ledger.resume):
            with pytest.raises(IllegalTransition, match=f"got state {state}"):
                verb(story.search)

    @pytest.mark.parametrize("state", [state for state in SearchState if state.is_terminal])
    def test_nothing_can_be_asked_of_a_search_that_has_ended(self, ledger: Ledger, state: SearchState) -> None:
        story = search_in(ledger, state)
        for intent in Intent:
            with pytest.raises(IllegalTransition, match=f"got state {state}"):
                ledger.request(story.search, intent)
        assert story.read().intent is Intent.RUN

    def test_a_search_moves_along_the_edges_of_the_diagram_and_no_others(self, ledger: Ledger) -> None:
        went = set()
        for origin in SearchState:
            for to in SearchState:
                story = search_in(ledger, origin)
                before = story.read()
                if succeeds(partial(story.move, to), IllegalTransition):
                    went.add((origin, to))
                    assert story.read().state is to
                else:
                    assert story.read() == before
        assert went == {(origin, to) for origin, targets in SEARCH_EDGES.items() for to in targets}

    def test_a_move_leaves_its_event_with_the_reason(self, ledger: Ledger) -> None:
        story = queued(ledger)
        with story.writing() as writer:
            writer.move_search(story.search, SearchState.RUNNING, "admitted: 4 of 4 slots are free")

        event = ledger.events(story.search)[-1]
        assert event.kind == EventKind.SEARCH_STATE
        assert event.data == {"from": "queued", "to": "running", "reason": "admitted: 4 of 4 slots are free"}
        assert story.read().state_reason == "admitted: 4 of 4 slots are free"
        assert story.read().last_seq == event.seq

    @pytest.mark.parametrize("reason", ["", "  \n"])
    def test_a_move_without_a_reason_cannot_be_written(self, ledger: Ledger, reason: str) -> None:
        story = queued(ledger)
        with pytest.raises(ValueError, match="reason"), story.writing() as writer:
            writer.move_search(story.search, SearchState.RUNNING, reason)
        assert story.read().state is SearchState.QUEUED

    def test_a_search_that_is_resumed_keeps_its_first_start(self, ledger: Ledger) -> None:
        story = search_in(ledger, SearchState.PAUSED)
        first = story.read().started_at
        story.move(SearchState.QUEUED)
        story.move(SearchState.RUNNING)

        assert first is not None
        assert story.read().started_at == first
        assert story.read().ended_at is None

    def test_an_illegal_move_names_the_search_what_it_found_and_what_must_be(self, ledger: Ledger) -> None:
        story = queued(ledger)
        with pytest.raises(IllegalTransition, match=f"search {story.search}: got state queued, must be running"):
            story.move(SearchState.COMPLETED)

    def test_what_a_queued_search_waits_for_is_noted_when_it_changes(self, ledger: Ledger) -> None:
        story = queued(ledger)
        for reason in ("no slot is free", "no slot is free", "the quota is used up"):
            with story.writing() as writer:
                writer.wait_reason(story.search, reason)

        waits = [e.data["reason"] for e in ledger.events(story.search) if e.kind == EventKind.SEARCH_WAITS]
        assert waits == ["no slot is free", "the quota is used up"]
        assert story.read().state_reason == "the quota is used up"

    def test_a_search_that_is_paused_waits_for_nothing(self, ledger: Ledger) -> None:
        story = search_in(ledger, SearchState.PAUSED)
        with pytest.raises(IllegalTransition, match="must be queued, running"), story.writing() as writer:
            writer.wait_reason(story.search, "no slot is free")

    def test_an_allowance_leaves_an_event_when_it_changes(self, ledger: Ledger) -> None:
        story = queued(ledger)
        for slots in (4, 4, 2):
            with story.writing() as writer:
                writer.set_allowance(story.search, slots)

        granted = [e.data for e in ledger.events(story.search) if e.kind == EventKind.SEARCH_ALLOWANCE]
        assert granted == [{"from": 0, "to": 4}, {"from": 4, "to": 2}]
        assert story.read().allowance == 2

    def test_a_search_that_does_not_exist_is_not_found_by_any_call(self, ledger: Ledger) -> None:
        lease = ledger.seize_lease("coordinator", "me", 60)

        def write(verb: str, *args: object) -> None:
            with ledger.write(lease) as writer:
                getattr(writer, verb)("nosuchsearch", *args)

        calls = [
            lambda: ledger.search("nosuchsearch"),
            lambda: ledger.counts("nosuchsearch"),
            lambda: ledger.trials("nosuchsearch"),
            lambda: ledger.trial("nosuchsearch", 1),
            lambda: ledger.attempts("nosuchsearch", 1),
            lambda: ledger.reports("nosuchsearch"),
            lambda: ledger.best("nosuchsearch"),
            lambda: ledger.checkpoints("nosuchsearch"),
            lambda: ledger.best_checkpoint("nosuchsearch"),
            lambda: ledger.events("nosuchsearch"),
            lambda: ledger.history("nosuchsearch"),
            lambda: ledger.request("nosuchsearch", Intent.STOP),
            lambda: write("move_search", SearchState.RUNNING, "why"),
            lambda: write("wait_reason", "why"),
            lambda: write("set_allowance", 1),
            lambda: write("propose", 1, {}, {}, {}),
            lambda: write("decide", None, {}, []),
            lambda: write("event", EventKind.WARNING, {}),
        ]
        assert [succeeds(call, NotFound) for call in calls] == [False] * len(calls)

    def test_an_error_in_the_block_takes_back_everything_in_it(self, ledger: Ledger) -> None:
        story = queued(ledger)
        before = (story.read(), ledger.events(story.search))

        def write() -> None:
            with story.writing() as writer:
                writer.move_search(story.search, SearchState.RUNNING, "why")
                writer.propose(story.search, 1, {}, {}, {})
                raise RuntimeError("in the middle")

        with pytest.raises(RuntimeError, match="in the middle"):
            write()

        assert (story.read(), ledger.events(story.search)) == before
        assert ledger.trials(story.search) == []

    def test_a_writer_under_a_released_lease_is_fenced(self, ledger: Ledger) -> None:
        story = queued(ledger)
        ledger.release_lease(story.lease)
        with pytest.raises(Fenced, match="stop"):
            story.move(SearchState.RUNNING)
        assert story.read().state is SearchState.QUEUED
