"""A double of the service, a client of it, and an environment without the developer's own settings."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from service.client import Client
from tests.unit.client.double import TOKEN, FakeService


@pytest.fixture(autouse=True)
def _own_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [name for name in os.environ if name.startswith("RUNG_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("RUNG_HOME", str(tmp_path / "home"))


@pytest.fixture
def service() -> FakeService:
    return FakeService()


@pytest.fixture
def client(service: FakeService) -> Iterator[Client]:
    with Client("http://rung.test", TOKEN, retry_s=2.0, transport=service.transport()) as made:
        yield made
