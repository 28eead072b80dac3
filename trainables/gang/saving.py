"""One checkpoint on its way to disk: all ranks copy their state, then files are written while they train on.

When a checkpoint is due is the gang's matter, what the files hold that of the kinds of attempts, and when a folder
counts as a checkpoint that of `checkpoint`.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from trainables.checkpoints.checkpoint import CheckpointError, CheckpointWriter
from trainables.checkpoints.stores import Store
from trainables.failpoints import failpoint
from trainables.gang.processes import Processes, RankDiedError
from trainables.result import CheckpointRecord


class Saving:
    """The checkpoint of one epoch of one attempt.

    Args:
        processes: Who writes it.
        directory: The attempt's checkpoint folder; made if need be.
        epoch: The epoch that has just ended.
        store: Where the checkpoint lives when it is complete.
    """

    def __init__(self, processes: Processes, directory: Path, epoch: int, store: Store) -> None:
        self._processes = processes
        self._directory = directory
        self._store = store
        self._epoch = epoch
        self._record: CheckpointRecord | None = None
        self._error: CheckpointError | None = None

    def begin(self, metrics: Mapping[str, float], facts: Mapping[str, Any]) -> None:
        """Copy the ranks' state, and begin to write; returns as soon as the ranks may train on.

        Args:
            metrics: Metrics of the epoch.
            facts: What else the manifest tells.

        Raises:
            CheckpointError: The state cannot be copied, or there is none, or the folder cannot be made.
            RankDiedError: A rank's process is gone.
        """
        try:
            self._processes.each("snapshot")
            writer = CheckpointWriter(self._directory, self._epoch)
        except (RankDiedError, CheckpointError):
            raise
        except Exception as error:  # a model's own hooks may raise anything
            raise self._because_of(error) from error
        arguments = (writer, dict(metrics), dict(facts))
        self._thread = threading.Thread(target=self._write, args=arguments, name="write-checkpoint", daemon=True)
        self._thread.start()

    def is_done(self, *, within_s: float | None) -> bool:
        """Wait for so many seconds at most (None: as long as it takes), and return whether it has ended."""
        self._thread.join(within_s)
        return not self._thread.is_alive()

    def record(self) -> CheckpointRecord:
        """Wait until it is complete, and return its record.

        Raises:
            CheckpointError: It could not be written; nothing is left in its place.
        """
        self._thread.join()
        if self._error is not None:
            raise self._error
        assert self._record is not None
        return self._record

    def _write(self, writer: CheckpointWriter, metrics: Mapping[str, float], facts: Mapping[str, Any]) -> None:
        try:
            failpoint("checkpoint.before_files")
            saved = self._processes.write(str(writer.aside))
            files = [file for part in saved for file in part.files]
            kind, aliases = saved[0].kind, dict(saved[0].aliases)
            record = writer.commit(files, metrics, {**facts, "kind": kind, "aliases": aliases})
            self._store.publish(writer.path)
            self._record = record
        except Exception as error:  # noqa: BLE001  (raised again, in the thread that asks for the record)
            writer.discard()
            self._error = self._because_of(error)

    def _because_of(self, error: Exception) -> CheckpointError:
        return CheckpointError(
            f"no checkpoint of epoch {self._epoch}: {self._directory}: got {type(error).__name__}: {error}, must be "
            "writable; the trial can go on, its earlier checkpoints are untouched"
        )
