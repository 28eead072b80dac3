"""The trainable of the README trains as it stands."""

from __future__ import annotations

import sys
from types import ModuleType

from tests.support.assignments import an_assignment
from tests.support.readme import block
from trainables.gang.rank import Rank


def test_the_trainable_of_the_readme_learns(tmp_path, monkeypatch):
    module = ModuleType("readme_line")
    exec(block("python", "class Line"), module.__dict__)  # noqa: S102 -- our own README
    monkeypatch.setitem(sys.modules, "readme_line", module)
    rank = Rank(0, 1, cpus=1, gpus=0, timeout_s=10)
    rank.build(an_assignment(tmp_path, {"lr": 0.1}, import_path="readme_line:Line"))
    rank.wrap()
    losses = [rank.run_epoch().metrics["loss"] for _ in range(5)]
    assert losses[-1] < losses[0] / 2
