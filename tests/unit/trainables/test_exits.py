"""How a process ended is told by the kernel, of processes that are nobody's child here too."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from trainables.gang.exits import Watched


def knows_exits() -> bool:
    """Whether this kernel tells (Linux 6.15 and later)."""
    if sys.platform != "linux":
        return False
    major, minor = os.uname().release.split(".")[:2]
    return (int(major), int(minor)) >= (6, 15)


def a_grandchild(code: str) -> int:
    """Start a process whose parent is not this one, and return its id."""
    starter = (
        "import subprocess, sys;"
        "p = subprocess.Popen([sys.executable, '-c', sys.argv[1]], stdout=subprocess.DEVNULL);"
        "print(p.pid, flush=True); sys.stdin.close(); p.wait()"
    )
    parent = subprocess.Popen([sys.executable, "-c", starter, code], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    with parent.stdout:
        pid = int(parent.stdout.readline())
    a_grandchild.parents.append(parent)
    return pid


a_grandchild.parents = []


@pytest.fixture(autouse=True)
def reaped():
    yield
    while a_grandchild.parents:
        a_grandchild.parents.pop().wait(20)


@pytest.mark.skipif(not knows_exits(), reason="the kernel does not tell")
def test_a_killed_process_and_one_that_left_are_told_apart():
    killed = Watched(a_grandchild("import time; time.sleep(60)"))
    left = Watched(a_grandchild("import os, time; time.sleep(0.5); os._exit(3)"))
    os.kill(killed.pid, signal.SIGKILL)
    assert killed.how_it_ended() == "was killed (signal 9, SIGKILL)"
    time.sleep(0.7)
    assert left.how_it_ended() == "ended its own process (exit code 3)"


def test_a_process_that_is_gone_already_ended_for_reasons_unknown():
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    assert "nobody tells how" in Watched(child.pid).how_it_ended()


def test_a_stopped_process_is_killed_at_once():
    watched = Watched(a_grandchild("import time; time.sleep(60)"))
    os.kill(watched.pid, signal.SIGSTOP)
    watched.kill()
    a_grandchild.parents[-1].wait(5)
    watched.kill()  # and once more does no harm
