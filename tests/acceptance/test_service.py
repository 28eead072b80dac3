"""The running service as clients meet it: command line, problems over HTTP, event streams, folders of other people."""

from __future__ import annotations

import json
import os
import re
import threading

import httpx2
import pytest

from tests.support.service import finished, wait_for

QUICK = {"trainable": "digits_mlp", "algorithm": {"name": "random"}, "budget": {"trials": 4, "epochs": 2}, "seed": 11}


@pytest.fixture(scope="module")
def http(service):
    """Plain HTTP with the token, as curl would speak it."""
    headers = {"Authorization": f"Bearer {service.token}"}
    with httpx2.Client(base_url=service.url, headers=headers, timeout=30) as client:
        yield client


@pytest.fixture(scope="module")
def done(client):
    """A search that has ended."""
    search = client.submit(QUICK)
    finished(search)
    return search


def test_the_token_is_shown_once_and_kept_in_a_file_that_only_its_owner_can_read(service):
    assert (service.home / "token").stat().st_mode & 0o777 == 0o600
    again = service.cli("up")
    assert service.token not in again
    assert "already" in again


def test_nothing_but_healthz_is_answered_without_the_token(service):
    assert httpx2.get(f"{service.url}/healthz").status_code == 200
    for path in ("/readyz", "/v1/searches", "/v1/trainables", "/openapi.json", "/docs", "/nothing"):
        answer = httpx2.get(f"{service.url}{path}")
        assert (path, answer.status_code) == (path, 401)
        assert answer.headers["content-type"].startswith("application/problem+json")


def test_the_service_listens_on_loopback_only(service):
    port = int(service.environment["RUNG_PORT"])
    listening = [c for p in service.processes() for c in _listening(p)]
    assert port in {connection.laddr.port for connection in listening}
    assert {connection.laddr.ip for connection in listening} <= {"127.0.0.1", "::1", "::ffff:127.0.0.1"}


@pytest.mark.parametrize(
    ("change", "path", "says"),
    [
        ({"trainable": "digits_mpl"}, "trainable", "digits_mlp"),
        ({"algoritm": {}}, "algoritm", "algorithm"),
        (
            {"resources": {"workers": 8, "gpus_per_worker": 1}},
            "resources.gpus_per_worker",
            "asks for 8 GPUs on one node",
        ),
        ({"objective": {"metric": "f1"}}, "objective.metric", "accuracy"),
        ({"space": {"x": {"type": "float", "low": 2, "high": 1}}}, "space.x", "high"),
    ],
)
def test_a_bad_spec_is_a_problem_with_the_path_and_stores_nothing(change, path, says, http):
    before = http.get("/v1/searches").json()["items"]
    answer = http.post("/v1/searches", json={**QUICK, **change})
    assert answer.status_code == 422
    problem = answer.json()
    assert any(error["path"].startswith(path) and says in error["message"] for error in problem["errors"]), problem
    assert http.get("/v1/searches").json()["items"] == before


def test_a_body_of_twenty_megabytes_is_refused_and_the_service_goes_on(http):
    answer = http.post("/v1/searches", content=b" " * 20_000_000, headers={"Content-Type": "application/json"})
    assert answer.status_code == 413
    assert http.get("/healthz").status_code == 200


def test_the_same_idempotency_key_makes_one_search_however_many_ask_at_once(http):
    answers = []

    def submit():
        answers.append(http.post("/v1/searches", json=QUICK, headers={"Idempotency-Key": "one-and-only"}))

    threads = [threading.Thread(target=submit) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["id"] for answer in answers}) == 1
    other = http.post("/v1/searches", json=QUICK | {"seed": 1}, headers={"Idempotency-Key": "one-and-only"})
    assert other.status_code == 422
    assert http.post(f"/v1/searches/{answers[0].json()['id']}/cancel").status_code == 202


def test_events_stream_without_a_gap_over_reconnects_and_end_with_the_search(http, client):
    search = client.submit(QUICK)
    seen: list[int] = []
    # Given a client that disconnects after every few events
    for _ in range(100):
        headers = {"Last-Event-ID": str(seen[-1])} if seen else {}
        with http.stream("GET", f"/v1/searches/{search.id}/events", headers=headers, timeout=60) as stream:
            assert stream.headers["content-type"].startswith("text/event-stream")
            ids = (int(line[4:]) for line in stream.iter_lines() if line.startswith("id: "))
            for _, number in zip(range(7), ids, strict=False):
                seen.append(number)
        if client.search(search.id).view.state == "completed" and seen[-1] == _last_seq(http, search.id):
            break
    # Then it has seen every event once and in order
    assert seen == list(range(1, len(seen) + 1))


def test_open_streams_do_not_keep_other_requests_waiting(http, client, service):
    search = client.submit(QUICK | {"budget": {"trials": 4, "epochs": 40}})
    headers = {"Authorization": f"Bearer {service.token}"}
    with httpx2.Client(base_url=service.url, headers=headers, timeout=60) as others:
        streams = [others.stream("GET", f"/v1/searches/{search.id}/events") for _ in range(30)]
        for stream in streams:
            assert stream.__enter__().status_code == 200
        assert http.get(f"/v1/searches/{search.id}", timeout=5).status_code == 200
        for stream in streams:
            stream.__exit__(None, None, None)
    http.post(f"/v1/searches/{search.id}/cancel")
    assert search.wait(timeout=120).state == "cancelled"


def test_cancel_ends_a_search_now_and_frees_its_slots(client):
    search = client.submit(QUICK | {"budget": {"trials": 50, "epochs": 1000}, "resources": {"workers": 2}})
    wait_for(lambda: search.refresh().view.trials.get("running", 0) > 0, timeout_s=120)
    search.cancel()
    view = search.wait(timeout=90)
    assert view.state == "cancelled"
    assert set(view.trials) <= {"cancelled", "completed"}
    finished(client.submit(QUICK))


def test_stop_lets_running_trials_finish_and_starts_no_new_one(client):
    search = client.submit(QUICK | {"budget": {"trials": 500, "epochs": 12}, "parallelism": 2})
    wait_for(lambda: search.refresh().view.trials.get("completed", 0) > 0, timeout_s=120)
    search.stop()
    view = search.wait(timeout=120)
    assert view.state == "completed"
    assert "stopped" in view.reason
    assert set(view.trials) == {"completed"}
    assert view.trials["completed"] < 500


def test_two_searches_share_the_slots_and_the_first_gets_them_back(client, service):
    # Given a search that holds all four slots
    long = {"trainable": "digits_mlp", "algorithm": {"name": "random"}, "budget": {"trials": 24, "epochs": 40}}
    first = client.submit(long | {"seed": 1})
    wait_for(lambda: first.refresh().view.trials.get("running", 0) == 4, timeout_s=90)
    # When another one comes, then the first gives way to it by displacing trials, which lose nothing
    second = client.submit(QUICK | {"parallelism": 2})
    finished(second)
    displaced = [e for e in service.ledger().events(first.id, limit=100_000) if e.data.get("outcome") == "displaced"]
    assert len(displaced) >= 2
    wait_for(lambda: first.refresh().view.slots == 4, timeout_s=30)
    first.cancel()
    assert first.wait(timeout=120).state == "cancelled"


def test_the_command_line_shows_a_search_from_every_side(service, done, tmp_path):
    assert done.id in service.cli("ls")
    assert json.loads(service.cli("show", done.id, "-o", "json"))["state"] == "completed"
    assert "completed" in service.cli("watch", done.id)
    assert len(json.loads(service.cli("trials", done.id, "-o", "json"))) == 4
    shown = service.cli("best", done.id, "--download", tmp_path / "best")
    assert "SHA-256" in shown
    assert re.search(r"loss\s+0\.\d+", shown)
    assert "digits_mlp" in service.cli("trainables")
    assert "FAIL" not in service.cli("doctor")


def test_the_command_line_prints_every_fault_of_a_spec_and_exits_with_two(service, tmp_path):
    spec = tmp_path / "spec.yaml"
    spec.write_text("trainable: digits_mlp\nbudget: {trails: 3, epochs: 0}\n")
    shown = service.cli("submit", spec, check=False)
    assert "budget.trails" in shown
    assert "did you mean trials" in shown
    assert "budget.epochs" in shown
    assert "Traceback" not in shown


def test_a_project_with_packages_of_our_names_can_use_the_command_line(service, tmp_path):
    # Given a folder that has a `service` and a `trainables` package of its own
    for name in ("service", "trainables", "search_spaces"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("raise ImportError('the wrong package')\n")
    (tmp_path / "spec.json").write_text(json.dumps(QUICK))
    # When `rung` is called from there, then it means its own
    shown = service.cli("submit", "spec.json", "--wait", cwd=tmp_path)
    assert "completed" in shown


def _last_seq(http, search):
    with http.stream("GET", f"/v1/searches/{search}/events") as stream:
        return max(int(line[4:]) for line in stream.iter_lines() if line.startswith("id: "))


def _listening(process):
    return [c for c in process.net_connections(kind="inet") if c.status == "LISTEN"] if os.geteuid() == 0 else []
