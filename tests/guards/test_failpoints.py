"""Each failpoint is struck at one place only, and the page of failpoints knows exactly those that there are."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_every_failpoint_is_at_one_place_and_on_the_page():
    code = [path.read_text() for folder in ("service", "trainables") for path in (ROOT / folder).rglob("*.py")]
    placed = Counter(name for text in code for name in re.findall(r'failpoint\("([^"]+)"', text))
    described = re.findall(r"^\| `([^`]+)` \|", (ROOT / "docs" / "failpoints.md").read_text(), flags=re.MULTILINE)
    assert [name for name, count in placed.items() if count > 1] == []
    assert sorted(placed) == sorted(described)
