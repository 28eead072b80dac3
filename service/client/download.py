"""Brings a checkpoint here: a tar stream, unpacked aside, every SHA-256 of its manifest checked, then moved into place.

What the files mean, and how to make a model of them, is `trainables.load`'s knowledge.
"""

from __future__ import annotations

import hashlib
import json
import tarfile
import tempfile
from pathlib import Path

from service.client.errors import ClientError
from service.client.http import Http

MANIFEST = "manifest.json"
"""The member that lists all others with size and SHA-256."""


class BrokenDownload(ClientError):
    """What arrived is not what the manifest says; nothing was left in the target folder."""


def download_checkpoint(http: Http, path: str, directory: Path) -> Path:
    """Downloads the tar at `path` into `directory`, which is made; all of it arrives, or nothing.

    Returns:
        `directory`, absolute.

    Raises:
        ValueError: `directory` exists and is not an empty folder.
        BrokenDownload: the stream or a file is damaged.
        ApiError: the service refuses, e.g. 404 while there is no checkpoint.
        Unreachable: it does not answer.
    """
    target = directory.expanduser().absolute()
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise ValueError(f"directory: got {target}, which holds something, must be new or empty; name another folder")
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".rung-download-") as scratch:
        archive, files = Path(scratch, "checkpoint.tar"), Path(scratch, "files")
        http.download(path, archive)
        try:
            with tarfile.open(archive, "r:") as tar:
                tar.extractall(files, filter="data")
        except (tarfile.TarError, EOFError) as error:
            raise BrokenDownload(f"the checkpoint's tar stream is damaged ({error}); download it again") from error
        check_files(files)
        files.rename(target)
    return target


def check_files(folder: Path) -> None:
    """Compares every file with the manifest.

    Raises:
        BrokenDownload: naming the first file that is missing or differs.
    """
    manifest = folder / MANIFEST
    if not manifest.is_file():
        raise BrokenDownload(f"{MANIFEST}: got nothing, must be in every checkpoint; download it again")
    for name, must in json.loads(manifest.read_text())["files"].items():
        file = folder / name
        if not file.is_file():
            raise BrokenDownload(f"{name}: got nothing, must be there as {MANIFEST} lists it; download it again")
        with file.open("rb") as content:
            digest = hashlib.file_digest(content, "sha256").hexdigest()
        if digest != must["sha256"]:
            raise BrokenDownload(f"{name}: got SHA-256 {digest}, must be {must['sha256']}; download it again")
