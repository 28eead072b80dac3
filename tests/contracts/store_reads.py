"""Pages, filters and orders of what a ledger answers."""

from __future__ import annotations

import pytest

from service.errors import InvalidInput
from service.states import SearchState, TrialState
from service.store import Ledger
from tests.contracts.story import SPEC, begun, search_in, submit


class ReadsContract:
    def test_a_ledger_answers_a_ping(self, ledger: Ledger) -> None:
        ledger.ping()

    def test_pages_give_every_search_once_the_newest_first(self, ledger: Ledger) -> None:
        submitted = [submit(ledger).id for _ in range(7)]
        seen: list[str] = []
        cursor = None
        for size in (3, 3, 1):
            page = ledger.searches(limit=3, cursor=cursor)
            assert len(page.items) == size
            seen += [search.id for search in page.items]
            cursor = page.next_cursor
        assert cursor is None
        assert seen == submitted[::-1]

    def test_a_search_submitted_meanwhile_does_not_move_the_next_page(self, ledger: Ledger) -> None:
        first, second = submit(ledger).id, submit(ledger).id
        page = ledger.searches(limit=1)
        submit(ledger)

        assert [search.id for search in page.items] == [second]
        assert [search.id for search in ledger.searches(limit=1, cursor=page.next_cursor).items] == [first]

    @pytest.mark.parametrize("cursor", ["", "x", "ÿ", "MjAyNi0wMS0wMVQwMDowMDowMCBhYmM=", "////"])
    def test_a_cursor_that_no_page_gave_is_refused(self, ledger: Ledger, cursor: str) -> None:
        with pytest.raises(InvalidInput, match="cursor: got"):
            ledger.searches(cursor=cursor)

    def test_searches_are_found_by_state_name_and_tag(self, ledger: Ledger) -> None:
        plain = submit(ledger, spec={**SPEC, "tags": {}}).id
        named = submit(ledger, name="other", spec={**SPEC, "tags": {"team": "text", "odd key=\"'": "1"}}).id
        running = search_in(ledger, SearchState.RUNNING).search

        def found(**filters: object) -> set[str]:
            return {search.id for search in ledger.searches(**filters).items}  # type: ignore[arg-type]

        assert found() == {plain, named, running}
        assert found(state=SearchState.RUNNING) == {running}
        assert found(name="other") == {named}
        assert found(name="othe") == set()
        assert found(tag="team") == {named, running}
        assert found(tag="team=text") == {named}
        assert found(tag="team=tex") == set()
        assert found(state=SearchState.QUEUED, tag="team") == {named}

    def test_the_active_searches_are_those_that_have_not_ended_the_oldest_first(self, ledger: Ledger) -> None:
        expected = []
        for state in SearchState:
            search = search_in(ledger, state).search
            expected += [] if state.is_terminal else [search]
        assert [search.id for search in ledger.active()] == expected
        assert len(expected) == 3

    def test_trials_come_by_number_and_in_pages(self, ledger: Ledger) -> None:
        story = begun(ledger)
        for state in (TrialState.PENDING, TrialState.STOPPED, TrialState.PENDING, TrialState.STOPPED):
            story.trial_in(state)

        def numbers(**filters: object) -> list[int]:
            return [trial.number for trial in ledger.trials(story.search, **filters)]  # type: ignore[arg-type]

        assert numbers() == [1, 2, 3, 4]
        assert numbers(limit=2) == [1, 2]
        assert numbers(limit=2, after=2) == [3, 4]
        assert numbers(state=TrialState.STOPPED) == [2, 4]
        assert numbers(after=4) == []

    def test_events_come_from_behind_a_sequence(self, ledger: Ledger) -> None:
        story = begun(ledger)
        story.running()
        seqs = [event.seq for event in ledger.events(story.search)]

        assert seqs == list(range(1, len(seqs) + 1))
        assert [event.seq for event in ledger.events(story.search, after=2, limit=2)] == [3, 4]
        assert ledger.events(story.search, after=seqs[-1]) == []

    def test_what_was_read_does_not_change_afterwards(self, ledger: Ledger) -> None:
        config = {"lr": 0.1, "layers": [1, 2]}
        story = begun(ledger)
        number = story.propose(config)
        before = story.trial(number)
        config["layers"].append(3)  # type: ignore[attr-defined]
        with story.writing() as writer:
            writer.begin_attempt(story.search, number, 0)

        assert before.state is TrialState.PENDING
        assert before.config == {"lr": 0.1, "layers": [1, 2]}
        assert story.trial(number).config == before.config

    def test_searches_do_not_see_each_others_trials(self, ledger: Ledger) -> None:
        one, other = begun(ledger), begun(ledger)
        one.report(one.running(), 1, 0.5)
        other.report(other.running(), 1, 0.1)

        assert [trial.value for trial in ledger.trials(one.search)] == [0.5]
        assert [report.value for report in ledger.reports(one.search)] == [0.5]
        best = ledger.best(one.search)
        assert best is not None
        assert best.value == 0.5
        assert all(event.search == one.search for event in ledger.events(one.search))
