"""A Fashion-MNIST of a few images that a test writes: class k is a bright bar at row 2k, in noise."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np

COUNTS = {"train": 720, "t10k": 40}


def write_idx(path: Path, array: np.ndarray) -> None:
    head = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape)
    path.write_bytes(gzip.compress(head + array.tobytes(), compresslevel=1))


def write_clothes(data_dir: Path) -> Path:
    """Write the four files; return the folder that they are in."""
    folder = data_dir / "fashion-mnist"
    folder.mkdir()
    for seed, (part, count) in enumerate(COUNTS.items()):
        draw = np.random.default_rng(seed)
        labels = np.arange(count, dtype=np.uint8) % 10
        images = draw.integers(0, 120, (count, 28, 28), dtype=np.uint8)
        for image, label in zip(images, labels, strict=True):
            image[2 * label : 2 * label + 3] = 200
        write_idx(folder / f"{part}-images-idx3-ubyte.gz", images)
        write_idx(folder / f"{part}-labels-idx1-ubyte.gz", labels)
    return folder
