"""Bugs that the harness must catch, planted in this process for the length of a `with` and nowhere else."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

from service.errors import LedgerUnavailable
from service.runner import recovery
from service.runner.run import Run
from service.store import Recorded
from trainables.checkpoints.checkpoint import CheckpointWriter

_DECIDED = ("stop", "pause", "promote")


def no_fence() -> AbstractContextManager[Any]:
    """A writer whose lease was taken over writes on."""
    return mock.patch("service.store.ledger.check_lease", return_value=None)


def answer_before_commit() -> AbstractContextManager[Any]:
    """What is to be committed waits for the next commit, and the gang is answered at once."""
    commit = Run._commit
    late: dict[int, Callable[..., Any]] = {}

    def answer(self: Run, verbs: Callable[..., Any]) -> Any:
        if "begin_attempt" in _names(verbs) or "move_search" in _names(verbs):
            _flush(self)
            return commit(self, verbs)
        _flush(self)
        late[id(self)] = verbs
        return []

    def _flush(run: Run) -> None:
        before = late.pop(id(run), None)
        if before is not None:
            commit(run, before)

    return mock.patch.object(Run, "_commit", answer)


def give_up_on_an_outage() -> AbstractContextManager[Any]:
    """What waited for the database is forgotten."""

    def once(self: Run, verbs: Callable[..., Any]) -> Any:
        try:
            with self.ledger.write(self.lease) as writer:
                return verbs(writer)
        except LedgerUnavailable:
            return []

    return mock.patch.object(Run, "_commit", once)


@contextmanager
def manifest_before_files() -> Iterator[None]:
    """A checkpoint's manifest is in place, and vouched for, before its files are whole: they come with the next one."""
    commit = CheckpointWriter.commit
    unwritten: dict[Path, bytes] = {}

    def early(self: CheckpointWriter, *given: Any) -> Any:
        for path, content in unwritten.items():
            if path.exists():
                path.write_bytes(content)
        unwritten.clear()
        record = commit(self, *given)
        weights = Path(record.path) / "weights.bin"
        unwritten[weights] = weights.read_bytes()
        weights.write_bytes(b"")
        return record

    with mock.patch.object(CheckpointWriter, "commit", early):
        yield


def forget_a_rung() -> AbstractContextManager[Any]:
    """Replay leaves out the verdicts of the newest report that decided something."""
    study_of = recovery.study_of

    def forgetful(spec: Any, history: list[Recorded]) -> Any:
        decided = [i for i, step in enumerate(history) if any(a["kind"] in _DECIDED for a in step.actions)]
        kept = [step for i, step in enumerate(history) if not decided or i != decided[-1]]
        return study_of(spec, kept)

    return mock.patch.object(recovery, "study_of", forgetful)


def _names(verbs: Callable[..., Any]) -> tuple[str, ...]:
    return verbs.__code__.co_names


PLANTED: Mapping[str, Callable[[], AbstractContextManager[Any]]] = {
    "no fence": no_fence,
    "answer before commit": answer_before_commit,
    "give up on an outage": give_up_on_an_outage,
    "manifest before files": manifest_before_files,
    "forget a rung": forget_a_rung,
}
"""Each is caught by `test_planted`."""
