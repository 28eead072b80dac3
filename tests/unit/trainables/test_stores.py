"""A folder as the store of checkpoints."""

from __future__ import annotations

import pytest

from tests.contracts.checkpoint_store import CheckpointStoreContract
from trainables.checkpoints.stores import FolderStore, open_store


class TestFolder(CheckpointStoreContract):
    @pytest.fixture
    def root(self, tmp_path):
        return tmp_path / "checkpoints"

    @pytest.fixture
    def store(self, root):
        return open_store("", root)

    def test_it_moves_nothing(self, store, attempt):
        assert isinstance(store, FolderStore)
        assert store.fetch(attempt) == attempt
