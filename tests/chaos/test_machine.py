"""Schedules of deaths, silences, cut-off nodes and a failing database, each settled without a violation."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.chaos.pure.machine import Schedule
from tests.chaos.pure.schedules import a_world, run_schedules


def test_no_schedule_that_hypothesis_thinks_of_loses_anything():
    with a_world() as Schedule.world:
        run_state_machine_as_test(
            Schedule,
            settings=settings(
                max_examples=15,
                stateful_step_count=15,
                deadline=None,
                database=None,
                phases=[Phase.generate],  # a schedule is short as it is, and shrinking one takes minutes
                suppress_health_check=list(HealthCheck),
            ),
        )


@pytest.mark.parametrize("seed", [1000])
def test_no_schedule_of_a_seed_loses_anything(seed):
    tally = run_schedules(itertools.count(seed), most=40)
    print(f"{60 * tally.schedules / tally.seconds:.0f} schedules a minute, struck {tally.struck}")
    assert tally.violations == {}
    assert len(tally.struck) >= 4
