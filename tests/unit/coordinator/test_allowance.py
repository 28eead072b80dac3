"""Fair share as a pure function: what holds for any nodes and any claims."""

from __future__ import annotations

from dataclasses import replace
from unittest.mock import patch

from hypothesis import given, settings
from hypothesis import strategies as st

from service.coordinator import allowance
from service.coordinator.allowance import Bound, Claim, Node, _place, allot, capacity

PROPERTY = settings(deadline=None)  # a loaded machine is no fault

nodes = st.lists(st.builds(Node, cpus=st.integers(0, 16), gpus=st.integers(0, 8)), min_size=0, max_size=4)
shapes = st.tuples(st.integers(1, 4), st.sampled_from([0.5, 1, 2, 3]), st.sampled_from([0, 0.1, 0.5, 1, 2]))
claims_of = st.fixed_dictionaries(
    {"demand": st.integers(0, 6), "priority": st.integers(-1, 1), "weight": st.sampled_from([0.5, 1.0, 2.0, 3.0])}
)


@st.composite
def claim_lists(draw, shapes=shapes):
    return [
        Claim(search=f"s{i}", workers=workers, cpus=cpus, gpus=gpus, **draw(claims_of))
        for i, (workers, cpus, gpus) in enumerate(draw(st.lists(shapes, max_size=5)))
    ]


def allot_watched(cluster, claims):
    """The slots, and what each node has left after the gangs that were placed on it."""
    placed = []

    def watched(free, claim):
        place = _place(free, claim)
        if place is not None:
            placed.append((place, claim))
        return place

    with patch.object(allowance, "_place", watched):
        slots = allot(cluster, claims)
    left = [[node.cpus, node.gpus] for node in cluster]
    for place, claim in placed:
        left[place][0] -= claim.workers * claim.cpus
        left[place][1] -= claim.workers * claim.gpus
    for claim in claims:
        assert slots[claim.search] == sum(claim is other for _, other in placed)
    return slots, left


@PROPERTY
@given(nodes, claim_lists())
def test_no_node_holds_more_than_it_has_and_nobody_gets_more_than_asked_for(cluster, claims):
    slots, left = allot_watched(cluster, claims)
    assert all(0 <= slots[claim.search] <= claim.demand for claim in claims)
    assert all(cpus >= -1e-6 and gpus >= -1e-6 for cpus, gpus in left)


@PROPERTY
@given(nodes, claim_lists())
def test_no_slot_idles_that_a_search_could_use(cluster, claims):
    slots, left = allot_watched(cluster, claims)
    for claim in claims:
        cpus, gpus = claim.workers * claim.cpus, claim.workers * claim.gpus
        if slots[claim.search] < claim.demand:
            assert not any(c >= cpus + 1e-6 and g >= gpus + 1e-6 for c, g in left), claim


@PROPERTY
@given(nodes, claim_lists())
def test_a_search_loses_nothing_to_those_of_lower_priority(cluster, claims):
    slots = allot(cluster, claims)
    for priority in {claim.priority for claim in claims}:
        upper = [claim for claim in claims if claim.priority >= priority]
        assert allot(cluster, upper) == {claim.search: slots[claim.search] for claim in upper}


@PROPERTY
@given(nodes, shapes, claim_lists())
def test_gangs_of_one_shape_and_priority_are_shared_by_weight(cluster, shape, claims):
    workers, cpus, gpus = shape
    alike = [replace(claim, workers=workers, cpus=cpus, gpus=gpus, priority=0) for claim in claims]
    slots = allot(cluster, alike)
    for poor in alike:
        for rich in alike:
            if slots[poor.search] < poor.demand and slots[rich.search]:
                # The last slot of the rich one was given when it had no more for its weight than the poor one has now
                assert (slots[rich.search] - 1) / rich.weight <= slots[poor.search] / poor.weight + 1e-6


@PROPERTY
@given(nodes, claim_lists())
def test_a_claim_alone_gets_what_fits_node_by_node(cluster, claims):
    for claim in claims:
        cpus, gpus = claim.workers * claim.cpus, claim.workers * claim.gpus
        if gpus != int(gpus):
            continue  # floats do not divide exactly
        fits = sum(int(min(n.cpus // cpus, n.gpus // gpus if gpus else n.cpus // cpus)) for n in cluster)
        assert capacity(cluster, claim) == min(fits, claim.demand)


@PROPERTY
@given(st.integers(0, 40), st.lists(st.integers(0, 12), min_size=1, max_size=5))
def test_equal_gangs_of_one_priority_and_weight_differ_by_one_slot_at_most(cpus, demands):
    claims = [Claim(search=str(i), workers=1, cpus=1, gpus=0, demand=demand) for i, demand in enumerate(demands)]
    slots = allot([Node(cpus=cpus, gpus=0)], claims)
    assert sum(slots.values()) == min(cpus, sum(demands))
    wanting = [slots[c.search] for c in claims if slots[c.search] < c.demand]
    assert all(slots[c.search] <= min(wanting, default=99) + 1 for c in claims)


def test_ten_tenths_of_a_gpu_are_a_gpu():
    claim = Claim(search="s", workers=1, cpus=1, gpus=0.1, demand=99)
    assert capacity([Node(cpus=99, gpus=1)], claim) == 10


def test_a_gang_is_never_split_over_two_nodes():
    claim = Claim(search="s", workers=3, cpus=1, gpus=0, demand=9)
    assert capacity([Node(cpus=2, gpus=0), Node(cpus=2, gpus=0)], claim) == 0


def test_of_two_equals_the_older_gets_the_odd_slot():
    claims = [Claim(search=s, workers=1, cpus=1, gpus=0, demand=9) for s in ("older", "younger")]
    assert allot([Node(cpus=3, gpus=0)], claims) == {"older": 2, "younger": 1}


def test_a_weight_of_three_gets_three_times_the_slots():
    claims = [Claim(search=s, workers=1, cpus=1, gpus=0, demand=99, weight=w) for s, w in (("a", 1.0), ("b", 3.0))]
    assert allot([Node(cpus=8, gpus=0)], claims) == {"a": 2, "b": 6}


def test_a_higher_priority_is_served_first_and_leaves_the_rest():
    claims = [
        Claim(search="low", workers=1, cpus=1, gpus=0, demand=9),
        Claim(search="high", workers=1, cpus=1, gpus=0, demand=3, priority=1),
    ]
    assert allot([Node(cpus=4, gpus=0)], claims) == {"low": 1, "high": 3}


def test_what_a_large_gang_cannot_use_a_small_one_may():
    claims = [
        Claim(search="large", workers=8, cpus=1, gpus=0, demand=9, priority=1),
        Claim(search="small", workers=1, cpus=1, gpus=0, demand=9),
    ]
    assert allot([Node(cpus=10, gpus=0)], claims) == {"large": 1, "small": 2}


def test_a_gang_goes_to_the_node_with_the_least_left_over():
    assert _place([(8.0, 0.0), (3.0, 0.0)], Claim(search="s", workers=2, cpus=1, gpus=0, demand=1)) == 1


def test_ranks_without_gpus_leave_the_nodes_with_gpus_to_others():
    assert _place([(8.0, 4.0), (64.0, 0.0)], Claim(search="s", workers=2, cpus=1, gpus=0, demand=1)) == 1


@PROPERTY
@given(nodes, claim_lists(), st.integers(0, 4), st.integers(0, 4))
def test_no_project_holds_more_than_it_may_and_others_lose_nothing_by_it(cluster, claims, most_slots, most_gpus):
    claims = [replace(claim, project="ab"[i % 2]) for i, claim in enumerate(claims)]
    slots = allot(cluster, claims, bounds={"a": Bound(slots=most_slots, gpus=most_gpus)})
    bounded = [claim for claim in claims if claim.project == "a"]
    assert sum(slots[claim.search] for claim in bounded) <= most_slots
    assert sum(slots[claim.search] * claim.workers * claim.gpus for claim in bounded) <= most_gpus + 1e-6
    free = allot(cluster, [claim for claim in claims if claim.project == "b"])
    if not any(slots[claim.search] for claim in bounded):
        assert {search: slots[search] for search in free} == free
