"""The files that a browser gets: the shell, our modules and styles, and plotly.js out of Plotly's wheel."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable

from jinja2 import Environment, PackageLoader, StrictUndefined

from service import __version__
from service.errors import NotFound

PLOTLY = "plotly.js"
"""The name under which plotly.js is served."""

_TYPES = {
    "js": "text/javascript; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "svg": "image/svg+xml",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Asset:
    """One file.

    Attributes:
        etag: changes with its content.
    """

    body: bytes
    media_type: str
    etag: str


@cache
def find(name: str) -> Asset:
    """The file of this name below `static`, or plotly.js.

    Raises:
        NotFound: there is none.
    """
    file = _files().get(name)
    if file is None:
        raise NotFound(f"file: got {name!r}, must be one that the page names; reload it")
    body = file.read_bytes()
    etag = f'"{hashlib.sha256(body).hexdigest()[:16]}"'
    return Asset(body=body, media_type=_TYPES[name.rpartition(".")[2]], etag=etag)


@cache
def shell() -> str:
    """The HTML of every view: a frame that the modules fill."""
    return templates().get_template("shell.html").render(version=__version__)


@cache
def templates() -> Environment:
    """The templates; whatever they are given is escaped."""
    return Environment(loader=PackageLoader("service.web"), autoescape=True, undefined=StrictUndefined)


@cache
def _files() -> dict[str, Traversable]:
    """All there is, by name: what is not in here is not served, whatever its path."""
    static = files("service.web") / "static"
    ours = {file.name: file for file in static.iterdir() if file.name.rpartition(".")[2] in _TYPES}
    return {**ours, PLOTLY: files("plotly") / "package_data" / "plotly.min.js"}
