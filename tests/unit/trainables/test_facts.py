"""Assignments and results cross processes unchanged, and importing the package is cheap."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
from pathlib import Path

import pytest

import trainables
from tests.support.assignments import an_assignment
from trainables import Assignment, Failure


def test_an_assignment_crosses_as_json():
    assignment = an_assignment(Path("somewhere"), {"lr": 0.1, "optimizer": "sgd"}, best_loss_so_far=0.5)
    assert Assignment.from_dict(json.loads(json.dumps(assignment.to_dict()))) == assignment
    assert pickle.loads(pickle.dumps(assignment)) == assignment  # noqa: S301  (our own bytes)


def test_an_assignment_with_an_unknown_or_missing_field_is_refused():
    raw = an_assignment(Path("somewhere")).to_dict()
    with pytest.raises(TypeError, match="priority"):
        Assignment.from_dict(raw | {"priority": 1})
    del raw["seed"]
    with pytest.raises(TypeError, match="seed"):
        Assignment.from_dict(raw)


@pytest.mark.parametrize(("error", "kind"), [(MemoryError(), "oom"), (RuntimeError("no"), "user")])
def test_running_out_of_memory_is_a_kind_of_its_own(error, kind):
    assert Failure.of(error, "user", 0).kind == kind


def test_importing_the_package_imports_neither_ray_nor_torch():
    program = "import sys, trainables; print({'ray', 'torch', 'numpy'} & set(sys.modules))"
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert ended.stdout.strip() == "set()"


def test_the_public_names_are_sorted_and_all_there():
    assert trainables.__all__ == sorted(trainables.__all__)
    assert all(getattr(trainables, name) for name in trainables.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = trainables.nothing
