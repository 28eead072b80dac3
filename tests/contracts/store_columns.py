"""The wide reads that figures and tables are made of."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from service.errors import NotFound
from service.states import TrialState
from service.store import Ledger
from tests.contracts.story import NOW, begun, spec_of

JUDGED = {"kind": "stop", "reason": "rung 0", "rung": 0, "value": 0.9, "cutoff": 0.5, "rank": 2, "of": 3}


def moment(second: int) -> dict[str, Any]:
    return {"started_at": NOW, "ended_at": NOW + timedelta(seconds=second)}


class ColumnsContract:
    def test_every_trial_is_a_row_in_the_order_of_numbers(self, ledger: Ledger) -> None:
        story = begun(ledger)
        first, second = story.running(), story.propose({"lr": 0.15})
        story.report(first, 1, 0.5)
        rows = ledger.trial_rows(story.search)
        assert [(row.number, row.state, row.value, dict(row.config)) for row in rows] == [
            (first, TrialState.RUNNING, 0.5, {"lr": 0.1}),
            (second, TrialState.PENDING, None, {"lr": 0.15}),
        ]

    def test_curves_are_of_the_trials_asked_for_and_without_repeats(self, ledger: Ledger) -> None:
        story = begun(ledger)
        one, other = story.running(), story.running()
        story.report(one, 1, 0.5)
        story.next_attempt(one)
        story.report(one, 1, 0.7, attempt=2, told=False)
        story.report(one, 2, None, attempt=2)
        story.report(other, 1, 0.1)
        assert ledger.curves(story.search, [one]) == [(one, 1, 0.5), (one, 2, None)]

    @pytest.mark.parametrize(("mode", "values"), [("min", (0.9, 0.7, 0.8, 0.6)), ("max", (0.1, 0.3, 0.2, 0.4))])
    def test_milestones_are_records_and_what_trials_count_by_with_the_epochs_spent(
        self, ledger: Ledger, mode: str, values: tuple[float, ...]
    ) -> None:
        story = begun(ledger, spec=spec_of(mode=mode))
        one, other = story.running(), story.running()
        # In the order of time: a record, a record, no record but what the other counts by so far, a record
        story.report(one, 1, values[0], **moment(1))
        story.report(one, 2, values[1], **moment(2))
        story.report(other, 1, values[2], **moment(3))
        story.report(one, 3, values[3], **moment(4))
        found = ledger.milestones(story.search)
        assert [(m.spent, m.trial, m.epoch, m.value) for m in found] == [
            (1, one, 1, values[0]),
            (2, one, 2, values[1]),
            (3, other, 1, values[2]),
            (4, one, 3, values[3]),
        ]
        assert found[0].ended_at == NOW + timedelta(seconds=1)
        coarse = ledger.bests(story.search)
        assert [(m.spent, m.trial, m.epoch) for m in coarse] == [(None, other, 1), (None, one, 3)]

    def test_spans_are_attempts_the_latest_begun_first_and_at_most_so_many(self, ledger: Ledger) -> None:
        story = begun(ledger)
        first = story.running()
        story.next_attempt(first)
        second = story.running()
        spans = ledger.spans(story.search, 2)
        assert [(span.trial, span.number, span.outcome) for span in spans] == [(second, 1, None), (first, 2, None)]

    def test_a_verdict_at_a_rung_has_a_row_and_another_has_none(self, ledger: Ledger) -> None:
        story = begun(ledger)
        number = story.running()
        story.report(number, 1, 0.9, actions=[JUDGED | {"trial": number}, {"trial": number, "kind": "continue"}])
        with story.writing() as writer:
            writer.decide(story.search, number, {"fact": "failed"}, [JUDGED | {"trial": number, "kind": "promote"}])
        rows = ledger.verdicts(story.search)
        assert [(row.trial, row.epoch, row.kind, row.rung) for row in rows] == [
            (number, 1, "stop", 0),
            (number, None, "promote", 0),
        ]
        assert (rows[0].value, rows[0].cutoff, rows[0].rank, rows[0].among) == (0.9, 0.5, 2, 3)
        assert ledger.verdicts(story.search, number + 1) == []
        assert ledger.rungs(story.search) == {1: 1}

    def test_a_search_that_does_not_exist_is_told_apart_from_one_without_rows(self, ledger: Ledger) -> None:
        assert ledger.trial_rows(begun(ledger).search) == []
        for read in (ledger.trial_rows, ledger.milestones, ledger.bests, ledger.verdicts):
            with pytest.raises(NotFound):
                read("nothing")
