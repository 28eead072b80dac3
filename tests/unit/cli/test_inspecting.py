"""`rung trainables`: the service's list, and models looked at in a process of their own that may take too much."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.hungry import BYTES_PER_SAMPLE, IMPORT_PATH
from tests.unit.cli.conftest import Rung
from tests.unit.client.double import FakeService


@pytest.fixture(autouse=True)
def hungry(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNG_TRAINABLES", f"hungry={IMPORT_PATH}")
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[3]))


def test_trainables_are_listed_and_shown(rung: Rung, service: FakeService) -> None:
    assert "A perceptron on digits." in rung("trainables").out
    assert rung("trainables", "ls", "-o", "csv").out.startswith("name,metric,parameters,doc\n")
    assert "A perceptron on digits." in rung("trainables", "show", "digits_mlp").out
    unknown = rung("trainables", "show", "nothing")
    assert unknown.code == 2
    assert "got 'nothing', must be one of digits_mlp" in unknown.err


def test_a_summary_needs_no_service_and_what_is_printed_on_the_way_is_not_in_it(rung: Rung) -> None:
    ran = rung("trainables", "summary", "hungry", "-p", "lr=0.15", "--config", "{kind: other}", "-o", "json")
    told = json.loads(ran.out)
    assert told["config"] == {"lr": 0.15, "kind": "other"}
    assert [(layer["name"], layer["kind"]) for layer in told["layers"]] == [("", "_Eats"), ("linear", "Linear")]
    assert told["parameters"] == 2


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("probe", "hungry"), "--memory-gb: got none, must be given where there is no GPU"),
        (("probe", "hungry", "--memory-gb", "0.05"), "before the first step; raise --memory-gb"),
        (("summary", "hungry", "-p", "lr"), "-p: got 'lr', must be name=value"),
        (("summary", "hungry", "--config", "[1]"), "--config: got '[1]', must be an object"),
    ],
    ids=str,
)
def test_what_cannot_be_looked_at_is_said_with_a_way_out(rung: Rung, words: tuple[str, ...], message: str) -> None:
    ran = rung("trainables", *words)
    assert ran.code == 2
    assert message in ran.err


def test_a_probe_finds_what_stays_below_the_limit_by_steps_it_measured(rung: Rung) -> None:
    ran = rung("trainables", "probe", "hungry", "--memory-gb", "0.9", "-o", "json")
    told = json.loads(ran.out)
    limit, by_size = told["memory_limit_bytes"], {step["micro_batch"]: step for step in told["steps"]}
    assert limit == 900_000_000
    assert told["device"] == "cpu"
    assert "resident memory" in told["measured"]
    assert 1 < told["largest"] < told["smallest_too_large"] < 4096
    assert all(step["fits"] == (step["peak_bytes"] <= limit) for step in told["steps"])
    assert by_size[told["largest"]]["fits"]
    assert not by_size[told["smallest_too_large"]]["fits"]
    # What is kept of a sample is there at least once.
    assert by_size[8]["peak_bytes"] - by_size[4]["peak_bytes"] > 4 * BYTES_PER_SAMPLE
    assert [int(line.split()[0].replace(",", "")) for line in ran.err.splitlines() if line.endswith(" s")] == [
        step["micro_batch"] for step in told["steps"] if step["fits"]
    ]


def test_a_process_that_the_kernel_kills_had_too_much_and_one_that_crashes_is_an_error(rung: Rung) -> None:
    words = ("trainables", "probe", "hungry", "--memory-gb", "64", "--most", "3", "-p", "lr=0.1", "-p", "dies_above=2")
    killed = rung(*words, "-p", "signal=SIGKILL")
    assert killed.err.splitlines()[-1].endswith("does not fit: it was killed by signal 9")
    found, measured, config = killed.out.splitlines()
    assert found == "micro-batches of 2 fit; 3 do not"
    assert measured.startswith("measured: the process's peak of resident memory")
    assert "limit 64,000 MB" in measured
    assert config == "of hungry with lr=0.1 kind=plain dies_above=2 signal=SIGKILL"
    crashed = rung(*words, "-p", "signal=SIGSEGV")
    assert crashed.code == 2
    assert "hungry: it was killed by signal 11 with 3 samples at once" in crashed.err
