"""What comes from `/best/checkpoint`: a verified checkpoint, whole, and nothing else of the disk."""

from __future__ import annotations

import io
import shutil
import tarfile

import pytest
from sqlalchemy import update

from service.api.routes import best
from service.store.tables import checkpoints
from tests.unit.api.test_bad_input import assert_problem
from trainables import verify
from trainables.checkpoints.checkpoint import CheckpointWriter, seal
from trainables.checkpoints.folders import KIND, seal_folder

WEIGHTS = bytes(range(256)) * 8192  # two chunks of a stream


@pytest.fixture
def checkpoint(service, ended):
    """A search's best checkpoint, written as gangs write them."""
    trial, committed = service.searches.ledger.best_checkpoint(ended)
    folder = service.searches.store / committed.path
    shutil.rmtree(folder)
    writer = CheckpointWriter(folder.parent, committed.epoch)
    (writer.aside / "model.safetensors").write_bytes(WEIGHTS)
    record = writer.commit([seal(writer.aside / "model.safetensors")], {"loss": trial.value}, {})
    note(service, record.manifest_sha256)
    return folder


def note(service, manifest_sha256: str) -> None:
    """The ledger knows these files as the committed ones; its own verbs write a row once."""
    with service.searches.ledger._database.writing() as connection:
        connection.execute(update(checkpoints).values(manifest_sha256=manifest_sha256))


@pytest.fixture
def url(ended):
    return f"/v1/searches/{ended}/best/checkpoint"


def test_it_comes_as_a_tar_that_verifies_again_where_it_is_unpacked(service, checkpoint, url, tmp_path):
    answer = service.http.get(url)
    assert answer.headers["content-type"] == "application/x-tar"
    assert len(answer.content) % tarfile.RECORDSIZE == 0  # else `curl | tar` breaks its pipe
    with tarfile.open(fileobj=io.BytesIO(answer.content)) as tar:
        assert tar.getnames() == ["manifest.json", "model.safetensors", "state.json"]
        tar.extractall(tmp_path / "unpacked", filter="data")
    assert verify(tmp_path / "unpacked").epoch == verify(checkpoint).epoch
    assert (tmp_path / "unpacked" / "model.safetensors").read_bytes() == WEIGHTS


def test_one_file_of_it_can_be_asked_for(service, checkpoint, url):
    answer = service.http.get(url, params={"file": "model.safetensors"})
    assert answer.content == WEIGHTS
    assert answer.headers["content-length"] == str(len(WEIGHTS))


def test_a_functions_files_come_with_their_subfolders_whatever_their_names(service, ended, url, tmp_path):
    trial, committed = service.searches.ledger.best_checkpoint(ended)
    folder = service.searches.store / committed.path
    shutil.rmtree(folder)
    writer = CheckpointWriter(folder.parent, committed.epoch)
    name = 'files/deep/ä "quoted";\nname'
    (writer.aside / "files" / "deep").mkdir(parents=True)
    (writer.aside / name).write_text("mine")
    note(service, writer.commit(seal_folder(writer.aside), {"loss": trial.value}, {"kind": KIND}).manifest_sha256)
    with tarfile.open(fileobj=io.BytesIO(service.http.get(url).content)) as tar:
        assert name in tar.getnames()
        tar.extractall(tmp_path / "unpacked", filter="data")
    assert verify(tmp_path / "unpacked").epoch == committed.epoch
    answer = service.http.get(url, params={"file": name})
    assert answer.content == b"mine"
    disposition = "attachment; filename*=UTF-8''%C3%A4%20%22quoted%22%3B%0Aname"
    assert answer.headers["content-disposition"] == disposition


@pytest.mark.parametrize("name", ["../x", "/etc/passwd", "..", "", "manifest.json/..", "nothing", "notes.txt"])
def test_a_file_that_is_not_of_the_checkpoint_is_refused(name, service, checkpoint, url):
    (checkpoint.parent / "x").write_text("beside it")
    (checkpoint / "notes.txt").write_text("in it, but in no manifest")
    assert_problem(service.http.get(url, params={"file": name}), 404)


def test_what_the_manifest_does_not_vouch_for_is_not_in_the_tar(service, checkpoint, url):
    (checkpoint / "notes.txt").write_text("in no manifest")
    with tarfile.open(fileobj=io.BytesIO(service.http.get(url).content)) as tar:
        assert "notes.txt" not in tar.getnames()


@pytest.mark.parametrize("file", [None, "manifest.json"])
@pytest.mark.parametrize("damage", ["flip", "truncate", "remove", "no manifest"])
def test_a_damaged_checkpoint_is_not_sent_and_its_place_on_disk_not_told(damage, file, service, checkpoint, url):
    weights = checkpoint / "model.safetensors"
    {
        "flip": lambda: weights.write_bytes(b"\1" + WEIGHTS[1:]),
        "truncate": lambda: weights.write_bytes(WEIGHTS[:-1]),
        "remove": weights.unlink,
        "no manifest": (checkpoint / "manifest.json").unlink,
    }[damage]()
    answer = service.http.get(url, params={} if file is None else {"file": file})
    assert "damaged" in assert_problem(answer, 404)["detail"]
    assert str(service.searches.store) not in answer.text


def test_a_checkpoint_that_is_removed_while_it_is_sent_still_comes_whole(service, checkpoint, url, monkeypatch):
    sent = best._chunks

    def remove_then_send(file):
        shutil.rmtree(checkpoint, ignore_errors=True)
        return sent(file)

    monkeypatch.setattr(best, "_chunks", remove_then_send)
    with tarfile.open(fileobj=io.BytesIO(service.http.get(url).content)) as tar:
        assert tar.extractfile("model.safetensors").read() == WEIGHTS
    assert not checkpoint.exists()


def test_a_checkpoint_that_is_removed_after_it_was_verified_is_a_404(service, checkpoint, url, monkeypatch):
    verified = best.read

    def read_then_remove(path, sha256):
        found = verified(path)
        shutil.rmtree(path)
        return found

    monkeypatch.setattr(best, "read", read_then_remove)
    assert_problem(service.http.get(url), 404)


def test_a_search_without_a_value_has_none(service):
    search = service.searches.submit()
    assert_problem(service.http.get(f"/v1/searches/{search}/best/checkpoint"), 404)


def test_nor_is_a_whole_one_that_is_not_the_one_that_was_committed(service, checkpoint, url):
    note(service, "0" * 64)
    assert "damaged" in assert_problem(service.http.get(url), 404)["detail"]
