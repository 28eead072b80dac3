"""The script and the trainable of docs/trainables.md run as they stand."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

from tests.support.assignments import an_assignment
from tests.support.ranks import a_lone_rank
from tests.support.readme import block

PAGE = Path(__file__).parents[3] / "docs" / "trainables.md"


def test_the_script_of_the_page_learns(capsys):
    exec(block("python", "for epoch in range(10)", PAGE), {})  # noqa: S102 -- our own page
    last = capsys.readouterr().out.splitlines()[-1]
    assert float(last.split()[1]) > 0.9


def test_the_trainable_that_the_page_makes_of_it_learns_as_well(tmp_path, monkeypatch):
    module = ModuleType("page_wine")
    exec(block("python", "class Wine", PAGE), module.__dict__)  # noqa: S102 -- our own page
    monkeypatch.setitem(sys.modules, "page_wine", module)
    config = {"lr": 0.01, "hidden": 32, "batch_size": 32}
    rank = a_lone_rank(an_assignment(tmp_path, config, import_path="page_wine:Wine", metric="accuracy", mode="max"))
    accuracies = [rank.run_epoch().metrics["accuracy"] for _ in range(10)]
    assert accuracies[-1] > 0.9
