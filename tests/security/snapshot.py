"""`make openapi`: writes the description of the HTTP API to docs/openapi.json, where a test holds the service to it."""

from __future__ import annotations

import json
from pathlib import Path

from service.api.http import build_http

FILE = Path(__file__).parents[2] / "docs" / "openapi.json"


def description() -> str:
    """The OpenAPI document as it stands in the file."""
    return json.dumps(build_http(None).openapi(), indent=1, sort_keys=True) + "\n"


if __name__ == "__main__":
    FILE.write_text(description())
