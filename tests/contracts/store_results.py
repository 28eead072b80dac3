"""What attempts bring into a ledger: reports, values, checkpoints, and the history a Study is replayed from."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta, timezone

import pytest

from service.errors import AlreadyReported, Conflict, IllegalTransition, NotFound
from service.states import SearchState, TrialState
from service.store import EventKind, Ledger
from tests.contracts.story import NOW, begun, spec_of


class ResultsContract:
    def test_a_report_is_kept_with_its_event(self, ledger: Ledger) -> None:
        story = begun(ledger)
        number = story.running()
        story.report(number, 1, 0.5, metrics={"loss": 0.5, "accuracy": 0.9}, actions=[{"kind": "continue"}])

        (report,) = ledger.reports(story.search, number)
        assert (report.epoch, report.attempt, report.value, report.seen) == (1, 1, 0.5, True)
        assert report.metrics == {"loss": 0.5, "accuracy": 0.9}
        assert (report.gang, report.pids) == ("gang-1", (11, 12))
        assert (report.started_at, report.ended_at) == (NOW, NOW)
        event = ledger.events(story.search)[-1]
        assert (event.kind, event.trial, event.attempt) == (EventKind.REPORT, number, 1)
        assert event.data == {
            "epoch": 1,
            "value": 0.5,
            "metrics": {"loss": 0.5, "accuracy": 0.9},
            "gang": "gang-1",
            "fact": {"fact": "reported", "trial": number, "epoch": 1},
            "actions": [{"kind": "continue"}],
        }

    def test_a_report_keeps_what_its_epoch_cost_if_that_was_measured(self, ledger: Ledger) -> None:
        story = begun(ledger)
        number = story.running()
        story.report(number, 1, 0.5)
        story.report(number, 2, 0.4, resources={"samples_per_s": 900.5, "rss_bytes": 2.0**33})

        assert [report.resources for report in ledger.reports(story.search, number)] == [
            None,
            {"samples_per_s": 900.5, "rss_bytes": 2.0**33},
        ]

    def test_an_attempt_learns_its_gang_from_its_first_report(self, ledger: Ledger) -> None:
        story = begun(ledger)
        number = story.running()
        story.report(number, 1, 0.5, gang="gang-7", pids=(3, 4))

        (attempt,) = ledger.attempts(story.search, number)
        assert (attempt.gang, attempt.pids) == ("gang-7", (3, 4))

    def test_times_come_back_in_utc_whatever_zone_they_were_in(self, ledger: Ledger) -> None:
        story = begun(ledger)
        number = story.running()
        there = NOW.astimezone(timezone(timedelta(hours=-7)))
        story.report(number, 1, 0.5, started_at=there, ended_at=there)

        (report,) = ledger.reports(story.search)
        assert report.started_at == NOW
        assert report.started_at.tzinfo is UTC

    def test_a_time_without_a_zone_is_refused(self, ledger: Ledger) -> None:
        story = begun(ledger)
        number = story.running()
        with pytest.raises(Exception, match="must be aware"):
            story.report(number, 1, 0.5, started_at=datetime(2026, 1, 1))  # noqa: DTZ001 - the fault under test
        assert ledger.reports(story.search) == []

    @pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, None])
    def test_what_is_not_finite_is_kept_as_none_and_is_never_the_best(
        self, ledger: Ledger, value: float | None
    ) -> None:
        story = begun(ledger)
        number = story.running()
        story.report(number, 1, value, metrics={"loss": value, "accuracy": 0.9}, fact={"value": value})

        (report,) = ledger.reports(story.search)
        assert (report.value, report.metrics) == (None, {"loss": None, "accuracy": 0.9})
        assert ledger.events(story.search)[-1].data["fact"] == {"value": None}
        trial = story.trial(number)
        assert (trial.epoch, trial.value, trial.best_epoch) == (1, None, None)
        assert ledger.best(story.search) is None

    @pytest.mark.parametrize(
        ("mode", "scope", "value", "epoch"),
        [("min", "best", 0.1, 2), ("max", "best", 0.5, 1), ("min", "last", 0.3, 4), ("max", "last", 0.3, 4)],
    )
    def test_a_trial_counts_by_the_mode_and_scope_of_the_objective(
        self, ledger: Ledger, mode: str, scope: str, value: float, epoch: int
    ) -> None:
        story = begun(ledger, spec=spec_of(mode=mode, scope=scope))
        number = story.running()
        for at, reported in enumerate([0.5, 0.1, math.nan, 0.3], start=1):
            story.report(number, at, reported)

        trial = story.trial(number)
        assert (trial.value, trial.best_epoch, trial.epoch) == (value, epoch, 4)

    def test_with_scope_last_a_trial_that_diverged_has_no_value(self, ledger: Ledger) -> None:
        story = begun(ledger, spec=spec_of(scope="last"))
        number = story.running()
        story.report(number, 1, 0.5)
        story.report(number, 2, math.nan)

        trial = story.trial(number)
        assert (trial.value, trial.best_epoch, trial.epoch) == (None, None, 2)

    def test_an_equal_value_does_not_move_the_best_epoch(self, ledger: Ledger) -> None:
        story = begun(ledger)
        number = story.running()
        for epoch in (1, 2):
            story.report(number, epoch, 0.5)
        assert story.trial(number).best_epoch == 1

    def test_the_same_epoch_of_an_attempt_is_reported_once(self, ledger: Ledger) -> None:
        story = begun(ledger)
        number = story.running()
        story.report(number, 1, 0.5)
        before = (story.read(), story.trial(number))
        for told in (True, False):
            with pytest.raises(AlreadyReported, match="epoch 1 of attempt 1"):
                story.report(number, 1, 0.1, told=told)
        assert (story.read(), story.trial(number)) == before

    def test_a_repeated_epoch_is_kept_unseen_and_changes_nothing(self, ledger: Ledger) -> None:
        story = begun(ledger)
        number = story.running()
        for epoch, value in ((1, 0.5), (2, 0.4), (3, 0.3)):
            story.report(number, epoch, value)
        story.next_attempt(number, start_epoch=1)
        story.report(number, 2, 0.01, attempt=2, told=False)

        trial = story.trial(number)
        assert (trial.epoch, trial.value, trial.best_epoch) == (3, 0.3, 3)
        seen = {(report.attempt, report.epoch): report.seen for report in ledger.reports(story.search, number)}
        assert seen == {(1, 1): True, (1, 2): True, (2, 2): False, (1, 3): True}
        assert ledger.events(story.search)[-1].data["fact"] is None
        assert ledger.events(story.search)[-1].data["actions"] is None

    def test_the_study_is_never_told_of_an_epoch_twice(self, ledger: Ledger) -> None:
        story = begun(ledger)
        number = story.running()
        story.report(number, 1, 0.5)
        story.next_attempt(number)
        with pytest.raises(AlreadyReported, match="told to the Study once"):
            story.report(number, 1, 0.4, attempt=2)

    def test_an_attempt_that_was_replaced_reports_no_more(self, ledger: Ledger) -> None:
        story = begun(ledger)
        number = story.running()
        story.next_attempt(number)
        with pytest.raises(IllegalTransition, match="report of attempt 1"):
            story.report(number, 1, 0.5, attempt=1)
        assert ledger.reports(story.search) == []

    @pytest.mark.parametrize("state", [state for state in TrialState if state is not TrialState.RUNNING])
    def test_only_a_running_trial_reports(self, ledger: Ledger, state: TrialState) -> None:
        story = begun(ledger)
        number = story.trial_in(state)
        with pytest.raises(IllegalTransition, match=f"it is {state}"):
            story.report(number, 1, 0.5)

    def test_a_trial_that_was_moved_on_reports_no_more_although_its_attempt_is_open(self, ledger: Ledger) -> None:
        story = begun(ledger)
        number = story.running()
        with story.writing() as writer:
            writer.move_trial(story.search, number, TrialState.STOPPED, "rung 1")
        with pytest.raises(IllegalTransition, match="it is stopped"):
            story.report(number, 1, 0.5)

    def test_report_verdict_and_move_commit_together(self, ledger: Ledger) -> None:
        story = begun(ledger)
        number = story.running()

        def write() -> None:
            with story.writing() as writer:
                story.report_in(writer, number, 1, 0.5, actions=[{"kind": "stop"}])
                writer.move_trial(story.search, number, TrialState.STOPPED, "rung 1")
                raise RuntimeError("in the middle")

        with pytest.raises(RuntimeError, match="in the middle"):
            write()
        assert ledger.reports(story.search) == []
        assert story.trial(number).state is TrialState.RUNNING
        assert story.trial(number).epoch == 0

    def test_the_best_trial_is_the_first_of_those_with_the_best_value(self, ledger: Ledger) -> None:
        for mode, best in (("min", 2), ("max", 4)):
            story = begun(ledger, spec=spec_of(mode=mode))
            for value in (0.5, 0.1, 0.1, 0.9, None):
                story.report(story.running(), 1, value)
            found = ledger.best(story.search)
            assert found is not None
            assert found.number == best

    def test_there_is_no_best_before_a_value(self, ledger: Ledger) -> None:
        story = begun(ledger)
        story.running()
        assert ledger.best(story.search) is None
        assert ledger.best_checkpoint(story.search) is None

    def test_a_checkpoint_is_committed_once_and_forgotten_once(self, ledger: Ledger) -> None:
        story = begun(ledger)
        number = story.running()
        story.checkpoint(number, 1)
        with pytest.raises(Conflict, match="epoch 1"):
            story.checkpoint(number, 1)
        (checkpoint,) = ledger.checkpoints(story.search)
        assert (checkpoint.trial, checkpoint.attempt, checkpoint.epoch, checkpoint.bytes) == (number, 1, 1, 10)
        assert checkpoint.deleted_at is None

        with story.writing() as writer:
            writer.forget_checkpoint(story.search, number, 1, 1)
        assert ledger.checkpoints(story.search) == []
        with pytest.raises(NotFound, match="epoch 1"), story.writing() as writer:
            writer.forget_checkpoint(story.search, number, 1, 1)
        assert story.kinds()[-2:] == [EventKind.CHECKPOINT_COMMITTED, EventKind.CHECKPOINT_DELETED]

    def test_a_checkpoint_may_hold_more_bytes_than_32_bits_count(self, ledger: Ledger) -> None:
        story = begun(ledger)
        number = story.running()
        with story.writing() as writer:
            writer.checkpoint(story.search, number, 1, 1, path="p", bytes=2**40, manifest_sha256="0" * 64)
        assert ledger.checkpoints(story.search)[0].bytes == 2**40

    def test_a_checkpoint_may_follow_the_end_of_its_attempt(self, ledger: Ledger) -> None:
        story = begun(ledger)
        number = story.trial_in(TrialState.PAUSED)
        story.checkpoint(number, 1)
        assert len(ledger.checkpoints(story.search, number)) == 1

    def test_a_writer_sees_its_own_checkpoints_and_best_epoch_before_they_are_committed(self, ledger: Ledger) -> None:
        story = begun(ledger)
        number = story.running()
        with story.writing() as writer:
            assert writer.best_epoch(story.search, number) is None
            story.report_in(writer, number, 1, 0.5)
            writer.checkpoint(story.search, number, 1, 1, path="p", bytes=1, manifest_sha256="0" * 64)
            assert writer.best_epoch(story.search, number) == 1
            assert [checkpoint.epoch for checkpoint in writer.checkpoints(story.search, number)] == [1]

    def test_the_best_checkpoint_is_of_the_newest_attempt_at_the_epoch_that_counts(self, ledger: Ledger) -> None:
        story = begun(ledger)
        number = story.running()
        for epoch, value in ((1, 0.5), (2, 0.1), (3, 0.4)):
            story.report(number, epoch, value)
            story.checkpoint(number, epoch)
        story.next_attempt(number, start_epoch=1)
        story.report(number, 2, 0.2, attempt=2, told=False)
        story.checkpoint(number, 2, attempt=2)

        found = ledger.best_checkpoint(story.search)
        assert found is not None
        trial, checkpoint = found
        assert (trial.number, checkpoint.attempt, checkpoint.epoch) == (number, 2, 2)

        with story.writing() as writer:
            writer.forget_checkpoint(story.search, number, 2, 2)
        found = ledger.best_checkpoint(story.search)
        assert found is not None
        assert (found[1].attempt, found[1].epoch) == (1, 2)

    def test_with_scope_last_the_best_checkpoint_is_of_the_last_epoch(self, ledger: Ledger) -> None:
        story = begun(ledger, spec=spec_of(scope="last"))
        number = story.running()
        for epoch, value in ((1, 0.1), (2, 0.4)):
            story.report(number, epoch, value)
            story.checkpoint(number, epoch)
        found = ledger.best_checkpoint(story.search)
        assert found is not None
        assert found[1].epoch == 2

    def test_history_gives_back_proposals_and_facts_in_their_order_and_nothing_else(self, ledger: Ledger) -> None:
        story = begun(ledger)
        with story.writing() as writer:
            writer.decide(story.search, None, {"fact": "enqueued"}, [])
        number = story.running()
        story.report(number, 1, 0.5, actions=[{"kind": "pause"}, {"kind": "promote"}])
        story.next_attempt(number)
        story.report(number, 1, 0.4, attempt=2, told=False)
        with story.writing() as writer:
            writer.end_attempt(story.search, number, "paused", "why")
            writer.move_trial(story.search, number, TrialState.PAUSED, "why")
            writer.resume(story.search, number, {"epochs": 9}, "promoted")
            writer.event(story.search, EventKind.WARNING, {"message": "no"})
            writer.decide(story.search, number, {"fact": "failed"}, [{"kind": "stop"}])
        story.move(SearchState.COMPLETED)

        steps = [(step.kind, dict(step.data), list(step.actions), step.trial) for step in ledger.history(story.search)]
        assert steps == [
            ("fact", {"fact": "enqueued"}, [], None),
            ("proposal", {"n": 1}, [], number),
            ("fact", {"fact": "reported", "trial": 1, "epoch": 1}, [{"kind": "pause"}, {"kind": "promote"}], number),
            ("proposal", {"epochs": 9}, [], number),
            ("fact", {"fact": "failed"}, [{"kind": "stop"}], number),
        ]
        seqs = [step.seq for step in ledger.history(story.search)]
        assert seqs == sorted(seqs)
