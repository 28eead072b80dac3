"""The harness sees what it is there to see: each planted bug is caught within some schedules."""

from __future__ import annotations

import itertools

import pytest

from tests.chaos.planted import PLANTED
from tests.chaos.pure.fuse import Strike
from tests.chaos.pure.schedules import a_world, run_schedule

MOST = 60
"""Schedules within which a planted bug must be caught."""


def refuse_a_statement(world, boundary):
    """The database is gone at one statement of a runner's busy step, and back at the next."""
    world.begin()
    world.submit("asha", trials=4, epochs=4, seed=1)
    for _ in range(2):
        world.coordinate(0)
    for turn in range(3 + boundary % 3):
        world.run(0, turn)
    world.strike(Strike.ERROR, boundary)
    world.run(0, 0)
    return world.settle()


SCHEDULES = {"give up on an outage": refuse_a_statement}
"""What catches a bug more directly than a schedule that is drawn from a seed."""


@pytest.mark.parametrize("bug", PLANTED)
def test_a_planted_bug_is_caught(bug):
    schedule = SCHEDULES.get(bug, run_schedule)
    with a_world() as world, PLANTED[bug]():
        for seed in itertools.islice(itertools.count(), MOST):
            found = schedule(world, seed)
            if found:
                print(f"{bug}: caught by seed {seed}: {found[0]}")
                return
    raise AssertionError(f"{bug}: not caught by {MOST} schedules")


def test_the_direct_schedule_finds_nothing_where_nothing_is_planted():
    with a_world() as world:
        assert [refuse_a_statement(world, boundary) for boundary in range(6, 12)] == [[]] * 6
