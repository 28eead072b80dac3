"""Checkpoints in an S3 bucket: files first, then the manifest, which is created or refused, and never replaced.

A checkpoint's key is its path below the root. Credentials, region and endpoint come from the environment (`AWS_*`).
obstore rather than pyarrow's file system: only a create-only put (If-None-Match) makes sure that a fenced writer
replaces nobody's manifest.
"""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import timedelta
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError
from obstore.store import from_url

from trainables.checkpoints.checkpoint import MANIFEST
from trainables.checkpoints.stores import StoreUnavailableError
from trainables.failpoints import failpoint

T = TypeVar("T")

FETCHED = "fetched"
"""Folder below the root of what was brought back to this node."""

_CHUNK = 4 << 20
"""Bytes that are held in memory at once."""

_REQUEST: Any = {"timeout": timedelta(seconds=120), "connect_timeout": timedelta(seconds=5)}
_RETRIES: Any = {"max_retries": 5, "retry_timeout": timedelta(seconds=60)}
"""One request is tried again with growing pauses where the store is overloaded or the network fails."""


class ObjectStore:
    """The store at `s3://bucket/prefix`."""

    def __init__(self, url: str, root: Path) -> None:
        self._url = url
        self._root = root
        plain = {"allow_http": True} if os.environ.get("AWS_ALLOW_HTTP") == "true" else {}
        self._store: Any = from_url(url, client_options=_REQUEST | plain, retry_config=_RETRIES)

    def publish(self, folder: Path) -> None:
        """Upload the files, then create the manifest; the folder goes.

        Raises:
            StoreUnavailableError: The store does not take it, or another one has its name.
        """
        manifest = folder / MANIFEST
        if not self._is_there(manifest):  # or what it vouches for would be replaced
            for file in sorted(file for file in folder.rglob("*") if file.is_file() and file != manifest):
                self._answered(obstore.put, self._key(file), file)
            failpoint("upload.before_manifest")
            with suppress(AlreadyExistsError):
                self._answered(obstore.put, self._key(manifest), manifest, mode="create")
        # A manifest that was there already is ours where an answer was lost.
        if bytes(self._answered(obstore.get, self._key(manifest)).bytes()) != manifest.read_bytes():
            raise StoreUnavailableError(
                f"{self._url}: got a checkpoint named {self._key(folder)} already, must be a new name"
            )
        failpoint("upload.after_manifest")
        shutil.rmtree(folder)

    def fetch(self, folder: Path) -> Path:
        """Download all files of a checkpoint into a folder of this call's own.

        Raises:
            StoreUnavailableError: The store does not answer.
        """
        into = self._root / FETCHED / uuid.uuid4().hex
        into.mkdir(mode=0o700, parents=True)
        prefix = self._key(folder)
        for key in self._keys(prefix):
            file = into / PurePosixPath(key).relative_to(prefix)
            if not file.resolve().is_relative_to(into.resolve()):
                continue  # no file of ours has such a name
            file.parent.mkdir(parents=True, exist_ok=True)
            self._answered(self._download, key, file)
        return into

    def let_go(self, fetched: Path) -> None:
        """Delete what `fetch` brought."""
        shutil.rmtree(fetched, ignore_errors=True)

    def remove(self, folder: Path) -> None:
        """Delete a checkpoint, its manifest first, and what a killed upload left of it on this node.

        Raises:
            StoreUnavailableError: It is not gone.
        """
        shutil.rmtree(folder, ignore_errors=True)
        manifest = self._key(folder / MANIFEST)
        keys = sorted(self._keys(self._key(folder)), key=lambda key: key != manifest)
        for key in keys:
            self._answered(obstore.delete, key)

    def folders(self, below: Path) -> Iterable[Path]:
        """Return the checkpoints of a search or an attempt, in the store or left on this node by a killed upload."""
        depth = len(self._root.parts) + 4  # <search>/trial-<n>/attempt-<a>-<lease epoch>/<checkpoint>
        paths = [self._root / key for key in self._keys(self._key(below))]
        paths += [path for path in below.rglob("*") if path.is_file()]
        return sorted({Path(*path.parts[:depth]) for path in paths if path.parts[depth - 2].startswith("attempt-")})

    def _key(self, path: Path) -> str:
        return path.relative_to(self._root).as_posix()

    def _keys(self, prefix: str) -> list[str]:
        def listed(_: Any, prefix: str) -> list[str]:
            return [entry["path"] for chunk in obstore.list(self._store, prefix + "/") for entry in chunk]

        return self._answered(listed, prefix)

    def _is_there(self, path: Path) -> bool:
        return self._key(path) in self._keys(self._key(path.parent))

    def _download(self, store: Any, key: str, file: Path) -> None:
        with file.open("wb") as out:
            for chunk in obstore.get(store, key).stream(min_chunk_size=_CHUNK):
                out.write(chunk)

    def _answered(self, call: Callable[..., T], key: str, *args: Any, **options: Any) -> T:
        try:
            return call(self._store, key, *args, **options)
        except AlreadyExistsError:
            raise
        except (BaseError, OSError) as error:
            reason = str(error).strip().splitlines()[0]
            raise StoreUnavailableError(
                f"{self._url}: got no success with {key} ({reason}), must answer; see to the bucket and credentials"
            ) from error
