"""A checkpoint on disk: a folder of files, complete if and only if its manifest is there and every hash agrees.

`CheckpointWriter` writes one, `read` and `verify` trust nothing before its hash was seen. What is inside the files is
said by those who write them: weights in `weights`, training state in `rank`. Making a model of it is in `restore`.

    epoch-0007/
        manifest.json           kind, format version, files with size and SHA-256, and what was trained; written last
        model.safetensors       weights; those of a pipeline are in several files, see `shards`
        state.json              epoch and metrics
        training-<rank>.pt      random state of each rank; rank 0's also holds optimizer and schedule
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import shutil
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Self

from trainables.failpoints import failpoint
from trainables.result import CheckpointRecord

KIND = "torch"
"""Kind of the checkpoints whose files are a PyTorch model's, as above."""

KINDS = (KIND, "directory")
"""All kinds; a manifest of another one is not ours to load. See `folders` for the second."""

FORMAT_VERSION = 1
"""Version of the layout above."""

MANIFEST = "manifest.json"
"""The file that makes a checkpoint complete."""

WEIGHTS = "model.safetensors"
"""The model's weights."""

STATE = "state.json"
"""Epoch and metrics, for people and scripts."""


_WAY_OUT = "the checkpoint is damaged: go back to an earlier one"


class CheckpointError(Exception):
    """A folder is not a complete, undamaged checkpoint; the message names the file, what was found and what must be."""


@dataclass(frozen=True, kw_only=True, slots=True)
class FileEntry:
    """One file of a checkpoint: its path in the folder, with slashes, size in bytes and SHA-256 in hex."""

    name: str
    bytes: int
    sha256: str

    @classmethod
    def of(cls, path: Path, folder: Path | None = None) -> Self:
        """Measure a file of the checkpoint in `folder`; default: the folder that the file is in."""
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        name = path.relative_to(folder or path.parent).as_posix()
        return cls(name=name, bytes=path.stat().st_size, sha256=digest)


@dataclass(frozen=True, kw_only=True, slots=True)
class Checkpoint:
    """A verified checkpoint: where it is and what its manifest says."""

    path: Path
    manifest: Mapping[str, Any]
    record: CheckpointRecord

    def training(self, rank: int) -> Path:
        """The training state of one rank."""
        return self.path / training_name(rank)


def checkpoint_name(epoch: int) -> str:
    """Return the folder name of the checkpoint at the end of an epoch: "epoch-0007"."""
    return f"epoch-{epoch:04d}"


def training_name(rank: int) -> str:
    """Return the file name of one rank's training state."""
    return f"training-{rank}.pt"


class CheckpointWriter:
    """Writes one checkpoint aside and puts it in place in one step.

    Ranks write their files into `aside`, each by way of `seal`; `commit` then writes the manifest and renames. Until
    then no folder of the final name exists, so a process killed at any point leaves no readable checkpoint behind.
    If the attempt already has a sound checkpoint of this epoch (a resumed attempt that trains an epoch again), that one
    stays: the first committed value of an epoch is the one that counts.

    Args:
        directory: The attempt's checkpoint folder; made if need be.
        epoch: The epoch whose end is saved.
    """

    def __init__(self, directory: Path, epoch: int) -> None:
        self.epoch = epoch
        self.path = directory / checkpoint_name(epoch)
        self.aside = directory / f"{self.path.name}.tmp-{uuid.uuid4().hex}"
        self.aside.mkdir(parents=True)

    def commit(
        self, files: Iterable[FileEntry], metrics: Mapping[str, float], facts: Mapping[str, Any]
    ) -> CheckpointRecord:
        """Finish: write state and manifest, then rename into place.

        Args:
            files: What the ranks wrote and sealed.
            metrics: Metrics of the epoch.
            facts: What else the manifest tells: the configuration, who trained it, aliases of weights, and the `kind`
                if it is not KIND.

        Raises:
            OSError: The store cannot be written; nothing is left in place.
        """
        numbers = {"epoch": self.epoch, "metrics": {name: _json_number(value) for name, value in metrics.items()}}
        entries = sorted([*files, write_sealed(self.aside / STATE, numbers)], key=lambda entry: entry.name)
        content = {
            "kind": KIND,
            "format_version": FORMAT_VERSION,
            **numbers,
            **facts,
            "files": {entry.name: {"bytes": entry.bytes, "sha256": entry.sha256} for entry in entries},
        }
        failpoint("checkpoint.before_manifest")
        # The files' names must be durable before the manifest vouches for them, and its own before the rename.
        sync_directory(self.aside)
        manifest = write_sealed(self.aside / MANIFEST, content | {"content_sha256": _content_sha256(content)})
        sync_directory(self.aside)
        kept = self._record_in_place()
        if kept is not None:
            self.discard()
            return kept
        failpoint("checkpoint.before_rename")
        self.aside.rename(self.path)
        sync_directory(self.path.parent)
        failpoint("checkpoint.after_rename")
        return CheckpointRecord(
            path=str(self.path),
            epoch=self.epoch,
            bytes=sum(entry.bytes for entry in [*entries, manifest]),
            manifest_sha256=manifest.sha256,
            metrics=dict(metrics),
        )

    def _record_in_place(self) -> CheckpointRecord | None:
        if not self.path.exists():
            return None
        try:
            return verify(self.path)
        except CheckpointError:
            shutil.rmtree(self.path)
            return None

    def discard(self) -> None:
        """Remove what was written aside."""
        shutil.rmtree(self.aside, ignore_errors=True)


def seal(path: Path, folder: Path | None = None) -> FileEntry:
    """Make a written file durable and measure it, as `FileEntry.of` does."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
    return FileEntry.of(path, folder)


def write_sealed(path: Path, content: Mapping[str, Any]) -> FileEntry:
    """Write a JSON file, make it durable and measure it."""
    path.write_text(json.dumps(content, indent=2, allow_nan=False) + "\n")
    return seal(path)


def read(path: str | Path, manifest_sha256: str | None = None) -> Checkpoint:
    """Verify a checkpoint, every hash included, and return it.

    Args:
        path: Its folder.
        manifest_sha256: What the manifest's own SHA-256 must be, hexadecimal; None where nobody wrote that down.

    Raises:
        CheckpointError: It is incomplete, damaged, another one, or of another kind or format version.
    """
    folder = Path(path).absolute()
    manifest, sha256 = _read_manifest(folder)
    if manifest_sha256 is not None and sha256 != manifest_sha256:
        raise CheckpointError(
            f"{folder / MANIFEST}: got SHA-256 {sha256}, must be {manifest_sha256} as it was when it was committed; "
            f"{_WAY_OUT}"
        )
    files = manifest["files"]
    for name, must in files.items():
        _check_file(folder, name, must)
    return Checkpoint(
        path=folder,
        manifest=manifest,
        record=CheckpointRecord(
            path=str(folder),
            epoch=manifest["epoch"],
            bytes=sum(entry["bytes"] for entry in files.values()) + (folder / MANIFEST).stat().st_size,
            manifest_sha256=sha256,
            metrics={name: math.nan if value is None else float(value) for name, value in manifest["metrics"].items()},
        ),
    )


def verify(path: str | Path) -> CheckpointRecord:
    """Verify a checkpoint, every hash included, and return its record.

    Raises:
        CheckpointError: It is incomplete, damaged, or of another kind or format version.
    """
    return read(path).record


def _read_manifest(folder: Path) -> tuple[dict[str, Any], str]:
    file = folder / MANIFEST
    try:
        raw = file.read_bytes()
        manifest = json.loads(raw)
        kind = manifest["kind"], manifest["format_version"]
        must = manifest.pop("content_sha256")
    except OSError as error:
        raise CheckpointError(
            f"{file}: got {error.strerror}, must be a readable manifest; the checkpoint was never completed or is "
            "gone: go back to an earlier one"
        ) from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise CheckpointError(f"{file}: got {error!r}, must be a whole manifest; {_WAY_OUT}") from error
    if kind not in {(known, FORMAT_VERSION) for known in KINDS}:
        raise CheckpointError(
            f"{file}: got kind {kind[0]!r} version {kind[1]!r}, must be {' or '.join(map(repr, KINDS))} version "
            f"{FORMAT_VERSION}; load it with the release that wrote it"
        )
    if _content_sha256(manifest) != must:
        raise CheckpointError(f"{file}: got content of SHA-256 {_content_sha256(manifest)}, must be {must}; {_WAY_OUT}")
    for name in manifest["files"]:
        if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts:
            raise CheckpointError(f"{file}: got a file named {name!r}, must be inside the folder; {_WAY_OUT}")
    return manifest, hashlib.sha256(raw).hexdigest()


def _check_file(folder: Path, name: str, must: Mapping[str, Any]) -> None:
    file = folder / name
    try:
        found = FileEntry.of(file)
    except OSError as error:
        raise CheckpointError(f"{file}: got {error.strerror}, must be {must['bytes']} bytes; {_WAY_OUT}") from error
    if found.bytes != must["bytes"]:
        raise CheckpointError(f"{file}: got {found.bytes} bytes, must be {must['bytes']}; {_WAY_OUT}")
    if found.sha256 != must["sha256"]:
        raise CheckpointError(f"{file}: got SHA-256 {found.sha256}, must be {must['sha256']}; {_WAY_OUT}")


def _content_sha256(content: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True, allow_nan=False).encode()).hexdigest()


def _json_number(value: float) -> float | None:
    return value if math.isfinite(value) else None


def sync_directory(path: Path) -> None:
    """Make the names in a folder durable."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
