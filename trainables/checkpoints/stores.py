"""Where committed checkpoints live: a folder that every node has, or an object store (`object_store`).

A checkpoint is known by its path below a root on the node, wherever it lives: `publish` brings what was committed at
that path to where it lives, `fetch` brings it back. In a folder the path is where it lives, and neither does anything.
What is in a checkpoint is in `checkpoint`.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Protocol

from trainables.checkpoints.checkpoint import MANIFEST


class StoreUnavailableError(OSError):
    """The store does not answer, or refuses; whether the checkpoint is sound is not known."""


class Store(Protocol):
    """One checkpoint store. All paths are absolute and below its root.

    **Thread safety.** Any thread may call, and any number of processes may use one store.
    **Completeness.** What `publish` was killed in is not there for `fetch`; `folders` lists it, so that it can go.
    """

    def publish(self, folder: Path) -> None:
        """Bring a committed checkpoint to where it lives, its manifest last; nothing of it is left on the way.

        Raises:
            StoreUnavailableError: It is not there, or not whole.
        """

    def fetch(self, folder: Path) -> Path:
        """Return a folder on this node with the files of a checkpoint; hand it to `let_go` when they are read.

        Nothing is verified. A checkpoint that does not exist is an empty folder, or none.

        Raises:
            StoreUnavailableError: The store does not answer.
        """

    def let_go(self, fetched: Path) -> None:
        """Delete what `fetch` had to bring to this node."""

    def remove(self, folder: Path) -> None:
        """Delete a checkpoint, its manifest first: what is left of it then is no checkpoint.

        Raises:
            OSError: It is not gone.
        """

    def folders(self, below: Path) -> Iterable[Path]:
        """Return the checkpoints of a search or a trial, half-written ones too; none where there is no such folder.

        Args:
            below: The folder of a search, `<root>/<search>`, or of a trial in it, `trial-<number>`.

        Raises:
            StoreUnavailableError: The store does not answer.
        """


class FolderStore:
    """A folder: this node's disk, or one that all nodes mount."""

    def publish(self, folder: Path) -> None:
        """Do nothing: it was committed where it lives."""

    def fetch(self, folder: Path) -> Path:
        """Return the folder itself."""
        return folder

    def let_go(self, fetched: Path) -> None:
        """Do nothing: it lives there."""

    def remove(self, folder: Path) -> None:
        """Delete a checkpoint, its manifest first.

        Raises:
            OSError: It is not gone.
        """
        (folder / MANIFEST).unlink(missing_ok=True)
        shutil.rmtree(folder)

    def folders(self, below: Path) -> Iterator[Path]:
        """Return the checkpoints of a search or a trial, half-written ones too."""
        return below.glob("attempt-*/*" if below.name.startswith("trial-") else "trial-*/attempt-*/*")


def open_store(url: str, root: Path) -> Store:
    """Return the store at a URL, which the operator chose.

    Args:
        url: "s3://bucket/prefix"; empty for the root itself.
        root: Folder below which paths name checkpoints; of an object store, only those on their way are in it.

    Raises:
        ModuleNotFoundError: An object store's client is not installed.
    """
    if not url:
        return FolderStore()
    from trainables.checkpoints.object_store import ObjectStore  # an extra, and a folder needs none of it

    return ObjectStore(url, root)
