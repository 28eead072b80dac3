"""Several processes on one ledger: starting at once, writing at once, being killed."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from service.store import EventKind, Ledger
from tests.contracts.story import begun

ROOT = Path(__file__).parents[2]

OPEN = """
import sys
from service.store import Ledger
Ledger.open(sys.argv[1]).close()
"""

WRITE = """
import sys
from service.store import EventKind, Ledger
url, search, owner = sys.argv[1:]
ledger = Ledger.open(url)
lease = ledger.take_lease(owner, owner, 60)
for n in range(40):
    with ledger.write(lease) as writer:
        writer.event(search, EventKind.WARNING, {"owner": owner, "n": n})
        writer.event(search, EventKind.WARNING, {"owner": owner, "n": n + 0.5})
ledger.close()
"""

KILLED_IN_MIGRATION = """
import os, signal, sys
from sqlalchemy import Engine, event
from service.store import Ledger
left = int(sys.argv[2])
@event.listens_for(Engine, "after_cursor_execute")
def count(connection, cursor, statement, *rest):
    global left
    left -= statement.lstrip().startswith("CREATE")
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)
Ledger.open(sys.argv[1])
"""

KILLED_IN_WRITE = """
import os, signal, sys
from service.models import Lease
from service.states import TrialState
from service.store import EventKind, Ledger
url, search, owner, epoch = sys.argv[1:]
ledger = Ledger.open(url)
with ledger.write(Lease(name=f"search/{search}", owner=owner, epoch=int(epoch))) as writer:
    writer.event(search, EventKind.WARNING, {"message": "never"})
    writer.propose(search, 1, {}, {}, {})
    os.kill(os.getpid(), signal.SIGKILL)
"""


def start(script: str, *args: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", script, *args]
    return subprocess.Popen(command, cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def finish(process: subprocess.Popen[str]) -> tuple[int, str]:
    output, _ = process.communicate(timeout=120)
    return process.returncode, output


class ProcessesContract:
    def test_processes_that_start_at_once_on_an_empty_database_all_open_it(self, url: str) -> None:
        processes = [start(OPEN, url) for _ in range(3)]
        assert [finish(process) for process in processes] == [(0, "")] * 3
        Ledger.open(url).close()

    @pytest.mark.parametrize("statement", [1, 9, 18])
    def test_a_process_killed_while_it_migrates_leaves_a_database_that_opens(self, url: str, statement: int) -> None:
        status, output = finish(start(KILLED_IN_MIGRATION, url, str(statement)))
        assert status == -signal.SIGKILL, output

        ledger = Ledger.open(url)
        begun(ledger).running()
        ledger.close()

    def test_a_process_killed_while_it_writes_has_written_nothing(self, ledger: Ledger, url: str) -> None:
        story = begun(ledger)
        before = (story.read(), ledger.events(story.search))
        status, output = finish(start(KILLED_IN_WRITE, url, story.search, story.lease.owner, str(story.lease.epoch)))

        assert status == -signal.SIGKILL, output
        assert (story.read(), ledger.events(story.search)) == before
        story.propose()

    def test_two_processes_that_write_at_once_lose_no_event_and_no_sequence(self, ledger: Ledger, url: str) -> None:
        story = begun(ledger)
        before = story.read().last_seq
        processes = [start(WRITE, url, story.search, owner) for owner in ("one", "two")]
        read: list[int] = []
        while any(process.poll() is None for process in processes):
            read += [event.seq for event in ledger.events(story.search, after=read[-1] if read else 0)]
        assert [finish(process) for process in processes] == [(0, "")] * 2
        read += [event.seq for event in ledger.events(story.search, after=read[-1] if read else 0)]

        events = ledger.events(story.search, after=before)
        assert read == list(range(1, before + 161))
        assert story.read().last_seq == before + 160
        for owner in ("one", "two"):
            written = [event.data["n"] for event in events if event.data.get("owner") == owner]
            assert written == [n / 2 for n in range(80)]
        assert all(event.kind == EventKind.WARNING for event in events)
