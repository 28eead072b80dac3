"""Which code a result stands for. A result is kept as long as nothing that decides it has changed.

Python files count by what they do: comments, docstrings and layout do not change a hash. The simulator counts by what a
script of every kind of decision brings on it, so that it may grow without throwing core-hours away.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import astuple
from functools import cache
from importlib.metadata import version
from pathlib import Path

from benchmarks.quality.contestants import Contestant
from benchmarks.quality.data import ROOT
from benchmarks.quality.references import reference
from benchmarks.quality.script import replayed

_QUALITY = ROOT / "benchmarks" / "quality"
_DECIDES = (ROOT / "service" / "algorithms", ROOT / "search_spaces")
"""What decides in our own contestants."""


@cache
def code_hash(contestant: Contestant, task: str) -> str:
    """Return the hash, 12 hex digits, of what decides a contestant's results on a task."""
    files = [*_task_files(task), _QUALITY / "regret.py", _QUALITY / "run.py", *_contestant_files(contestant)]
    facts = [*(_meaning(path) for path in files), *_versions(contestant), repr(astuple(reference(task))), replayed()]
    return hashlib.sha256("\n".join(facts).encode()).hexdigest()[:12]


def _task_files(task: str) -> Iterator[Path]:
    kind = task.partition("-")[0]
    yield _QUALITY / "tasks" / "task.py"
    yield _QUALITY / "tasks" / f"{kind}.py"
    if kind in ("lcbench", "xgboost"):
        yield _QUALITY / "tasks" / "surrogate.py"


def _contestant_files(contestant: Contestant) -> Iterator[Path]:
    yield _QUALITY / "contestants" / f"{contestant.module}.py"
    if contestant.is_ours:
        yield from sorted(path for folder in _DECIDES for path in folder.rglob("*.py"))
    else:
        yield _QUALITY / "contestants" / "peer.py"
        yield _QUALITY / "contestants" / "translation.py"


def _versions(contestant: Contestant) -> Iterable[str]:
    return [f"{library} {version(library)}" for library in contestant.libraries]


@cache
def _meaning(path: Path) -> str:
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            node.body = [part for part in node.body if not _is_comment(part)] or [ast.Pass()]
    return ast.dump(tree)


def _is_comment(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
