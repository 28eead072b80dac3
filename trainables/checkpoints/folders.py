"""Checkpoints of kind "directory": whatever files a function saved, subfolders too, below `files/`.

Manifest and `state.json` are those of every checkpoint (`checkpoint`). What the files mean, the function knows.

    epoch-0007/
        manifest.json
        state.json
        files/...               as the function laid them out
"""

from __future__ import annotations

import os
from pathlib import Path

from trainables.checkpoints.checkpoint import CheckpointError, FileEntry, seal, sync_directory

KIND = "directory"
"""Kind of these checkpoints."""

FILES = "files"
"""The folder with the function's own files."""


def seal_folder(checkpoint: Path) -> tuple[FileEntry, ...]:
    """Make all that lies below `files/` of a checkpoint durable and measure it. Empty folders are not part of it.

    Raises:
        CheckpointError: There is no file, or something that is neither file nor folder, a link for instance.
    """
    entries: list[FileEntry] = []
    for parent, folders, names in os.walk(checkpoint / FILES):
        for name in [*folders, *names]:
            path = Path(parent, name)
            if path.is_symlink() or not (path.is_file() or path.is_dir()):
                raise CheckpointError(
                    f"{path.relative_to(checkpoint / FILES)}: got a link or a special file, must be a file or a folder;"
                    " save a copy of what it leads to"
                )
        entries += [seal(Path(parent, name), checkpoint) for name in names]
        sync_directory(Path(parent))
    if not entries:
        raise CheckpointError("the saved folder: got no files, must be at least one; report without checkpoint instead")
    return tuple(entries)
