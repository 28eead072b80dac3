"""`/v1/searches/{search}/best`: the best trial so far and its checkpoint, at any moment of a search."""

from __future__ import annotations

import logging
import os
import tarfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import PurePosixPath
from typing import Annotated, BinaryIO
from urllib.parse import quote

from fastapi import APIRouter, Query
from fastapi.responses import Response, StreamingResponse

from service.api.context import Context, ContextDep
from service.api.principals import SearchId
from service.api.views import best_view
from service.errors import NotFound, StoreUnavailable
from service.schemas import BestView
from trainables import CheckpointError
from trainables.checkpoints.checkpoint import MANIFEST, Checkpoint, read
from trainables.checkpoints.stores import StoreUnavailableError

log = logging.getLogger(__name__)

router = APIRouter(tags=["best"])

_CHUNK = 1 << 20
"""Bytes that are held in memory at once."""


@router.get("/v1/searches/{search}/best")
def best(search: SearchId, context: ContextDep) -> BestView:
    """Configuration, metrics and checkpoint of the best trial."""
    view = best_view(context.ledger, context.ledger.search(search))
    if view is None:
        raise NotFound(f"best: got search {search} without a finite value so far, must have one; ask again later")
    return view


@router.get("/v1/searches/{search}/best/checkpoint", response_class=Response)
def best_checkpoint(
    search: SearchId,
    context: ContextDep,
    file: Annotated[str | None, Query(max_length=1024, description="One file of it instead of a tar of all")] = None,
) -> Response:
    """The best trial's checkpoint as a tar, or one of its files; its hashes are verified before the first byte."""
    opened: list[tuple[str, BinaryIO]] = []
    with ExitStack() as stack:
        checkpoint = _checkpoint(search, context, stack)
        names = sorted([MANIFEST, *checkpoint.manifest["files"]])
        if file is not None and file not in names:  # a name from this list is never a path
            raise NotFound(f"file: got {file!r}, must be one of {', '.join(names)}; correct it")
        # All are open before the first byte: a checkpoint that retention removes meanwhile is still sent whole.
        try:
            for name in names if file is None else [file]:
                opened.append((name, stack.enter_context((checkpoint.path / name).open("rb"))))
        except OSError:
            raise _gone(search) from None
        closing = stack.pop_all()
    if file is None:
        headers = {"Content-Disposition": f'attachment; filename="{search}-best.tar"'}
        return StreamingResponse(_tar(opened, closing), media_type="application/x-tar", headers=headers)
    size = os.fstat(opened[0][1].fileno()).st_size
    # In a subfolder a file has slashes in its name, and a function may have chosen any letters.
    disposition = f"attachment; filename*=UTF-8''{quote(PurePosixPath(file).name, safe='')}"
    headers = {"Content-Disposition": disposition, "Content-Length": str(size)}
    return StreamingResponse(_bytes(opened, closing), media_type="application/octet-stream", headers=headers)


def _checkpoint(search: str, context: Context, stack: ExitStack) -> Checkpoint:
    """The best checkpoint, verified; what was brought to this node for it goes when the stack closes."""
    found = context.ledger.best_checkpoint(search)
    if found is None:
        raise NotFound(f"checkpoint: got search {search} without one of its best trial, must have one; ask again later")
    try:
        fetched = context.checkpoints.fetch(context.store / found[1].path)
        stack.callback(context.checkpoints.let_go, fetched)
        return read(fetched, found[1].manifest_sha256)
    except StoreUnavailableError as error:
        log.error("search %s: its best checkpoint cannot be had: %s", search, error)
        raise StoreUnavailable(
            f"checkpoint: got no answer from the store of search {search}'s, must be reachable; try again"
        ) from None
    except CheckpointError as error:
        log.error("search %s: its best checkpoint is damaged: %s", search, error)  # the path in it is not for clients
        raise _gone(search) from None


def _gone(search: str) -> NotFound:
    return NotFound(
        f"checkpoint: got one of search {search} that is damaged or gone, must be whole; ask again later, "
        "the service's log names the file"
    )


def _bytes(opened: list[tuple[str, BinaryIO]], closing: ExitStack) -> Iterator[bytes]:
    with closing:
        for _, file in opened:
            yield from _chunks(file)


def _tar(opened: list[tuple[str, BinaryIO]], closing: ExitStack) -> Iterator[bytes]:
    """The files one after another in tar blocks, without ever holding one in memory.

    The end is padded to a whole record: a `tar` at the end of a pipe reads whole records, stops at the end mark, and a
    byte more would break the pipe.
    """
    size = 0
    with closing:
        for name, file in opened:
            status = os.fstat(file.fileno())
            header = tarfile.TarInfo(name)
            header.size = status.st_size
            header.mtime = int(status.st_mtime)
            header.mode = 0o600
            block = header.tobuf(tarfile.PAX_FORMAT)
            yield block
            yield from _chunks(file)
            padding = -header.size % tarfile.BLOCKSIZE
            yield b"\0" * padding
            size += len(block) + header.size + padding
    mark = 2 * tarfile.BLOCKSIZE
    yield b"\0" * (mark + -(size + mark) % tarfile.RECORDSIZE)


def _chunks(file: BinaryIO) -> Iterator[bytes]:
    while chunk := file.read(_CHUNK):
        yield chunk
