"""What every checkpoint store does. A test class that has a `root` and a `store` fixture inherits it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from trainables import CheckpointError
from trainables.checkpoints.checkpoint import MANIFEST, CheckpointWriter, read, seal


def committed(attempt: Path, epoch: int = 1) -> Path:
    """A whole checkpoint, as a gang commits it."""
    writer = CheckpointWriter(attempt, epoch)
    (writer.aside / "files" / "deep").mkdir(parents=True)
    names = ("model.safetensors", "files/deep/ä name")
    for name in names:
        (writer.aside / name).write_bytes(os.urandom(5000))
    writer.commit([seal(writer.aside / name, writer.aside) for name in names], {"loss": 1.0}, {})
    return writer.path


class CheckpointStoreContract:
    @pytest.fixture
    def attempt(self, root):
        return root / "s1" / "trial-0003" / "attempt-1-2"

    def test_what_was_published_comes_back_as_it_was(self, store, attempt):
        folder = committed(attempt)
        manifest = read(folder).record.manifest_sha256
        store.publish(folder)
        fetched = store.fetch(folder)
        assert read(fetched, manifest).record.epoch == 1
        store.let_go(fetched)

    def test_it_can_be_fetched_by_several_at_once_and_let_go_of_by_one(self, store, attempt):
        folder = committed(attempt)
        store.publish(folder)
        mine, theirs = store.fetch(folder), store.fetch(folder)
        store.let_go(mine)
        assert read(theirs)
        store.let_go(theirs)
        assert read(store.fetch(folder))

    def test_what_was_never_there_is_no_checkpoint(self, store, attempt):
        with pytest.raises(CheckpointError, match="must be a readable manifest"):
            read(store.fetch(attempt / "epoch-0009"))

    def test_what_was_removed_is_none_either_and_its_neighbours_are(self, store, attempt):
        folders = [committed(attempt, epoch) for epoch in (1, 10)]
        for folder in folders:
            store.publish(folder)
        store.remove(folders[0])
        with pytest.raises(CheckpointError):
            read(store.fetch(folders[0]))
        assert read(store.fetch(folders[1]))

    def test_it_lists_the_checkpoints_of_a_search_and_of_a_trial(self, store, root, attempt):
        other = root / "s1" / "trial-0004" / "attempt-2-2"
        for folder in (attempt, other, root / "s2" / "trial-0003" / "attempt-1-1"):
            store.publish(committed(folder))
        assert sorted(store.folders(root / "s1")) == [attempt / "epoch-0001", other / "epoch-0001"]
        assert list(store.folders(root / "s1" / "trial-0003")) == [attempt / "epoch-0001"]
        assert list(store.folders(root / "none")) == []

    def test_what_a_killed_writer_left_is_listed_and_can_be_removed(self, store, attempt):
        aside = CheckpointWriter(attempt, 4).aside
        (aside / "model.safetensors").write_bytes(b"half")
        (left,) = store.folders(attempt.parent)
        assert left == aside
        store.remove(left)
        assert list(store.folders(attempt.parent)) == []

    def test_a_trials_logs_are_none_of_its_checkpoints(self, store, attempt):
        logs = attempt.parent / "logs"
        logs.mkdir(parents=True)
        (logs / "events").write_text("x")
        assert list(store.folders(attempt.parent.parent)) == []
        assert MANIFEST not in os.listdir(logs)
