"""The harness sees what it is there to see: each planted bug is caught within some schedules, and none without one."""

from __future__ import annotations

import itertools

import pytest

from tests.chaos.planted import PLANTED
from tests.chaos.pure.schedules import a_world, run_schedule

MOST = 60
"""Schedules within which a planted bug must be caught."""


@pytest.mark.parametrize("bug", PLANTED)
def test_a_planted_bug_is_caught(bug):
    with a_world() as world, PLANTED[bug]():
        for seed in itertools.islice(itertools.count(), MOST):
            found = run_schedule(world, seed)
            if found:
                print(f"{bug}: caught by seed {seed}: {found[0]}")
                return
    raise AssertionError(f"{bug}: not caught by {MOST} schedules")
