"""The code blocks of README.md, exactly as they stand."""

from __future__ import annotations

import re
from pathlib import Path

README = Path(__file__).parents[2] / "README.md"


def block(language: str, containing: str) -> str:
    """The one block of a language that contains a text."""
    blocks = re.findall(rf"```{language}\n(.*?)```", README.read_text(), flags=re.DOTALL)
    (found,) = (text for text in blocks if containing in text)
    return str(found)
