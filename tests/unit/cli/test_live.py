"""The picture of a search: what a person must be able to read off it, at any width and in any state."""

from __future__ import annotations

import io
from datetime import UTC, datetime

import pytest
from rich.console import Console

from service.cli.console import cell, duration
from service.cli.live import DECISIONS, dashboard, event_line, last_decisions
from service.schemas import EventView, SearchView
from service.states import SearchState
from tests.unit.client.double import event, view

NOW = datetime(2026, 11, 21, 10, 3, 5, tzinfo=UTC)


def _draw(search: SearchView, events: list[EventView] | None = None, width: int = 100) -> str:
    paper = io.StringIO()
    Console(file=paper, width=width).print(dashboard(search, last_decisions(events or []), NOW))
    return paper.getvalue()


def _stop(seq: int, trial: int) -> EventView:
    action = {"trial": trial, "kind": "stop", "reason": f"rung 1 (epoch 3): loss 0.4 vs cutoff 0.3, rank {trial} of 12"}
    data = {"epoch": 3, "value": 0.4, "metrics": {}, "fact": {}, "actions": [action]}
    return EventView.model_validate(event(seq, "report", data, trial))


def test_the_picture_says_what_runs_how_far_it_is_and_what_is_best() -> None:
    text = _draw(SearchView.model_validate(view()), [_stop(1, 9)])
    for told in (
        "digits-asha",
        "● running",
        "asha on digits_mlp",
        "3 min 05 s",
        "about 1 min 15 s left",
        "7 of 16 trials ended",
        "2 completed",
        "5 stopped",
        "9 epochs",
        "loss 0.123457",
        "trial 4, epoch 8",
        "lr=0.00316 optimizer=adam",
        "rank 9 of 12",
    ):
        assert told in text


def test_only_the_last_decisions_are_shown() -> None:
    text = _draw(SearchView.model_validate(view()), [_stop(n, n) for n in range(1, 30)])
    assert text.count("rung 1 (epoch 3)") == DECISIONS
    assert "rank 29 of 12" in text
    assert "rank 21 of 12" not in text


@pytest.mark.parametrize("state", list(SearchState))
@pytest.mark.parametrize("width", [40, 100])
def test_every_state_can_be_drawn_before_anything_has_happened(state: SearchState, width: int) -> None:
    bare = view(state=state, trials={}, trials_total=None, best=None, rungs={}, started_at=None, seconds_left=None)
    text = _draw(SearchView.model_validate(bare), width=width)
    assert f"● {state}" in text
    assert "no trial yet" in text
    assert all(len(line) <= width for line in text.splitlines())


def test_reaching_no_rung_yet_draws_no_bar() -> None:
    assert "0" in _draw(SearchView.model_validate(view(rungs={"1": 0, "3": 0})))


def test_events_that_say_nothing_to_a_person_have_no_line() -> None:
    assert event_line(EventView.model_validate(event(1, "checkpoint.committed", {"epoch": 1, "bytes": 2}))) is None


@pytest.mark.parametrize(
    ("kind", "data", "line"),
    [
        ("search.intent", {"from": "run", "to": "stop"}, "asked to stop"),
        ("search.waits", {"reason": "no slot is free"}, "search waits: no slot is free"),
        ("search.allowance", {"from": 1, "to": 3}, "slots 3"),
        ("trial.proposed", {"config": {"lr": 0.1}, "origin": {}, "proposal": {}}, "trial 7 proposed lr=0.1"),
        ("trial.resumed", {"reason": "promoted", "proposal": {}}, "trial 7 resumed: promoted"),
        ("report", {"epoch": 2, "value": None, "actions": None}, "trial 7 epoch 2 value not finite"),
        ("attempt.ended", {"outcome": "lost", "reason": "killed"}, "trial 7 attempt None lost: killed"),
        ("warning", {"message": "slow disk"}, "warning: slow disk"),
    ],
)
def test_each_event_is_one_line(kind: str, data: dict[str, object], line: str) -> None:
    told = event_line(EventView.model_validate(event(1, kind, data, trial=7)))
    assert told is not None
    assert told.partition(" ")[2] == line


@pytest.mark.parametrize(("seconds", "text"), [(8, "8 s"), (185, "3 min 05 s"), (7640, "2 h 07 min")])
def test_durations_read_well(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_cells_show_six_digits_and_no_none() -> None:
    assert cell(0.123456789) == "0.123457"
    assert cell(None) == ""
    assert cell({"a": 1, "b": None}) == "a=1 b="
