"""A search that had ended is let go on, and whose results another one began with."""

from __future__ import annotations

import pytest

from service.errors import IdempotencyMismatch
from service.models import Descent
from service.states import Intent, SearchState
from service.store import Going, IdempotencyKey, Ledger
from tests.contracts.story import SPEC, queued, search_in

FACTS = [{"fact": "reopened", "reason": "x"}, {"fact": "continued", "trial": 3, "from_epoch": 1, "reason": "x"}]
GOING = Going(changes={"budget": {"trials": 9}}, facts=FACTS, reason="a person wants more")
ENDS = [state for state in SearchState if state.is_terminal]


class WishesContract:
    @pytest.mark.parametrize("state", ENDS)
    def test_a_search_that_has_ended_is_queued_again_with_what_it_is_to_be_told(
        self, ledger: Ledger, state: SearchState
    ) -> None:
        search = search_in(ledger, state).search
        found = ledger.go_on(search, lambda _: GOING)

        assert (found.state, found.intent, found.ended_at) == (SearchState.QUEUED, Intent.RUN, None)
        assert (found.changes, found.version, found.spec["objective"]) == (GOING.changes, 2, SPEC["objective"])
        assert [(wish.number, wish.fact) for wish in ledger.untold(search)] == [(1, FACTS[0]), (2, FACTS[1])]
        assert ledger.num_to_continue(search) == 1
        moved = ledger.events(search)[-1].data
        assert moved == {"from": state, "to": "queued", "reason": "a person wants more"}

    def test_a_wish_is_told_once_and_in_order(self, ledger: Ledger) -> None:
        story = search_in(ledger, SearchState.RUNNING)
        ledger.go_on(story.search, lambda _: GOING)
        ledger.go_on(story.search, lambda _: GOING)
        with story.writing() as writer:
            writer.wish_told(story.search, 1)

        assert [wish.number for wish in ledger.untold(story.search)] == [2, 3, 4]
        assert story.read().state is SearchState.RUNNING

    def test_the_same_key_lets_a_search_go_on_once(self, ledger: Ledger) -> None:
        search = queued(ledger).search
        key = IdempotencyKey(key="mine", request_sha256="a" * 64)
        for _ in range(2):
            assert ledger.go_on(search, lambda _: GOING, idempotency=key).version == 2
        other = IdempotencyKey(key="mine", request_sha256="b" * 64)
        with pytest.raises(IdempotencyMismatch):
            ledger.go_on(search, lambda _: GOING, idempotency=other)

    def test_a_plan_that_refuses_writes_nothing(self, ledger: Ledger) -> None:
        story = search_in(ledger, SearchState.COMPLETED)
        before = story.read()

        def refuse(_: object) -> Going:
            raise ValueError("no")

        with pytest.raises(ValueError, match="no"):
            ledger.go_on(story.search, refuse)
        assert story.read() == before
        assert ledger.untold(story.search) == []

    def test_a_lineage_is_read_from_both_ends(self, ledger: Ledger) -> None:
        parent = queued(ledger).search
        descent = Descent(search=parent, kind="branch", num_trials=9, left_out={"it has no lr": 2})
        child, _ = ledger.submit(
            spec=SPEC, name="child", trainable="t", trainable_path="m:T", facts=FACTS[:1], parents=[descent]
        )

        assert ledger.parents(child.id) == [descent]
        assert [(found.search, found.num_trials) for found in ledger.children(parent)] == [(child.id, 9)]
        assert [wish.fact for wish in ledger.untold(child.id)] == FACTS[:1]

    def test_the_steps_of_a_replay_are_those_of_the_history(self, ledger: Ledger) -> None:
        story = search_in(ledger, SearchState.RUNNING)
        number = story.running()
        story.report(number, 1, 0.5)
        with ledger.steps(story.search) as steps:
            assert list(steps) == ledger.history(story.search)
