"""What each command prints, which code it exits with, and that an error is a message with a next step."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import httpx2
import pytest
import yaml

from service.cli.submitting import with_fields
from tests.unit.cli.conftest import Rung
from tests.unit.client.double import PARTED, FakeService, checkpoint_tar, ended, event, problem, view

ID = "k3abcdefghij"


@pytest.fixture
def spec(tmp_path: Path) -> str:
    file = tmp_path / "spec.yaml"
    file.write_text("trainable: digits_mlp\nbudget: {trials: 64}\n")
    return str(file)


def test_the_command_line_needs_neither_ray_nor_torch_nor_pandas() -> None:
    heavy = "print([name for name in ('ray', 'torch', 'pandas', 'fastapi', 'sqlalchemy') if name in sys.modules])"
    code = f"import sys, service.cli; {heavy}"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"


def test_submit_prints_the_id_alone_on_stdout_and_the_next_command_beside(
    rung: Rung, service: FakeService, spec: str
) -> None:
    ran = rung("submit", spec, "--set", "budget.trials=8", "--idempotency-key", "mine")
    sent = service.sent("POST", "/searches")[0]
    assert (ran.code, ran.out) == (0, f"{ID}\n")
    assert f"rung watch {ID}" in ran.err
    assert json.loads(sent.content) == {"trainable": "digits_mlp", "budget": {"trials": 8}}
    assert sent.headers["Idempotency-Key"] == "mine"


def test_submit_prints_each_fault_and_exits_2(rung: Rung, service: FakeService, spec: str) -> None:
    faults = [{"path": "space.lr.low", "message": "got 0.5, must be < high"}, {"path": "seed", "message": "got -1"}]
    service.refusal = problem(422, "The request is not valid", "", faults)
    ran = rung("submit", spec)
    assert ran.code == 2
    assert ran.err.splitlines()[:2] == ["space.lr.low: got 0.5, must be < high", "seed: got -1"]
    assert "nothing was submitted" in ran.err


def test_a_dry_run_submits_nothing(rung: Rung, service: FakeService, spec: str) -> None:
    ran = rung("submit", spec, "--dry-run", "-o", "json")
    assert json.loads(ran.out)["rungs"] == [1, 3, 9]
    assert service.sent("POST", "/searches") == []


def test_a_dry_run_tells_what_the_search_would_cost(rung: Rung, service: FakeService, spec: str) -> None:
    [row] = csv.DictReader(io.StringIO(rung("submit", spec, "--dry-run", "-o", "csv").out))
    assert (row["least_epochs"], row["epochs"], row["most_epochs"], row["wall_epochs"]) == ("16", "48", "144", "27.0")


def test_submit_and_wait_exits_as_the_search_ended(rung: Rung, service: FakeService, spec: str) -> None:
    service.views = [view(), view(state="failed", reason="too many failures")]
    ran = rung("submit", spec, "--wait")
    assert ran.code == 1
    assert "too many failures" in ran.err


@pytest.mark.parametrize(
    ("assignment", "told"),
    [("budget", "must be path=value"), ("=3", "must be path=value"), ("trainable.x=1", "must be an object")],
)
def test_a_field_that_cannot_be_set_is_refused(assignment: str, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        with_fields({"trainable": "digits_mlp"}, [assignment])


def test_setting_fields_makes_what_is_missing_and_leaves_the_original_alone() -> None:
    original = {"budget": {"trials": 3}}
    changed = with_fields(original, ["budget.target=1e-3", "space.lr.log=true", "name=x"])
    assert changed == {"budget": {"trials": 3, "target": 0.001}, "space": {"lr": {"log": True}}, "name": "x"}
    assert original == {"budget": {"trials": 3}}


@pytest.mark.parametrize(("state", "code"), [("completed", 0), ("failed", 1), ("cancelled", 1)])
def test_wait_exits_as_the_search_ended(rung: Rung, service: FakeService, state: str, code: int) -> None:
    service.views = [view(state=state)]
    assert rung("wait", ID).code == code


def test_an_audit_without_a_difference_exits_0_and_one_with_says_where_and_exits_1(
    rung: Rung, service: FakeService
) -> None:
    same = rung("audit", ID)
    assert (same.code, same.out) == (0, f"{ID}: 45 recorded decisions are decided the same again\n")
    service.audit = PARTED
    parted = rung("audit", ID)
    assert parted.code == 1
    assert parted.out.splitlines() == [
        f"{ID}: recorded decision 17 (event 33, trial 4) is decided otherwise now",
        "recorded: continue trial 4: rung 0",
        "now: stop trial 4: rung 0",
        '  [0].kind: "continue" is recorded, "stop" now',
    ]
    assert json.loads(rung("audit", ID, "-o", "json").out) == PARTED


def test_wait_exits_124_when_time_runs_out(rung: Rung, service: FakeService) -> None:
    ran = rung("wait", ID, "--timeout", "0")
    assert ran.code == 124
    assert "must have ended" in ran.err


def test_a_service_that_is_not_there_is_a_sentence_and_exit_1(rung: Rung, service: FakeService) -> None:
    service.failures = [httpx2.ConnectError("refused") for _ in range(20)]
    ran = rung("ls")
    assert ran.code == 1
    assert ran.err.startswith("http://127.0.0.1:8000: the service does not answer (refused); start it with `rung up`")
    assert "Traceback" not in ran.err


def test_a_wrong_token_says_where_the_right_one_is(rung: Rung, service: FakeService, home: Path) -> None:
    (home / "token").write_text("other")
    ran = rung("ls")
    assert ran.code == 1
    assert "set RUNG_TOKEN" in ran.err


def test_an_unknown_setting_is_a_sentence(rung: Rung, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNG_PROT", "1")
    ran = rung("ls")
    assert ran.code == 1
    assert "RUNG_PROT: got a variable Rung does not know" in ran.err


def test_every_format_of_ls_has_every_search(rung: Rung, service: FakeService) -> None:
    service.views = [view(id="a"), view(id="b", best=None), view(id="c")]
    assert [one["id"] for one in json.loads(rung("ls", "-o", "json").out)] == ["a", "b", "c"]
    assert [one["id"] for one in yaml.safe_load(rung("ls", "-o", "yaml").out)] == ["a", "b", "c"]
    assert [one["id"] for one in csv.DictReader(io.StringIO(rung("ls", "-o", "csv").out))] == ["a", "b", "c"]
    assert "7/16" in rung("ls").out


def test_trials_as_csv_have_a_column_for_each_parameter(rung: Rung, service: FakeService) -> None:
    rows = list(csv.DictReader(io.StringIO(rung("trials", ID, "-o", "csv").out)))
    assert [row["number"] for row in rows] == ["1", "2", "3"]
    assert rows[1]["config.lr"] == "0.2"
    assert "trained to epoch 9" in rung("trials", ID).out


def test_best_shows_the_value_and_downloads_the_checkpoint(rung: Rung, service: FakeService, tmp_path: Path) -> None:
    service.tar = checkpoint_tar({"model.safetensors": b"weights"})
    ran = rung("best", ID, "--download", str(tmp_path / "best"))
    assert ran.code == 0
    assert "0.123457" in ran.out
    assert "trainables.load" in ran.err
    assert (tmp_path / "best" / "model.safetensors").read_bytes() == b"weights"


def test_best_before_the_first_value_exits_1(rung: Rung, service: FakeService) -> None:
    service.best, service.views = None, [view(best=None)]
    assert rung("best", ID).code == 1


def test_show_stop_and_cancel_answer(rung: Rung, service: FakeService) -> None:
    assert "digits-asha" in rung("show", ID).out
    assert "running ones finish" in rung("stop", ID).err
    assert "checkpoint is kept" in rung("cancel", ID).err
    assert rung("show", "nothing").code == 1


def test_watch_prints_a_line_for_each_change_where_nobody_looks(rung: Rung, service: FakeService) -> None:
    stop = {"trial": 2, "kind": "stop", "reason": "rung 1 (epoch 3): loss 0.412 vs cutoff 0.337, rank 9 of 12, kept 4"}
    service.streams = [
        [
            event(1, "search.submitted", {"name": "digits-asha", "trainable": "digits_mlp"}),
            event(2, "checkpoint.committed", {"epoch": 1, "bytes": 5}, trial=2),
            event(3, "report", {"epoch": 3, "value": 0.412, "metrics": {}, "fact": {}, "actions": [stop]}, trial=2),
            ended(4),
        ]
    ]
    service.views = [view(), view(state="completed")]
    ran = rung("watch", ID)
    lines = [line.partition(" ")[2] for line in ran.out.splitlines()]
    assert ran.code == 0
    assert lines == [
        "submitted digits-asha",
        f"trial 2 epoch 3 value 0.412; trial 2 stop: {stop['reason']}",
        "search completed: 16 of 16 trials ended",
    ]


def test_watch_as_json_prints_the_raw_events(rung: Rung, service: FakeService) -> None:
    service.streams = [[event(1, "search.submitted", {"name": "x"}), ended(2, "cancelled")]]
    service.views = [view(), view(state="cancelled")]
    ran = rung("watch", ID, "--json")
    assert [json.loads(line)["seq"] for line in ran.out.splitlines()] == [1, 2]
    assert ran.code == 1


def test_doctor_fails_by_line_with_the_way_out(rung: Rung, service: FakeService, home: Path) -> None:
    home.chmod(0o755)
    (home / "token").chmod(0o644)
    ran = rung("doctor")
    failed = [line for line in ran.out.splitlines() if line.startswith("FAIL")]
    assert ran.code == 1
    assert any(f"chmod 700 {home}" in line for line in failed)
    assert any(f"chmod 600 {home / 'token'}" in line for line in failed)
    assert any("cluster: none was started; `rung up` starts it" in line for line in failed)


def test_doctor_is_content_with_a_service_elsewhere(
    rung: Rung, service: FakeService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RUNG_URL", "http://rung.example.org")
    monkeypatch.setattr("service.cli.diagnosis.LEAST_SHM", 0)
    monkeypatch.setattr("service.cli.diagnosis.LEAST_DISK", 0)
    ran = rung("doctor")
    assert ran.code == 0, ran.out
    assert "ready: ledger ok" in ran.out


def test_down_without_a_cluster_has_nothing_to_do(rung: Rung) -> None:
    ran = rung("down")
    assert (ran.code, ran.err) == (0, "nothing to stop\n")


def test_the_module_runs_as_the_command_does() -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "service.cli", "--help"], capture_output=True, text=True, env=os.environ
    )
    assert ran.returncode == 0
    assert "submit" in ran.stdout


def test_report_writes_a_file_and_says_where(rung: Rung, service: FakeService, tmp_path: Path) -> None:
    ran = rung("report", "k3abcdefghij", "--file", str(tmp_path / "it.html"))
    assert (ran.code, (tmp_path / "it.html").exists()) == (0, True)
    assert "it.html" in ran.err
