"""One real service for all acceptance tests; tests that break a service start one of their own."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import pytest

from tests.support.service import Service, processes_with


@pytest.fixture(scope="package")
def service():
    """A running service, stopped by `rung down`, after which none of its processes may be left."""
    with tempfile.TemporaryDirectory(prefix="rung-") as folder:  # short: sockets below it have a length limit
        service = Service.prepare(Path(folder) / "home")
        service.cli("up")
        marker = json.loads((service.home / "cluster.json").read_text())["marker"]
        try:
            yield service
        finally:
            service.cli("down")
        assert not processes_with(marker)


@pytest.fixture(scope="package")
def client(service):
    """A client of that service."""
    with service.client() as client:
        yield client
