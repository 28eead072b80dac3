"""Where the files of a search are, below the checkpoint store. One class owns every name; nobody else joins paths."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True, slots=True)
class SearchPaths:
    """The folders of one search.

    Attributes:
        store: the root of all checkpoints' paths, absolute; they live there, or in an object store under these names.
        search: id of the search.
    """

    store: Path
    search: str

    @property
    def root(self) -> Path:
        """Folder of all its checkpoints."""
        return self.store / self.search

    def attempt(self, trial: int, attempt: int, lease_epoch: int) -> Path:
        """Folder of one attempt's checkpoints. The lease's epoch keeps a fenced writer out of its successor's."""
        return self.trial(trial) / f"attempt-{attempt}-{lease_epoch}"

    def logs(self, trial: int) -> Path:
        """Folder of what a trial's integrations write, all its attempts'; beside their checkpoints."""
        return self.trial(trial) / "logs"

    def trial(self, trial: int) -> Path:
        """Folder of one trial: its attempts', under whatever lease, and its logs."""
        return self.root / f"trial-{trial:04d}"

    def absolute(self, path: str) -> Path:
        """The folder that a checkpoint's row names."""
        return self.store / path

    def relative(self, path: Path) -> str:
        """What a checkpoint's row says of a folder."""
        return path.relative_to(self.store).as_posix()
