"""The built-in transformer learns to write on, from any text it is given."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

import pytest
import torch

import trainables
from tests.support.assignments import an_assignment
from tests.support.ranks import a_lone_rank, alone, save
from trainables.gang.rank import Rank
from trainables.models.char_transformer import VOCABULARY, CharTransformer

FIELDS: dict[str, Any] = {
    "import_path": "trainables.models.char_transformer:CharTransformer",
    "trainable": "char_transformer",
}


@pytest.fixture
def text(tmp_path) -> Path:
    """Three thousand characters in which the next one follows from the last two."""
    path = tmp_path / "text.txt"
    path.write_text("".join(f"{number % 7} and {number % 7 + 1}, " for number in range(300)))
    return path


def test_it_learns_what_follows_in_a_small_text(tmp_path, text):
    config = {"text_file": str(text), "context": 16, "width": 32, "heads": 2, "batch_size": 16, "lr": 0.01}
    rank = a_lone_rank(an_assignment(tmp_path, config, **FIELDS))
    curve = [rank.run_epoch().metrics for _ in range(8)]
    assert curve[-1]["loss"] < 1.0 < math.log(VOCABULARY)
    assert curve[-1]["accuracy"] > 0.7
    assert curve[-1]["loss"] < curve[0]["loss"]


def test_a_trained_model_loads_where_the_text_is_not(tmp_path, text):
    assignment = an_assignment(tmp_path, {"text_file": str(text), "context": 16, "width": 32}, **FIELDS)
    rank = a_lone_rank(assignment)
    path = save(tmp_path, assignment, 1, rank.run_epoch(), alone(rank)).path
    text.unlink()
    assert trainables.load(path)(torch.tensor([[97, 98, 99]])).shape == (1, 3, VOCABULARY)


def test_no_character_sees_a_later_one():
    model = CharTransformer().model({"context": 8}).eval()
    symbols = torch.randint(0, VOCABULARY, (2, 8), generator=torch.Generator().manual_seed(0))
    changed = symbols.clone()
    changed[:, 5] += 1
    before, after = model(symbols), model(changed % VOCABULARY)
    assert torch.equal(before[:, :5], after[:, :5])
    assert not torch.equal(before[:, 5:], after[:, 5:])


def test_windows_and_their_targets_are_one_character_apart_and_training_text_is_not_validated_on(text):
    data = CharTransformer().datasets({"text_file": str(text), "context": 16, "characters": 1000})
    inputs, targets = data.train.tensors
    assert torch.equal(inputs[:, 1:], targets[:, :-1])
    assert torch.equal(inputs[1:, 0], targets[:-1, -1])
    assert bytes(inputs[0].tolist()) == text.read_bytes()[:16]
    assert bytes(data.validation.tensors[0][0].tolist()) == text.read_bytes()[900:916]
    assert len(inputs) == (900 - 1) // 16


def test_the_text_is_found_in_the_data_folder(tmp_path, text, monkeypatch):
    monkeypatch.setenv("RUNG_DATA_DIR", str(tmp_path))
    (tmp_path / "tinyshakespeare").mkdir()
    text.rename(tmp_path / "tinyshakespeare" / "input.txt")
    assert len(CharTransformer().datasets({"context": 16}).train) > 100


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"text_file": "nowhere.txt"}, "got nowhere.txt, must be a text file on every node; .* set RUNG_DATA_DIR"),
        ({"text_file": "{text}", "context": 100, "characters": 999}, "got 999 characters of .*, must be > 1000"),
        (
            {"text_file": "{text}", "context": 16, "width": 30, "heads": 4},
            r"config.heads: got 4, must divide width \(30\)",
        ),
    ],
)
def test_what_cannot_be_trained_says_why(tmp_path, text, config, message):
    config = config | {"text_file": config["text_file"].format(text=text)}
    failure = Rank(0, 1, cpus=1, gpus=0, timeout_s=60).build(an_assignment(tmp_path, config, **FIELDS))
    assert failure.kind == "setup"
    assert re.search(message, failure.message), failure.message
