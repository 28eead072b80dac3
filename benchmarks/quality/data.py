"""Where the benchmark data lies. What is in the files is the business of the tasks that read them."""

from __future__ import annotations

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
"""The project's root."""


class DataMissing(RuntimeError):
    """A task's data is not on this machine."""


def data_dir() -> Path:
    """The folder of the benchmark data: `RUNG_DATA_DIR`, else `../shared/data` beside the project."""
    return Path(os.environ.get("RUNG_DATA_DIR") or ROOT.parent / "shared" / "data")


def data_file(*parts: str) -> Path:
    """One file of the data.

    Raises:
        DataMissing: it is not there.
    """
    return _existing(data_dir().joinpath(*parts))


def data_folder(name: str) -> Path:
    """One folder of the data.

    Raises:
        DataMissing: it is not there.
    """
    return _existing(data_dir() / name)


def _existing(path: Path) -> Path:
    if not path.exists():
        raise DataMissing(f"data: got no {path}, must be there; set RUNG_DATA_DIR to the folder of the data")
    return path
