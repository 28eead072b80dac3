"""Submissions survive faults without becoming two searches; refusals say which field is wrong."""

from __future__ import annotations

import json
from pathlib import Path

import httpx2
import pytest

import service.client as public
from service.client import ApiError, Client, Unreachable
from tests.unit.client.double import FakeService, problem, view


def test_the_public_names_are_these() -> None:
    names = ["ApiError", "BrokenDownload", "Client", "ClientError", "Search", "Unreachable", "space_from_tune"]
    assert public.__all__ == names


def test_a_submission_that_fails_on_the_way_is_sent_again_with_the_same_key(
    client: Client, service: FakeService
) -> None:
    service.failures = [httpx2.ReadError("reset"), problem(503, "The ledger does not answer", "busy")]
    search = client.submit({"trainable": "digits_mlp"})
    keys = [request.headers["Idempotency-Key"] for request in service.sent("POST", "/searches")]
    assert search.id == "k3abcdefghij"
    assert len(keys) == 3
    assert len(set(keys)) == 1


def test_a_replica_that_dies_under_a_request_is_borne_and_an_error_of_the_service_itself_is_not(
    client: Client, service: FakeService
) -> None:
    service.failures = [httpx2.Response(500, text="Internal Server Error")]
    assert client.submit({"trainable": "digits_mlp"}).id == "k3abcdefghij"
    service.failures = [problem(500, "Internal error", "a fault of ours")]
    with pytest.raises(ApiError, match="a fault of ours"):
        client.submit({"trainable": "digits_mlp"})


def test_two_submissions_have_two_keys(client: Client, service: FakeService) -> None:
    client.submit({"trainable": "digits_mlp"})
    client.submit({"trainable": "digits_mlp"})
    assert len({request.headers["Idempotency-Key"] for request in service.sent("POST", "/searches")}) == 2


def test_a_refused_spec_names_each_field_and_is_not_sent_again(client: Client, service: FakeService) -> None:
    faults = [{"path": "space.lr.low", "message": "got 0.5"}, {"path": "seed", "message": "got -1"}]
    service.refusal = problem(422, "The request is not valid", "two", faults)
    with pytest.raises(ApiError) as caught:
        client.submit({"trainable": "digits_mlp"})
    assert str(caught.value) == "space.lr.low: got 0.5\nseed: got -1"
    assert caught.value.status == 422
    assert len(service.requests) == 1


def test_a_submission_still_in_flight_is_asked_for_again(client: Client, service: FakeService) -> None:
    waiting = problem(409, "The request conflicts with the present state", "in flight")
    waiting.headers["Retry-After"] = "0"
    service.failures = [waiting]
    assert client.submit({"trainable": "digits_mlp"}).id == "k3abcdefghij"


def test_a_conflict_is_final(client: Client, service: FakeService) -> None:
    service.failures = [problem(409, "The state does not allow this", "ended")]
    with pytest.raises(ApiError, match="ended"):
        client.submit({"trainable": "digits_mlp"})


def test_patience_ends(service: FakeService) -> None:
    service.failures = [httpx2.ConnectError("refused") for _ in range(100)]
    with (
        Client("http://rung.test", "t", retry_s=0.3, transport=service.transport()) as impatient,
        pytest.raises(Unreachable, match=r"http://rung\.test: the service does not answer \(refused\).*rung up"),
    ):
        impatient.health()
    assert 1 < len(service.requests) < 10


def test_an_answer_that_is_no_problem_document_is_told_by_its_text(client: Client, service: FakeService) -> None:
    service.refusal = httpx2.Response(500, text="Internal Server Error")
    with pytest.raises(ApiError, match=r"\(500\): Internal Server Error"):
        client.health()


def test_searches_come_from_all_pages(client: Client, service: FakeService) -> None:
    service.views = [view(id=f"search{number}") for number in range(5)]
    assert [search.id for search in client.searches(state="running")] == [f"search{number}" for number in range(5)]
    assert [request.url.params["state"] for request in service.requests] == ["running"] * 3


def test_the_address_defaults_to_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNG_PORT", "8123")
    assert Client().url == "http://127.0.0.1:8123"


@pytest.mark.parametrize("url", ["localhost:8000", "ftp://x"])
def test_an_address_that_is_no_url_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="must begin with http"):
        Client(url)


def test_a_yaml_spec_may_write_numbers_as_json_does(client: Client, service: FakeService, tmp_path: Path) -> None:
    file = tmp_path / "spec.yaml"
    file.write_text("trainable: digits_mlp\nspace:\n  lr: {type: float, low: 1e-4, high: 1E+1}\n")
    client.submit(file)
    sent = json.loads(service.sent("POST", "/searches")[0].content)
    assert sent["space"]["lr"] == {"type": "float", "low": 0.0001, "high": 10.0}


@pytest.mark.parametrize(("name", "text"), [("a.json", "{"), ("a.yaml", "a: [1"), ("a.yaml", "- 1")])
def test_a_file_that_holds_no_spec_is_refused_by_name(client: Client, tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(ValueError, match=f"{name}: got .*, must be an object"):
        client.submit(tmp_path / name)


def test_the_token_comes_from_the_file_that_rung_up_made(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, service: FakeService
) -> None:
    monkeypatch.setenv("RUNG_HOME", str(tmp_path))
    (tmp_path / "token").write_text("rung_test\n")
    with Client("http://rung.test", transport=service.transport()) as client:
        assert client.trainables()[0].name == "digits_mlp"
