"""The checkpoint that an attempt goes on from: verified, and told apart from whatever else may fail in a setup."""

from __future__ import annotations

from trainables.assignment import Assignment
from trainables.checkpoints.checkpoint import Checkpoint, CheckpointError, read


class DamagedError(CheckpointError):
    """The checkpoint to go on from does not verify. Nothing is wrong with the trial: an earlier one may do."""


def resume_point(assignment: Assignment) -> Checkpoint | None:
    """Return the verified checkpoint that an assignment goes on from, None where it begins at epoch 0.

    Raises:
        DamagedError: It is gone, incomplete, damaged, or not the one that the ledger named.
    """
    if assignment.resume_from is None:
        return None
    try:
        return read(assignment.resume_from, assignment.resume_sha256)
    except CheckpointError as error:
        raise DamagedError(str(error)) from error
