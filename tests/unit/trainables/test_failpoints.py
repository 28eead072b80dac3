"""Failpoints do what is armed under their name, as often as that says, and nothing otherwise."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from trainables import failpoints
from trainables.failpoints import FailpointError, arm, failpoint


@pytest.fixture(autouse=True)
def _disarmed():
    yield
    arm("")


def test_nothing_happens_where_nothing_is_armed():
    failpoint("a.place")
    arm("another.place=error")
    failpoint("a.place")


def test_a_term_lasts_as_many_hits_as_it_says():
    arm("a.place=2*off->1*error->off")
    failpoint("a.place")
    failpoint("a.place")
    with pytest.raises(FailpointError, match=r"failpoint a\.place"):
        failpoint("a.place")
    failpoint("a.place")


def test_a_counted_last_term_leaves_the_failpoint_off():
    arm("a.place=1*error")
    with pytest.raises(FailpointError):
        failpoint("a.place")
    failpoint("a.place")


def test_a_place_says_what_its_error_is():
    arm("a.place=error; b.place=error")
    with pytest.raises(LookupError, match=r"failpoint b\.place"):
        failpoint("b.place", LookupError)


def test_sleep_is_in_seconds():
    arm("a.place=sleep(0.05)")
    began = time.monotonic()
    failpoint("a.place")
    assert time.monotonic() - began >= 0.05


def test_what_is_armed_in_the_folder_strikes_once_and_leaves_its_proof(tmp_path):
    (tmp_path / "a.place").write_text("error")
    arm(f"@{tmp_path}")
    with pytest.raises(FailpointError):
        failpoint("a.place")
    failpoint("a.place")
    assert [file.name for file in tmp_path.iterdir()] == [f"a.place.struck-{os.getpid()}"]


@pytest.mark.parametrize("text", ["a.place", "a.place=die", "a.place=2*", "a.place=sleep(x)"])
def test_what_cannot_be_armed_is_refused(text):
    with pytest.raises(ValueError, match=r"RUNG_FAILPOINTS: .*got .* must be .*correct it"):
        arm(text)


def test_the_environment_arms_a_new_process_and_kill_is_a_kill():
    program = "from trainables.failpoints import failpoint; failpoint('a.place')"
    env = {**os.environ, failpoints.VARIABLE: "a.place=kill"}
    assert subprocess.run([sys.executable, "-c", program], env=env, check=False).returncode == -signal.SIGKILL
