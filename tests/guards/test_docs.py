"""The documents keep up with the code, and their links are alive."""

from __future__ import annotations

import re
import tomllib
from dataclasses import fields
from pathlib import Path

import pytest

import service
from service.api.scopes import ROUTES
from service.schemas import SearchSpec
from service.settings import Settings
from tests.unit.schemas.test_spec import fields as spec_fields

ROOT = Path(__file__).parents[2]
DOCUMENTS = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")]
FOLDERS = ["search_spaces", "trainables", "service", "deploy", "examples", "benchmarks", "docs", "tests"]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_relative_link_leads_somewhere(document):
    for target in re.findall(r"\]\(([^)#]+)\)", document.read_text()):
        if not target.startswith("http"):
            assert (document.parent / target).exists(), target


def test_every_setting_is_documented():
    text = (ROOT / "docs" / "operations.md").read_text()
    assert [f.name for f in fields(Settings) if f"`RUNG_{f.name.upper()}`" not in text] == []


def test_every_field_of_the_spec_is_documented_as_it_is_described():
    text = (ROOT / "docs" / "spec.md").read_text()
    for name, field in spec_fields(SearchSpec):
        assert f"| `{name}` |" in text, name
        assert field.description in text, name


def test_every_route_is_documented():
    text = (ROOT / "docs" / "http.md").read_text()
    assert [route for route in ROUTES if f"`{route}`" not in text] == []


def test_every_folder_has_its_place_in_the_architecture():
    text = (ROOT / "ARCHITECTURE.md").read_text()
    assert [folder for folder in FOLDERS if f"`{folder}/`" not in text] == []


def test_the_version_is_one():
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert declared == service.__version__
    assert f"## [{declared}]" in (ROOT / "CHANGELOG.md").read_text()


def test_every_dependency_has_its_reason_beside_it():
    lines = (ROOT / "pyproject.toml").read_text().splitlines()
    requirements = [
        line for line in lines if re.match(r'^  "[A-Za-z][\w.\[\],-]*([><=]=[\d.]+)?",', line) and "error" not in line
    ]
    assert len(requirements) > 20
    assert [line for line in requirements if "# " not in line] == []
