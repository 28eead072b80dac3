"""docs/algorithms.md: its tables are the catalog's, and each fault that it lists has a test that says so."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from tests.support.algorithm_tables import PAGE, generated, tables

ROOT = Path(__file__).parents[2]
ROW = re.compile(r"^\| (\d+) \| .+ \| `([\w/]+\.py)::(\w+)` \|$", re.MULTILINE)
NUM_FAULTS = 30


def test_the_tables_are_those_of_the_catalog():
    assert generated(PAGE.read_text()) == tables(), "run: python -m tests.support.algorithm_tables"


def test_every_fault_has_a_test_that_cites_its_number():
    rows = ROW.findall(PAGE.read_text())
    assert [int(number) for number, _, _ in rows] == list(range(1, NUM_FAULTS + 1))
    for number, path, name in rows:
        functions = {
            n.name: n for n in ast.walk(ast.parse((ROOT / path).read_text())) if isinstance(n, ast.FunctionDef)
        }
        assert name in functions, f"{path} has no {name}"
        cited = re.findall(r"[Ff]aults? ([\d, and]+)", ast.unparse(functions[name]))
        assert number in re.findall(r"\d+", " ".join(cited)), f"{name} does not cite fault {number}"
