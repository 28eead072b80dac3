"""Fair share over time, on a virtual clock: windows, starvation, gangs of several sizes, comings and goings."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.coordinator.allowance import Claim, Node
from service.coordinator.shares import Shares
from tests.unit.coordinator.cluster_clock import ClusterClock

NODE = Node(cpus=8, gpus=0)
SIMULATED = settings(deadline=None, max_examples=25)
"""A loaded machine is no fault, and each example is minutes of virtual time."""


def claim(search, *, workers=1, weight=1.0, demand=8, priority=0):
    return Claim(search=search, workers=workers, cpus=1, gpus=0, demand=demand, weight=weight, priority=priority)


def pair(workers_a, workers_b):
    return [claim("a", workers=workers_a, weight=3.0), claim("b", workers=workers_b)]


@pytest.mark.parametrize("epoch_s", [0.5, 20.0])
@pytest.mark.parametrize("workers", [(1, 1), (2, 2), (1, 2), (2, 1)])
def test_weights_of_three_to_one_hold_over_any_minute_where_whole_gangs_can_hold_them(workers, epoch_s):
    clock = ClusterClock(node=NODE, epoch_s={"a": epoch_s, "b": epoch_s})
    clock.run(300, pair(*workers))
    ratios = clock.ratios("a", "b", after_s=0)
    assert all(2.85 <= ratio <= 3.15 for ratio in ratios)


@pytest.mark.parametrize("workers", [(4, 4), (1, 4), (4, 1), (2, 4), (4, 2)])
def test_where_whole_gangs_cannot_the_searches_take_turns_and_a_minute_of_two_slices_holds_them(workers):
    clock = ClusterClock(node=NODE, epoch_s={"a": 0.5, "b": 0.5})
    clock.run(400, pair(*workers))
    assert all(2.85 <= ratio <= 3.15 for ratio in clock.ratios("a", "b", after_s=60))


@pytest.mark.parametrize("workers", [(4, 4), (1, 4), (4, 1)])
def test_with_long_epochs_turns_are_longer_and_still_make_up_for_each_other(workers):
    clock = ClusterClock(node=NODE, epoch_s={"a": 20.0, "b": 20.0})
    clock.run(3600, pair(*workers))
    assert all(2.7 <= ratio <= 3.3 for ratio in clock.ratios("a", "b", after_s=60, window_s=1200))


@SIMULATED
@given(
    st.lists(
        st.tuples(st.sampled_from([1, 2, 4]), st.sampled_from([0.5, 1.0, 3.0]), st.integers(1, 8)),
        min_size=2,
        max_size=6,
    )
)
def test_nobody_of_one_priority_starves_and_nothing_idles_that_somebody_could_use(shapes):
    claims = [claim(f"s{i}", workers=w, weight=v, demand=d) for i, (w, v, d) in enumerate(shapes)]
    clock = ClusterClock(node=NODE, epoch_s={c.search: 2.0 for c in claims}, start_s=1.0)
    clock.run(900, claims)
    for wanting in claims:
        assert sum(row[wanting.search] for row in clock.history[-1200:]) > 0, wanting
    for row in clock.history[10:]:
        free = NODE.cpus - sum(row.values())
        short = [c for c in claims if row[c.search] < c.demand * c.workers and c.workers <= free]
        assert not short or free < 4, (row, short)  # a large gang may be waiting for the rest of its room


def test_a_search_that_wanted_little_for_long_does_not_make_up_for_it():
    clock = ClusterClock(node=NODE, epoch_s={"a": 1.0, "b": 1.0})
    clock.run(600, [claim("a", demand=1), claim("b")])
    clock.run(60, [claim("a"), claim("b")])
    assert all(0.9 <= ratio <= 1.1 for ratio in clock.ratios("a", "b", after_s=602, window_s=30))


def test_a_search_that_comes_is_level_with_the_others_and_not_behind():
    clock = ClusterClock(node=NODE, epoch_s={"a": 1.0, "b": 1.0})
    clock.run(600, [claim("a")])
    clock.run(62, [claim("a"), claim("b")])
    assert all(0.9 <= ratio <= 1.1 for ratio in clock.ratios("a", "b", after_s=605, window_s=30))


def test_a_search_of_higher_priority_starts_within_one_epoch_of_those_that_run_and_takes_what_it_wants():
    clock = ClusterClock(node=NODE, epoch_s={"a": 20.0, "late": 1.0})
    clock.run(100, [claim("a")])
    clock.run(30, [claim("a"), claim("late", priority=1, demand=4)])
    first = next(i for i, row in enumerate(clock.history) if row.get("late"))
    assert (first * 0.5) - 100 <= 20.0 + 2.0
    assert clock.history[-1] == {"a": 4, "late": 4}


def test_the_plan_of_a_slice_stands_until_somebody_wants_something_else():
    shares = Shares(slice_s=30.0)
    claims = [claim("a", workers=4, weight=3.0), claim("b", workers=4)]
    plans = []
    for _ in range(20):
        shares = shares.after(1.0, [NODE], [replace(c, running=1, allowed=1) for c in claims])
        plans.append(shares.plan([NODE], claims))
    assert plans == [{"a": 1, "b": 1}] * 20
    assert shares.plan([NODE], [*claims, claim("c", priority=1, demand=4)]) == {"a": 1, "b": 0, "c": 4}


def test_when_a_waiting_search_is_likely_to_start_is_when_its_turn_comes():
    shares = Shares(slice_s=30.0).after(0.5, [NODE], claims := [claim("a", workers=8), claim("b", workers=8)])
    assert shares.plan([NODE], claims) == {"a": 1, "b": 0}
    assert shares.turns([NODE], claims) == {"b": pytest.approx(30.0)}


def test_what_waits_for_a_higher_priority_has_no_foreseeable_start():
    claims = [claim("a", workers=8, priority=1), claim("b")]
    assert Shares(slice_s=30.0).turns([NODE], claims) == {}


def test_what_a_search_can_use_only_later_is_lent_to_those_who_can_now_and_else_stays_warm():
    waits = replace(claim("a", demand=1), later=8)
    assert Shares(slice_s=30.0).plan([NODE], [waits]) == {"a": 8}
    assert Shares(slice_s=30.0).plan([NODE], [waits, claim("b", demand=5)]) == {"a": 3, "b": 5}
