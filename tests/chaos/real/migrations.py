"""F25: a process is killed in the middle of migrations, after each step in turn; the next one completes them."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from service.store import engine
from service.store.tables import metadata
from tests.chaos.real.arena import a_postgresql
from tests.chaos.real.rows import Row, commit

_OPEN = "import sys; from service.store import Ledger; Ledger.open(sys.argv[1]).close()"

_VERSIONS = Path(engine.__file__).parent / "migrations" / "versions"


def strike_migrations(*, seed: int, db: str, say: Callable[[str], None] = print) -> list[Row]:
    """Kills one process after each step; returns a row for each that was killed."""
    steps = len(list(_VERSIONS.glob("r*.py")))
    rows = []
    for step in range(steps):
        with _a_url(db) as url:
            killed = _open(
                url, RUNG_FAILPOINTS=f"migration.after_step={step}*off->kill" if step else "migration.after_step=kill"
            )
            if killed.returncode >= 0:
                say(f"F25 after step {step + 1}: nobody was killed: {killed.stderr[-300:]}")
                continue
            began = time.monotonic()
            again = _open(url)
            seconds = time.monotonic() - began
            found = [] if again.returncode == 0 else [f"F25: it does not open again: {again.stderr[-300:]}"]
            found = found or [f"F25: the schema differs: {one}" for one in _differences(url)]
        say(f"F25 after step {step + 1} of {steps}: killed; {seconds:.1f} s, {len(found)} violations")
        rows.append(
            Row(
                commit=commit(),
                seed=seed,
                db=db,
                store="local",
                fault="F25",
                place="migration.after_step",
                action=f"kill after {step + 1}",
                who="migration",
                recovered_s=round(seconds, 2),
                violations=found,
            )
        )
    return rows


def _open(url: str, **settings: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", _OPEN, url], env=os.environ | settings, text=True, capture_output=True, check=False
    )


def _differences(url: str) -> list[object]:
    connected = engine.connect(url)
    try:
        with connected.connect() as connection:
            return list(compare_metadata(MigrationContext.configure(connection), metadata))
    finally:
        connected.dispose()


@contextlib.contextmanager
def _a_url(db: str) -> Iterator[str]:
    if db == "postgresql":
        with a_postgresql() as server:
            yield server.new_database()
        return
    with tempfile.TemporaryDirectory(prefix="rung-chaos-") as folder:
        yield f"sqlite:///{folder}/ledger.db"
