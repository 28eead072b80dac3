"""How trials and their attempts move in a ledger."""

from __future__ import annotations

from functools import partial

import pytest

from service.errors import Conflict, IllegalTransition, NotFound
from service.states import TRIAL_EDGES, SearchState, TrialState
from service.store import EventKind, Ledger
from tests.contracts.story import Story, begun, search_in, succeeds


class TrialsContract:
    def test_a_proposed_trial_waits_with_its_configuration(self, ledger: Ledger) -> None:
        story = begun(ledger)
        number = story.propose({"zeta": 1, "alpha": 0.1})

        trial = story.trial(number)
        assert list(trial.config.items()) == [("zeta", 1), ("alpha", 0.1)]
        assert (trial.state, trial.origin) == (TrialState.PENDING, {"kind": "random"})
        assert (trial.attempts, trial.epoch, trial.value, trial.best_epoch) == (0, 0, None, None)
        event = ledger.events(story.search)[-1]
        assert (event.kind, event.trial) == (EventKind.TRIAL_PROPOSED, number)
        assert event.data == {"proposal": {"n": 1}, "config": dict(trial.config), "origin": {"kind": "random"}}

    def test_a_number_is_proposed_once(self, ledger: Ledger) -> None:
        story = begun(ledger)
        story.propose()
        with pytest.raises(Conflict, match="trial 1"), story.writing() as writer:
            writer.propose(story.search, 1, {"lr": 0.9}, {}, {})
        assert story.trial(1).config == {"lr": 0.1}

    @pytest.mark.parametrize("state", [state for state in SearchState if state.is_terminal])
    def test_a_search_that_has_ended_takes_no_trial_and_no_attempt(self, ledger: Ledger, state: SearchState) -> None:
        story = begun(ledger)
        number = story.propose()
        story.move(state)

        with pytest.raises(IllegalTransition, match=f"got state {state}"):
            story.propose()
        with pytest.raises(IllegalTransition, match=f"got state {state}"), story.writing() as writer:
            writer.begin_attempt(story.search, number, 0)

    def test_a_trial_moves_along_the_edges_of_the_diagram_and_no_others(self, ledger: Ledger) -> None:
        story = begun(ledger)
        went = set()
        for origin in TrialState:
            for to in TrialState:
                number = story.trial_in(origin)
                before = story.trial(number)
                if succeeds(partial(_drive, story, number, to), IllegalTransition):
                    went.add((origin, to))
                    assert story.trial(number).state is to
                else:
                    assert story.trial(number) == before
        assert went == {(origin, to) for origin, targets in TRIAL_EDGES.items() for to in targets}

    def test_only_an_attempt_makes_a_trial_run(self, ledger: Ledger) -> None:
        story = begun(ledger)
        number = story.propose()
        with pytest.raises(ValueError, match="begin_attempt"), story.writing() as writer:
            writer.move_trial(story.search, number, TrialState.RUNNING, "why")

    def test_a_stop_without_a_reason_cannot_be_written(self, ledger: Ledger) -> None:
        story = begun(ledger)
        number = story.running()
        with pytest.raises(ValueError, match="reason"), story.writing() as writer:
            writer.move_trial(story.search, number, TrialState.STOPPED, "")
        assert story.trial(number).state is TrialState.RUNNING

    def test_a_stopped_trial_says_why(self, ledger: Ledger) -> None:
        story = begun(ledger)
        number = story.running()
        reason = "rung 1 (epoch 3): loss 0.412 vs cutoff 0.337, rank 9 of 12, kept 4"
        with story.writing() as writer:
            writer.end_attempt(story.search, number, "stopped", reason)
            writer.move_trial(story.search, number, TrialState.STOPPED, reason)

        trial = story.trial(number)
        assert (trial.state, trial.state_reason) == (TrialState.STOPPED, reason)
        assert trial.ended_at is not None
        assert ledger.events(story.search)[-1].data == {
            "from": "running",
            "to": "stopped",
            "reason": reason,
            "displaced": False,
        }

    def test_an_attempt_carries_the_epoch_of_the_lease(self, ledger: Ledger) -> None:
        story = begun(ledger)
        story.lease = ledger.seize_lease(story.lease.name, "runner-2", 60)
        number = story.propose()
        with story.writing() as writer:
            attempt = writer.begin_attempt(story.search, number, 7)

        assert (attempt.number, attempt.lease_epoch, attempt.start_epoch) == (1, 2, 7)
        assert (attempt.outcome, attempt.gang, attempt.pids) == (None, None, ())
        assert ledger.attempts(story.search, number) == [attempt]
        assert ledger.events(story.search)[-1].data == {"start_epoch": 7, "lease_epoch": 2}
        assert story.kinds()[-2:] == [EventKind.TRIAL_STATE, EventKind.ATTEMPT_STARTED]

    def test_a_lost_attempt_is_followed_by_the_next_number(self, ledger: Ledger) -> None:
        story = begun(ledger)
        number = story.running()
        started_at = story.trial(number).started_at
        story.next_attempt(number, start_epoch=4)

        first, second = ledger.attempts(story.search, number)
        assert (first.outcome, first.reason) == ("lost", "for the test")
        assert first.ended_at is not None
        assert (second.number, second.start_epoch, second.outcome) == (2, 4, None)
        assert story.trial(number).attempts == 2
        assert story.trial(number).started_at == started_at

    def test_two_attempts_of_one_trial_are_never_open_at_once(self, ledger: Ledger) -> None:
        story = begun(ledger)
        number = story.running()
        with story.writing() as writer:
            writer.move_trial(story.search, number, TrialState.PENDING, "why")
        with pytest.raises(IllegalTransition, match="attempt 1 still open"), story.writing() as writer:
            writer.begin_attempt(story.search, number, 0)
        assert story.trial(number).attempts == 1

    def test_an_attempt_ends_once(self, ledger: Ledger) -> None:
        story = begun(ledger)
        number = story.trial_in(TrialState.PAUSED)
        with pytest.raises(IllegalTransition, match="no open attempt"), story.writing() as writer:
            writer.end_attempt(story.search, number, "failed", "why")
        assert ledger.attempts(story.search, number)[0].outcome == "paused"

    def test_ending_an_attempt_leaves_the_state_of_the_trial(self, ledger: Ledger) -> None:
        story = begun(ledger)
        number = story.running()
        with story.writing() as writer:
            writer.end_attempt(story.search, number, "crashed", "rank 1 was killed")

        assert story.trial(number).state is TrialState.RUNNING
        event = ledger.events(story.search)[-1]
        assert (event.kind, event.trial, event.attempt) == (EventKind.ATTEMPT_ENDED, number, 1)
        assert event.data == {"outcome": "crashed", "reason": "rank 1 was killed"}

    def test_a_displaced_trial_is_told_from_one_at_a_rung(self, ledger: Ledger) -> None:
        story = begun(ledger)
        at_rung, displaced = story.running(), story.running()
        with story.writing() as writer:
            for number in (at_rung, displaced):
                writer.end_attempt(story.search, number, "paused", "why")
                writer.move_trial(story.search, number, TrialState.PAUSED, "why", displaced=number == displaced)

        assert not story.trial(at_rung).displaced
        assert story.trial(displaced).displaced

    def test_a_resumed_trial_stays_paused_and_waits_for_nothing_but_a_slot(self, ledger: Ledger) -> None:
        story = begun(ledger)
        number = story.trial_in(TrialState.PAUSED)
        with story.writing() as writer:
            writer.resume(story.search, number, {"epochs": 9}, "promoted: rank 1 of 9, kept 3")

        trial = story.trial(number)
        assert (trial.state, trial.displaced) == (TrialState.PAUSED, True)
        assert trial.state_reason == "promoted: rank 1 of 9, kept 3"
        event = ledger.events(story.search)[-1]
        assert event.kind == EventKind.TRIAL_RESUMED
        assert event.data == {"proposal": {"epochs": 9}, "reason": "promoted: rank 1 of 9, kept 3"}

        with story.writing() as writer:
            writer.begin_attempt(story.search, number, 3)
        assert not story.trial(number).displaced

    @pytest.mark.parametrize("state", [state for state in TrialState if state is not TrialState.PAUSED])
    def test_only_a_paused_trial_is_resumed(self, ledger: Ledger, state: TrialState) -> None:
        story = begun(ledger)
        number = story.trial_in(state)
        with pytest.raises(IllegalTransition, match=f"got state {state}, must be paused"), story.writing() as writer:
            writer.resume(story.search, number, {}, "why")

    def test_a_trial_that_does_not_exist_is_not_found_by_any_verb(self, ledger: Ledger) -> None:
        story = begun(ledger)
        story.propose()

        def write(verb: str, *args: object) -> None:
            with story.writing() as writer:
                getattr(writer, verb)(story.search, 2, *args)

        calls = [
            lambda: story.trial(2),
            lambda: write("move_trial", TrialState.STOPPED, "why"),
            lambda: write("resume", {}, "why"),
            lambda: write("begin_attempt", 0),
            lambda: write("end_attempt", "lost", "why"),
            lambda: write("checkpoint", 1, 1, "p", 1, "0" * 64),
            lambda: write("forget_checkpoint", 1, 1),
            lambda: story.report(2, 1, 0.5),
        ]
        assert [succeeds(call, NotFound) for call in calls] == [False] * len(calls)

    def test_counts_name_every_state(self, ledger: Ledger) -> None:
        story = begun(ledger)
        for state in (TrialState.PENDING, TrialState.STOPPED, TrialState.STOPPED):
            story.trial_in(state)

        counts = ledger.counts(story.search)
        assert set(counts) == set(TrialState)
        assert {state: n for state, n in counts.items() if n} == {TrialState.PENDING: 1, TrialState.STOPPED: 2}

    def test_a_paused_search_keeps_its_trials_movable(self, ledger: Ledger) -> None:
        story = search_in(ledger, SearchState.RUNNING)
        number = story.running()
        story.move(SearchState.PAUSED)
        with story.writing() as writer:
            writer.end_attempt(story.search, number, "paused", "a person paused the search")
            writer.move_trial(story.search, number, TrialState.PAUSED, "a person paused the search", displaced=True)
        assert story.trial(number).displaced


def _drive(story: Story, number: int, to: TrialState) -> None:
    """Moves a trial by whichever verb leads to the state; its open attempt does not stand in the way."""
    with story.writing() as writer:
        if to is TrialState.RUNNING:
            if story.ledger.attempts(story.search, number)[-1:] and story.trial(number).state is TrialState.RUNNING:
                writer.end_attempt(story.search, number, "lost", "why")
            writer.begin_attempt(story.search, number, 0)
        else:
            writer.move_trial(story.search, number, to, "why")
