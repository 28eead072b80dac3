"""The code blocks of README.md and of the documents, exactly as they stand."""

from __future__ import annotations

import re
from pathlib import Path

README = Path(__file__).parents[2] / "README.md"


def block(language: str, containing: str, page: Path = README) -> str:
    """The one block of a language on a page that contains a text."""
    blocks = re.findall(rf"```{language}\n(.*?)```", page.read_text(), flags=re.DOTALL)
    (found,) = (text for text in blocks if containing in text)
    return str(found)
