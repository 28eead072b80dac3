"""Fashion-MNIST as tensors: finds its four files, or downloads them once, and reads the idx format. Knows no model.

The files are those of Xiao, Rasul and Vollgraf, "Fashion-MNIST: a novel image dataset for benchmarking machine learning
algorithms" (2017): 60,000 images to train on and 10,000 to test on, of 28 x 28 pixels, in ten classes.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import struct
import tempfile
from pathlib import Path
from urllib.request import urlopen

import numpy as np
import torch
from torch import Tensor

DATA_FOLDER = "fashion-mnist"
"""The folder below RUNG_DATA_DIR, and below the user's cache."""

SOURCE = "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion"
"""Where the files are downloaded from: their authors' repository."""

CHECKSUMS = {
    "train-images-idx3-ubyte.gz": "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
    "train-labels-idx1-ubyte.gz": "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
    "t10k-images-idx3-ubyte.gz": "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
    "t10k-labels-idx1-ubyte.gz": "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
}
"""The four files with their SHA-256."""

TIMEOUT_S = 60.0
"""Seconds to wait for the source's next bytes."""


def read_images(part: str) -> tuple[Tensor, Tensor]:
    """Return the images and labels of a part.

    Args:
        part: "train" or "t10k", the latter for testing.

    Returns:
        Images, bytes of shape (samples, 1, 28, 28), and labels from 0 to 9, int64 of shape (samples,).

    Raises:
        FileNotFoundError: The files are not here, and cannot be had.
        ValueError: A file is not of the idx format, or images and labels are not of one number.
    """
    images_file, labels_file = (_file(f"{part}-{what}-ubyte.gz") for what in ("images-idx3", "labels-idx1"))
    images, labels = read_idx(images_file), read_idx(labels_file)
    if len(images) != len(labels):
        raise ValueError(
            f"{labels_file}: got {len(labels)} labels, must be {len(images)}, one for each image; replace both files"
        )
    return images.unsqueeze(1), labels.long()


def read_idx(path: Path) -> Tensor:
    """Return the bytes of a gzipped idx file in their shape.

    Raises:
        ValueError: It is not one of unsigned bytes, is damaged, or is shorter or longer than its shape.
    """
    try:
        content = gzip.decompress(path.read_bytes())
        kind, dimensions = struct.unpack_from(">HBB", content)[1:]
        shape = struct.unpack_from(f">{dimensions}I", content, 4)
        if kind != _UNSIGNED_BYTES:
            raise ValueError(f"numbers of kind {kind}")
        array = np.frombuffer(content, np.uint8, offset=4 + 4 * dimensions).reshape(shape)
    except (ValueError, struct.error, EOFError, gzip.BadGzipFile) as error:
        raise ValueError(f"{path}: got {error}, must be a gzipped idx file of bytes; replace it") from error
    return torch.from_numpy(array.copy())


def _file(name: str) -> Path:
    given = Path(os.environ.get("RUNG_DATA_DIR", "."), DATA_FOLDER, name)
    if given.is_file():
        return given
    cached = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "rung", DATA_FOLDER, name)
    if not cached.is_file():
        try:
            _download(f"{SOURCE}/{name}", cached, CHECKSUMS[name])
        except OSError as error:
            raise FileNotFoundError(
                f"{DATA_FOLDER}: got neither {given} nor a download from {SOURCE} ({error}), must have one of them; "
                f"put the four .gz files into {DATA_FOLDER}/ of a folder and set RUNG_DATA_DIR to it, on every node"
            ) from error
    return cached


def _download(url: str, path: Path, checksum: str) -> None:
    """Write a file under its name only when it is whole; ranks that do so at once write the same."""
    with urlopen(url, timeout=TIMEOUT_S) as answer:  # noqa: S310 - a constant https address  # nosec B310
        content: bytes = answer.read()
    got = hashlib.sha256(content).hexdigest()
    if got != checksum:
        raise OSError(f"SHA-256 is {got}, must be {checksum}")
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as aside:
        aside.write(content)
    Path(aside.name).replace(path)


_UNSIGNED_BYTES = 8
