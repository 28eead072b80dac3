"""A search in the client's hands: waiting, tables, events without a gap, and a checkpoint that is whole or absent."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.client import ApiError, BrokenDownload, Client, Search, Unreachable
from tests.unit.client.double import (
    PARTED,
    TOKEN,
    FakeService,
    best,
    checkpoint_tar,
    ended,
    event,
    problem,
    trial,
    view,
)

FILES = {"model.safetensors": b"weights" * 100, "state.json": b"{}"}


@pytest.fixture
def search(client: Client) -> Search:
    return client.search("k3abcdefghij")


def test_waiting_returns_the_end_even_a_bad_one(search: Search, service: FakeService) -> None:
    service.views = [view(), view(), view(state="failed", reason="6 trials failed")]
    assert search.wait(poll_s=0.01).reason == "6 trials failed"


def test_waiting_stops_at_its_timeout_and_says_so(search: Search) -> None:
    with pytest.raises(TimeoutError, match=r"k3abcdefghij: got running after 0\.05 s, must have ended"):
        search.wait(0.05, poll_s=0.01)


def test_there_is_no_best_before_the_first_value(search: Search, service: FakeService) -> None:
    service.best = None
    service.views = [view(best=None)]
    assert search.best() is None


def test_a_search_that_is_gone_is_not_mistaken_for_one_without_a_best(search: Search, service: FakeService) -> None:
    service.refusal = problem(404, "Not found", "no search")
    with pytest.raises(ApiError, match="no search"):
        search.best()


def test_an_audit_says_where_the_record_and_what_is_decided_now_part(search: Search, service: FakeService) -> None:
    assert search.audit().difference is None
    service.audit = PARTED
    found = search.audit().difference
    assert found is not None
    assert (found.seq, found.trial, found.now) == (33, 4, "stop trial 4: rung 0")


def test_an_audit_may_take_its_time(search: Search, service: FakeService) -> None:
    search.audit(timeout_s=77.0)
    search.best()
    timeouts = [request.extensions["timeout"]["read"] for request in service.requests[-2:]]
    assert timeouts[0] == 77.0
    assert timeouts[1] < 77.0


def test_trials_are_a_table_over_all_pages_with_a_column_for_each_parameter(
    search: Search, service: FakeService
) -> None:
    service.trials[1] = trial(2, state="stopped", config={"momentum": 0.9})
    frame = search.trials()
    assert list(frame["number"]) == [1, 2, 3]
    assert list(frame["state"]) == ["completed", "stopped", "completed"]
    assert list(frame.columns[7:9]) == ["config.lr", "config.momentum"]
    assert frame["config.momentum"].isna().tolist() == [True, False, True]
    assert str(frame["started_at"].dt.tz) == "UTC"


def test_a_search_without_trials_is_an_empty_table_with_its_columns(search: Search, service: FakeService) -> None:
    service.trials = []
    frame = search.trials()
    assert len(frame) == 0
    assert {"number", "state", "value", "ended_at"} <= set(frame.columns)


def test_reports_are_a_table_with_a_column_for_each_metric(search: Search) -> None:
    reports = search.reports()
    assert reports["metrics.loss"].tolist() == [1.0, 0.5]
    assert reports["resources.samples_per_s"].isna().tolist() == [True, False]


@given(cuts=st.lists(st.integers(0, 9), max_size=5), repeat=st.booleans())
def test_events_come_once_and_in_order_however_often_the_stream_breaks(cuts: list[int], repeat: bool) -> None:
    log = [event(seq, "search.allowance", {"from": 1, "to": 2}) for seq in range(1, 10)] + [ended(10)]
    bounds = [0, *sorted(cuts), 10]
    service = FakeService(streams=[log[start:stop] for start, stop in pairwise(bounds)])
    with Client("http://rung.test", TOKEN, retry_s=60, transport=service.transport()) as client:
        search = client.search("k3abcdefghij")
        service.failures = [httpx2.ReadError("reset")] if repeat else []
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("service.client.http.time.sleep", lambda _: None)
            assert [one.seq for one in search.events()] == list(range(1, 11))
    asked = [int(request.headers["Last-Event-ID"]) for request in service.sent("GET", "/events")]
    assert asked == sorted(asked)


def test_events_of_an_ended_search_that_were_all_seen_end_at_once(search: Search, service: FakeService) -> None:
    service.views = [view(state="completed")]
    assert list(search.events(after=10)) == []


def test_events_give_up_on_a_service_that_stays_away(service: FakeService) -> None:
    with Client("http://rung.test", TOKEN, retry_s=0.2, transport=service.transport()) as client:
        search = client.search("k3abcdefghij")
        service.failures = [httpx2.ConnectError("refused") for _ in range(100)]
        with pytest.raises(Unreachable):
            list(search.events())


def test_a_checkpoint_arrives_whole(search: Search, service: FakeService, tmp_path: Path) -> None:
    service.tar = checkpoint_tar(FILES)
    folder = search.download_best(tmp_path / "new" / "best")
    assert (folder / "model.safetensors").read_bytes() == FILES["model.safetensors"]
    assert sorted(path.name for path in folder.parent.iterdir()) == ["best"]


@pytest.mark.parametrize(
    ("tar", "told"),
    [
        (checkpoint_tar(FILES)[:900], "damaged"),
        (checkpoint_tar(FILES).replace(b"weights", b"wEights", 1), "model.safetensors: got SHA-256"),
        (checkpoint_tar({}, manifest={"files": {"state.json": {"sha256": ""}}}), "state.json: got nothing"),
        (checkpoint_tar({"../evil": b"x"}), "damaged"),
    ],
    ids=["cut", "flipped", "missing", "escaping"],
)
def test_a_damaged_checkpoint_leaves_nothing(
    search: Search, service: FakeService, tmp_path: Path, tar: bytes, told: str
) -> None:
    service.tar = tar
    with pytest.raises(BrokenDownload, match=told):
        search.download_best(tmp_path / "best")
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_download_never_mixes_with_what_is_there(search: Search, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").touch()
    with pytest.raises(ValueError, match="holds something"):
        search.download_best(tmp_path)


def test_a_search_shows_itself_and_escapes_what_people_wrote(search: Search) -> None:
    assert repr(search) == (
        "<Search k3abcdefghij digits-asha running: 7 of 16 trials ended, best loss 0.123457 (trial 4, epoch 8)>"
    )
    search.view = search.view.model_copy(update={"reason": "<script>", "best": None})
    assert "&lt;script&gt;" in search._repr_html_()
    assert "none yet" in search._repr_html_()


def test_stop_and_cancel_ask_and_show_the_new_intent(search: Search) -> None:
    assert search.stop().view.intent == "stop"
    assert search.cancel().view.intent == "cancel"


def test_best_carries_its_configuration(search: Search) -> None:
    found = search.best()
    assert found is not None
    assert found.config == best()["config"]


def test_a_figure_is_plotlys_own_and_asked_for_with_its_options(search: Search, service: FakeService) -> None:
    figure = search.figure("history", x="time", parameters=["lr", "hidden"])
    assert figure.layout.title.text == "Best"
    assert list(figure.data[0].y) == [0.5, 0.25]
    asked = service.sent("GET", "figures/history")[0].url.params
    assert (asked["x"], asked.get_list("parameter")) == ("time", ["lr", "hidden"])


def test_a_report_is_written_where_one_wants_it(search: Search, service: FakeService, tmp_path: Path) -> None:
    written = search.report(tmp_path / "report.html", theme="dark")
    assert written.read_text() == "<!doctype html>"
    assert service.sent("GET", "/report")[0].url.params["theme"] == "dark"
