"""The page: one shell for all its addresses under `/ui/`, and the files that the shell names. No data."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path
from fastapi.responses import RedirectResponse, Response

from service.web import assets

router = APIRouter(tags=["page"], include_in_schema=False)

POLICY = "; ".join(
    (
        "default-src 'self'",
        "script-src 'self'",
        # Plotly puts an empty <style> into the page (this is the hash of nothing) and fills it rule by rule, and sets
        # style attributes when it draws; neither can run code or ask anybody for anything.
        "style-src-elem 'self' 'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='",
        "style-src-attr 'unsafe-inline'",
        "img-src 'self' data: blob:",
        "object-src 'none'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)
"""The page's Content-Security-Policy: nothing is asked of any other machine, and no text becomes code."""


@router.get("/")
def root() -> RedirectResponse:
    """Leads a browser to the page."""
    return RedirectResponse("/ui/")


@router.get("/ui/static/{file:path}")
def static(file: Annotated[str, Path(max_length=100)]) -> Response:
    """A file of the page."""
    asset = assets.find(file)
    headers = {"Cache-Control": "no-cache", "ETag": asset.etag}
    return Response(asset.body, media_type=asset.media_type, headers=headers)


@router.get("/ui/{path:path}")
def shell(path: str) -> Response:  # noqa: ARG001 - the shell reads its address itself
    """The shell of every view."""
    return Response(assets.shell(), media_type="text/html; charset=utf-8", headers={"Content-Security-Policy": POLICY})
