"""Which checkpoints may go, and what a sweep of a search's folder deletes."""

from __future__ import annotations

import logging
from datetime import UTC, datetime

import pytest

from service.models import Checkpoint
from service.runner import retention
from trainables.checkpoints.stores import FolderStore


def checkpoint(attempt: int, epoch: int) -> Checkpoint:
    return Checkpoint(
        search="s",
        trial=0,
        attempt=attempt,
        epoch=epoch,
        path=f"s/trial-0000/attempt-{attempt}-1/epoch-{epoch:04d}",
        bytes=1,
        manifest_sha256="0" * 64,
        created_at=datetime.now(UTC),
        deleted_at=None,
    )


@pytest.mark.parametrize(
    ("there", "best", "gone"),
    [
        pytest.param([], None, [], id="none"),
        pytest.param([(1, 1)], 1, [], id="the best that is the newest"),
        pytest.param([(1, 1), (1, 2), (1, 3)], 1, [(1, 2)], id="what lies between the best and the newest"),
        pytest.param([(1, 1), (1, 2)], None, [(1, 1)], id="all but the newest without a best"),
        pytest.param([(1, 2), (1, 4)], 3, [(1, 2)], id="all but the newest where the best has no checkpoint"),
        pytest.param([(1, 4), (2, 3)], 9, [(1, 4)], id="an older attempt, although its epoch is later"),
    ],
)
def test_of_a_trial_go(there, best, gone):
    checkpoints = [checkpoint(*one) for one in there]
    superfluous = retention.superfluous(checkpoints, best, "best+last")
    assert [(one.attempt, one.epoch) for one in superfluous] == gone


def test_nothing_goes_where_all_are_kept():
    assert retention.superfluous([checkpoint(1, epoch) for epoch in range(1, 9)], 2, "all") == []


def test_a_sweep_deletes_what_no_row_names_and_nothing_else(tmp_path):
    root = tmp_path / "search"
    live, half_written, orphan, _ = folders = (
        root / "trial-0000" / "attempt-1-1" / "epoch-0001",
        root / "trial-0000" / "attempt-1-1" / "epoch-0002.tmp-17",
        root / "trial-0001" / "attempt-1-1" / "epoch-0001",
        tmp_path / "another search" / "trial-0000" / "attempt-1-1" / "epoch-0001",
    )
    for folder in folders:
        folder.mkdir(parents=True)
        (folder / "model.safetensors").write_text("weights")
    assert sorted(retention.sweep(FolderStore(), retention.listed(FolderStore(), root), [live])) == [
        half_written,
        orphan,
    ]
    assert [folder.exists() for folder in folders] == [True, False, False, True]
    assert (live / "model.safetensors").read_text() == "weights"


def test_a_search_that_has_no_folder_yet_is_swept_in_peace(tmp_path):
    assert retention.listed(FolderStore(), tmp_path / "none") == []


def test_a_folder_that_cannot_be_deleted_is_told_and_holds_up_no_other(tmp_path, caplog):
    other = tmp_path / "other"
    other.mkdir()
    with caplog.at_level(logging.WARNING):
        retention.remove(FolderStore(), [tmp_path / "missing", other])
    assert "missing" in caplog.text
    assert not other.exists()
