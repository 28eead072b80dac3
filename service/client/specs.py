"""Reads a spec from a JSON or YAML file. Whether it is a valid spec is the service's to say."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

Spec = Mapping[str, Any] | str | Path
"""A spec as a mapping, or the path of a JSON or YAML file."""


class _Loader(yaml.SafeLoader):
    """YAML with the numbers of YAML 1.2: PyYAML alone reads `1e-4` as text."""


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"^[-+]?(\d+(\.\d*)?|\.\d+)[eE][-+]?\d+$"), list("-+.0123456789")
)


def read_spec(spec: Spec) -> Mapping[str, Any]:
    """The spec as a mapping; a mapping is passed through.

    Raises:
        ValueError: the file is neither JSON nor YAML, or holds something else than an object.
        OSError: it cannot be read.
    """
    if isinstance(spec, Mapping):
        return spec
    content = _parse(str(spec), Path(spec).expanduser().read_text(encoding="utf-8"))
    if not isinstance(content, dict):
        raise ValueError(f"{spec}: got {type(content).__name__}, must be an object of the spec; see GET /openapi.json")
    return content


def parse_value(text: str) -> Any:
    """One value as YAML reads it: a number, true, null, a list ... or the text itself."""
    return yaml.load(text, Loader=_Loader)  # noqa: S506 - _Loader is a SafeLoader  # nosec B506


def _parse(name: str, text: str) -> Any:
    try:
        return json.loads(text) if name.endswith(".json") else parse_value(text)
    except (yaml.YAMLError, json.JSONDecodeError) as error:
        raise ValueError(f"{name}: got text that is not JSON or YAML, must be an object; {error}") from error
