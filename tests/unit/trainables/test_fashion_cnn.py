"""The built-in network for clothes, on a few images that a test writes; and where its data come from."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.support.assignments import an_assignment
from tests.support.clothes import write_clothes, write_idx
from tests.support.ranks import a_lone_rank
from trainables.models import fashion_data
from trainables.models.fashion_cnn import FashionCnn, Pixels

FIELDS: dict[str, Any] = {"import_path": "trainables.models.fashion_cnn:FashionCnn", "trainable": "fashion_cnn"}
REAL = Path(os.environ.get("RUNG_DATA_DIR", "."), "fashion-mnist", "train-images-idx3-ubyte.gz")


@pytest.fixture
def clothes(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("RUNG_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return write_clothes(tmp_path)


def test_it_tells_nine_in_ten_apart_after_three_epochs(tmp_path, clothes):
    rank = a_lone_rank(an_assignment(tmp_path, {"lr": 0.01, "width": 8, "batch_size": 32}, **FIELDS))
    curve = [rank.run_epoch().metrics for _ in range(3)]
    assert curve[-1]["accuracy"] > 0.9
    assert curve[-1]["loss"] < curve[0]["loss"]


def test_validation_images_are_the_last_sixth_and_never_trained_on(clothes):
    data = FashionCnn().datasets({"train_samples": 10_000})
    assert (len(data.train), len(data.validation)) == (600, 120)
    assert len(FashionCnn().test_data({})) == 40
    rows = {image.numpy().tobytes() for image in data.train.tensors[0]}
    assert rows.isdisjoint(image.numpy().tobytes() for image in data.validation.tensors[0])


def test_samples_and_classes_can_be_restricted(clothes):
    data = FashionCnn().datasets({"train_samples": 100, "validation_samples": 30, "first_class": 2, "last_class": 4})
    assert (len(data.train), len(data.validation)) == (30, 9)
    assert set(data.train.tensors[1].tolist()) == {2, 3, 4}
    with pytest.raises(ValueError, match=r"config.first_class: got no image of classes 5 to 4, must have one"):
        FashionCnn().datasets({"first_class": 5, "last_class": 4})


def test_images_are_mirrored_in_training_only_and_only_if_asked():
    images = torch.arange(28, dtype=torch.uint8).expand(64, 1, 28, 28)
    plain, mirroring = Pixels(mirror=False), Pixels(mirror=True)
    as_it_is = plain(images)
    mirrored = (mirroring(images) != as_it_is).flatten(1).any(dim=1)
    assert 0 < mirrored.sum() < 64
    assert torch.equal(mirroring.eval()(images), as_it_is)


def test_a_samples_output_does_not_depend_on_its_batch():
    model = FashionCnn().model({"width": 8}).eval()
    images = torch.randint(0, 256, (6, 1, 28, 28), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(model(images)[:2], model(images[:2]))


def test_the_picture_for_tensorboard_has_each_image_once(clothes):
    trainable = FashionCnn()
    images, labels = trainable.test_data({})[:8]
    (picture,) = trainable.images({}, trainable.model({}).eval(), (images, labels)).values()
    assert picture.shape == (1, 56, 8 * 28)
    assert picture.long().sum() == images.long().sum()


def test_a_file_that_is_no_gzip_is_named(clothes):
    (clothes / "t10k-images-idx3-ubyte.gz").write_bytes(b"no gzip")
    with pytest.raises(ValueError, match=r"t10k-images-idx3-ubyte.gz: got .*, must be a gzipped idx file of bytes"):
        FashionCnn().test_data({})


def test_a_file_that_is_shorter_than_its_shape_is_named(clothes):
    path = clothes / "t10k-images-idx3-ubyte.gz"
    path.write_bytes(gzip.compress(gzip.decompress(path.read_bytes())[:-1]))
    with pytest.raises(ValueError, match=r"t10k-images-idx3-ubyte.gz: got .*, must be a gzipped idx file of bytes"):
        FashionCnn().test_data({})


def test_images_without_their_labels_are_refused(clothes):
    write_idx(clothes / "t10k-labels-idx1-ubyte.gz", np.zeros(39, np.uint8))
    with pytest.raises(ValueError, match=r"t10k-labels-idx1-ubyte.gz: got 39 labels, must be 40"):
        FashionCnn().test_data({})


def test_files_are_downloaded_once_and_only_whole_ones_kept(tmp_path, clothes, monkeypatch):
    name = "t10k-labels-idx1-ubyte.gz"
    content = (clothes / name).read_bytes()
    (clothes / name).unlink()
    asked = []

    def answer(url, timeout):
        asked.append(url)
        return io.BytesIO(content)

    monkeypatch.setattr(fashion_data, "urlopen", answer)
    with pytest.raises(FileNotFoundError, match=r"fashion-mnist: got neither .*SHA-256 is .* set RUNG_DATA_DIR to it"):
        FashionCnn().test_data({})
    assert not (tmp_path / "cache").exists()
    monkeypatch.setitem(fashion_data.CHECKSUMS, name, hashlib.sha256(content).hexdigest())
    assert len(FashionCnn().test_data({})) == len(FashionCnn().test_data({})) == 40
    assert len(asked) == 2
    assert [path.name for path in (tmp_path / "cache" / "rung" / "fashion-mnist").iterdir()] == [name]


def test_without_files_or_network_the_way_out_is_told(tmp_path, clothes, monkeypatch):
    def unreachable(url, timeout):
        raise OSError("no route to host")

    (clothes / "train-images-idx3-ubyte.gz").unlink()
    monkeypatch.setattr(fashion_data, "urlopen", unreachable)
    with pytest.raises(FileNotFoundError, match=r"no route to host.*put the four .gz files into fashion-mnist/"):
        FashionCnn().datasets({})


@pytest.mark.skipif(not REAL.is_file(), reason="the real Fashion-MNIST is not in RUNG_DATA_DIR")
def test_the_real_images_are_the_published_ones_and_are_learned(tmp_path):
    for name, checksum in fashion_data.CHECKSUMS.items():
        assert hashlib.sha256((REAL.parent / name).read_bytes()).hexdigest() == checksum
    config = {"width": 8, "lr": 0.005, "train_samples": 2000, "validation_samples": 500}
    rank = a_lone_rank(an_assignment(tmp_path, config, **FIELDS))
    accuracies = [rank.run_epoch().metrics["accuracy"] for _ in range(2)]
    assert accuracies[-1] > 0.65
