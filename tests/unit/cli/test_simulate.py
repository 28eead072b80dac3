"""`rung simulate`: a table of curves is read or refused by row and column, and a search on it adds up."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from search_spaces import Space
from service.algorithms.simulator import Step
from service.cli.curve_file import read_curves
from tests.unit.cli.conftest import Rung

SPEC = """
trainable: line
space:
  lr: {type: float, low: 0.001, high: 1.0, log: true}
  width: {type: int, low: 1, high: 4}
algorithm: {name: random}
objective: {metric: loss, mode: min}
budget: {trials: 6, epochs: 3}
parallelism: 2
"""
CURVES = """lr,width,epoch,loss,seconds
0.01,1,1,0.5,2
0.01,1,2,0.4,2
0.01,1,3,0.3,2
0.5,4,1,0.9,2
0.5,4,2,0.2,2
"""
SPACE = Space.parse(
    {
        "lr": {"type": "float", "low": 0.001, "high": 1.0, "log": True},
        "width": {"type": "int", "low": 1, "high": 4},
        "nesterov": {"type": "bool", "when": {"width": [1, 2]}},
    }
)


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    file = tmp_path / "spec.yaml"
    file.write_text(SPEC)
    return file


@pytest.fixture
def curves(tmp_path: Path) -> Path:
    file = tmp_path / "curves.csv"
    file.write_text(CURVES)
    return file


def test_a_search_on_known_curves_adds_up(rung: Rung, spec: Path, curves: Path) -> None:
    ran = rung("simulate", str(spec), "--curves", str(curves), "-o", "json")
    told = json.loads(ran.out)
    assert ran.code == 0
    assert (told["trials"], told["epochs"], told["seconds"], told["busy"]) == (6, 18, 18.0, 1.0)
    assert told["states"] == {"completed": 6}
    assert told["rungs"] == [{"epoch": 3, "trials": 6, "epochs": 18}]
    assert told["best"]["value"] == told["best_over_time"][-1]["value"] == 0.2
    assert 0 < told["repeated_epochs"] < 6


def test_what_a_person_sees_has_the_cost_the_rungs_and_the_best_over_time(rung: Rung, spec: Path, curves: Path) -> None:
    out = rung(
        "simulate", str(spec), "--curves", str(curves), "--set", "algorithm.name=asha", "--workers", "1"
    ).out.splitlines()
    assert out[0].split() == ["trials", "epochs", "repeated", "time", "busy", "ended"]
    assert "100%" in out[1]
    assert [line.split()[:2] for line in out if line.strip()][5] == ["1", "6"]
    assert out[-2].split()[2] == "0.2"


def test_early_stopping_trains_less_than_full_curves(rung: Rung, spec: Path, curves: Path) -> None:
    words = ("simulate", str(spec), "--curves", str(curves), "-o", "json", "--set")
    asha, full = (json.loads(rung(*words, f"algorithm.name={name}").out) for name in ("asha", "random"))
    assert asha["epochs"] < full["epochs"]
    assert asha["states"]["stopped"] > 0


def test_a_time_limit_breaks_off(rung: Rung, spec: Path, curves: Path) -> None:
    told = json.loads(rung("simulate", str(spec), "--curves", str(curves), "--seconds", "5", "-o", "json").out)
    assert (told["seconds"], told["done"], told["epochs"], told["states"]) == (5.0, False, 4, {"running": 2})


def test_what_a_trainable_would_suggest_must_be_in_the_spec(rung: Rung, spec: Path, curves: Path) -> None:
    spec.write_text("trainable: line\n")
    ran = rung("simulate", str(spec), "--curves", str(curves))
    assert ran.code == 2
    assert [line.split(":")[0] for line in ran.err.splitlines()] == [
        "space",
        "objective.metric",
        "objective.mode",
        "budget.epochs",
    ]
    assert "rung submit --dry-run" in ran.err


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("0.01,1,3,", "0.01,1,x,", "row 4, column epoch: got 'x', must be a whole number from 1"),
        ("0.01,1,1,", "0.01,1,0,", "row 2, column epoch: got '0', must be a whole number from 1"),
        ("0.01,1,3,", "0.01,1,4,", "row 4, column epoch: got 4, must be 3: a curve has no gap"),
        ("0.01,1,3,", "0.01,1,2,", "row 4, column epoch: got 2 again, as in row 3"),
        ("0.01,1,3,", "0.01,9,3,", "row 4, column width: got 9, must be an integer from 1 to 4"),
        ("0.01,1,3,", ",1,3,", "row 4, column lr: got nothing"),
        ("0.3,2", "much,2", "row 4, column loss: got 'much', must be a number, or empty"),
        ("0.3,2", "0.3,-2", "row 4, column seconds: got '-2', must be a number of seconds, at least 0"),
        ("epoch,loss", "epoch,error", "row 1: got no column loss, must have one; there are lr, width, epoch, error"),
        (CURVES.partition("\n")[2], "", "got no rows"),
    ],
)
def test_a_wrong_table_is_refused_with_file_row_and_column(
    rung: Rung, spec: Path, curves: Path, old: str, new: str, told: str
) -> None:
    curves.write_text(CURVES.replace(old, new, 1))
    ran = rung("simulate", str(spec), "--curves", str(curves))
    assert ran.code == 2
    assert ran.err.startswith(f"{curves}: {told}")


def test_the_columns_of_a_search_of_ours_are_read_with_their_prefixes(curves: Path) -> None:
    curves.write_text(
        "trial,attempt,epoch,value,metrics.loss,config.lr,config.width,config.nesterov\n"
        "7,1,2,0.4,,0.01,1.0,True\n"
        "7,1,1,0.5,0.5,0.01,1.0,True\n"
        "8,1,1,0.6,0.6,0.01,1.0,True\n"
        "9,1,1,inf,inf,0.5,4.0,\n"
    )
    config = {"lr": 0.01, "width": 1, "nesterov": True}
    assert read_curves(curves, SPACE, "loss") == [
        (config, [Step(value=0.5, seconds=1.0), Step(value=None, seconds=1.0)]),
        (config, [Step(value=0.6, seconds=1.0)]),
        ({"lr": 0.5, "width": 4}, [Step(value=None, seconds=1.0)]),
    ]


def test_a_trial_has_one_configuration(curves: Path) -> None:
    curves.write_text("trial,epoch,loss,lr,width,nesterov\n1,1,1,0.1,4,\n1,2,1,0.1,3,\n")
    with pytest.raises(ValueError, match=r"row 3, column trial: got another configuration than above"):
        read_curves(curves, SPACE, "loss")
