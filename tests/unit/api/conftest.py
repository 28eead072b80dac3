"""The application of `tests.support.application` with searches in it."""

from __future__ import annotations

import shutil
from types import SimpleNamespace

import pytest
from starlette.testclient import TestClient

from service.access import Scope
from tests.support.application import TOKEN, application
from tests.support.runs import Searches
from tests.unit.runner.driver import Driver
from trainables import Registry

REGISTRY = Registry(
    {
        "_Odd": "trainables.models.digits_mlp:DigitsMlp",
        "broken": "tests.support.suggestions:Missing",
        "endless": "tests.support.suggestions:Endless",
    }
)
"""Trainables of the operator: of an odd name, one that does not load, one with a bad default."""


@pytest.fixture(scope="session")
def empty(tmp_path_factory):
    """A folder with an empty ledger. Copying it is quicker than migrating a new one for each test."""
    folder = tmp_path_factory.mktemp("empty")
    Searches(folder).ledger.close()
    return folder


@pytest.fixture(scope="session")
def recorded(tmp_path_factory):
    """A folder with the ledger and the checkpoints of a search that ran to its end on pretended gangs, and its id."""
    folder = tmp_path_factory.mktemp("recorded")
    searches = Searches(folder)
    search = searches.submit("asha", trials=5, epochs=9)
    Driver(searches.run(search)).to_the_end()
    searches.ledger.close()
    return folder, search


@pytest.fixture
def searches(tmp_path, request):
    """An empty ledger; for a test that asks for `ended` or `known`, one with that search."""
    folders = {"ended": "recorded", "known": "found_out"}
    asked = next((folders[name] for name in folders if name in request.fixturenames), None)
    folder = request.getfixturevalue("empty") if asked is None else request.getfixturevalue(asked)[0]
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    searches = Searches(tmp_path)
    yield searches
    searches.ledger.close()


@pytest.fixture
def ended(recorded):
    """The id of a search that has run to its end."""
    return recorded[1]


@pytest.fixture
def service(tmp_path, searches):
    """An application and what it was built from: `http` has the token, `anonymous` has not."""
    made = application(searches, REGISTRY, home=tmp_path, max_body_bytes=1 << 16)
    options = {"base_url": "http://127.0.0.1:8000", "raise_server_exceptions": False}
    with (
        TestClient(made.door, headers={"Authorization": f"Bearer {TOKEN}"}, **options) as http,
        TestClient(made.door, **options) as anonymous,
    ):
        yield SimpleNamespace(http=http, anonymous=anonymous, **vars(made))


@pytest.fixture
def key_of(service):
    """Makes a project, where there is none, and a key of it; returns the headers that carry the key."""

    def make(project, *scopes, expires_at=None):
        ledger = service.searches.ledger
        if project is not None and not ledger.projects(name=project):
            ledger.create_project(project)
        _, secret = ledger.create_key(
            name="test", project=project, scopes=scopes or [Scope.ADMIN], created_by="operator", expires_at=expires_at
        )
        return {"Authorization": f"Bearer {secret.text}"}

    return make
