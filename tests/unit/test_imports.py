"""What an import brings along: clients are plain HTTP, and a worker needs no database and no web framework."""

from __future__ import annotations

import subprocess
import sys

import pytest

SERVER = ("ray", "torch", "fastapi", "sqlalchemy")
DATABASE_AND_WEB = ("fastapi", "starlette", "sqlalchemy", "alembic")


@pytest.mark.parametrize(
    ("module", "foreign"),
    [
        ("service.client", SERVER),
        ("service.cli", SERVER),
        ("trainables", ("ray", "torch", *DATABASE_AND_WEB)),
        ("trainables.gang.gang", DATABASE_AND_WEB),
    ],
)
def test_importing_it_brings_none_of_what_it_must_not_need(module, foreign):
    program = f"import sys, {module}; print(sorted(sys.modules.keys() & set({foreign!r})))"
    out = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"
