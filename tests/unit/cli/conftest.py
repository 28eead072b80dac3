"""`rung` as a function: runs one command against the double of the service and returns what a shell would see."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from service.cli import main
from service.client.http import Http
from tests.unit.client.double import TOKEN, FakeService


@dataclass(frozen=True)
class Ran:
    code: int
    out: str
    err: str


Rung = Callable[..., Ran]


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    for name in [name for name in os.environ if name.startswith("RUNG_")]:
        monkeypatch.delenv(name)
    folder = tmp_path / "home"
    folder.mkdir(mode=0o700)
    monkeypatch.setenv("RUNG_HOME", str(folder))
    monkeypatch.setenv("COLUMNS", "160")
    return folder


@pytest.fixture
def service(home: Path, monkeypatch: pytest.MonkeyPatch) -> FakeService:
    made = FakeService()
    (home / "token").touch(mode=0o600)
    (home / "token").write_text(TOKEN)

    def http(url: str, token: str | None, *, retry_s: float, transport: Any) -> Http:
        return Http(url, token, retry_s=min(retry_s, 0.2), transport=made.transport())

    monkeypatch.setattr("service.client.client.Http", http)
    return made


@pytest.fixture
def rung(home: Path, capsys: pytest.CaptureFixture[str]) -> Rung:
    def run(*words: str) -> Ran:
        with pytest.raises(SystemExit) as ended:
            main(words)
        captured = capsys.readouterr()
        return Ran(int(ended.value.code or 0), captured.out, captured.err)

    return run
