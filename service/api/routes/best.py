"""`/v1/searches/{search}/best`: the best trial so far and its checkpoint, at any moment of a search."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import FileResponse, Response, StreamingResponse

from service.api.context import Context, ContextDep
from service.api.views import best_view
from service.errors import NotFound
from service.schemas import BestView
from trainables import CheckpointError, verify

router = APIRouter(tags=["best"])

_CHUNK = 1 << 20
"""Bytes that are held in memory at once."""


@router.get("/v1/searches/{search}/best")
def best(search: str, context: ContextDep) -> BestView:
    """Configuration, metrics and checkpoint of the best trial."""
    view = best_view(context.ledger, context.ledger.search(search))
    if view is None:
        raise NotFound(f"best: got search {search} without a finite value so far, must have one; ask again later")
    return view


@router.get("/v1/searches/{search}/best/checkpoint", response_class=Response)
def best_checkpoint(
    search: str,
    context: ContextDep,
    file: Annotated[str | None, Query(max_length=128, description="One file of it instead of a tar of all")] = None,
) -> Response:
    """The best trial's checkpoint as a tar, or one of its files; its hashes are verified before the first byte."""
    folder = _folder(search, context)
    names = sorted(path.name for path in folder.iterdir())
    if file is None:
        disposition = {"Content-Disposition": f'attachment; filename="{search}-best.tar"'}
        return StreamingResponse(_tar(folder, names), media_type="application/x-tar", headers=disposition)
    if file not in names:  # a name from this list is never a path
        raise NotFound(f"file: got {file!r}, must be one of {', '.join(names)}; correct it")
    return FileResponse(folder / file, media_type="application/octet-stream", filename=file)


def _folder(search: str, context: Context) -> Path:
    found = context.ledger.best_checkpoint(search)
    if found is None:
        raise NotFound(f"checkpoint: got search {search} without one of its best trial, must have one; ask again later")
    folder = context.store / found[1].path
    try:
        verify(folder)
    except CheckpointError as error:
        raise NotFound(f"checkpoint: got one that is damaged: {error}; ask again later, or retry the search") from None
    return folder


def _tar(folder: Path, names: list[str]) -> Iterator[bytes]:
    """The files one after another in tar blocks, without ever holding one in memory.

    The end is padded to a whole record: a `tar` at the end of a pipe reads whole records, stops at the end mark, and a
    byte more would break the pipe.
    """
    size = 0
    for name in names:
        path = folder / name
        header = tarfile.TarInfo(name)
        header.size = path.stat().st_size
        header.mtime = int(path.stat().st_mtime)
        header.mode = 0o600
        block = header.tobuf(tarfile.PAX_FORMAT)
        yield block
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                yield chunk
        padding = -header.size % tarfile.BLOCKSIZE
        yield b"\0" * padding
        size += len(block) + header.size + padding
    mark = 2 * tarfile.BLOCKSIZE
    yield b"\0" * (mark + -(size + mark) % tarfile.RECORDSIZE)
