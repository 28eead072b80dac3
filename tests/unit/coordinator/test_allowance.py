"""Fair share as a pure function: what holds for any nodes and any claims."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from service.coordinator.allowance import Claim, Node, _place, allot, capacity

nodes = st.lists(st.builds(Node, cpus=st.integers(0, 16), gpus=st.integers(0, 8)), min_size=0, max_size=4)
shapes = st.tuples(st.integers(1, 4), st.integers(1, 3), st.integers(0, 2))


@st.composite
def claim_lists(draw):
    return [
        Claim(
            search=f"s{i}",
            workers=workers,
            cpus=cpus,
            gpus=gpus,
            demand=draw(st.integers(0, 6)),
            priority=draw(st.integers(-1, 1)),
            weight=draw(st.sampled_from([0.5, 1.0, 2.0])),
        )
        for i, (workers, cpus, gpus) in enumerate(draw(st.lists(shapes, max_size=5)))
    ]


@given(nodes, claim_lists())
def test_nobody_gets_more_than_asked_for_and_all_together_no_more_than_there_is(cluster, claims):
    slots = allot(cluster, claims)
    assert all(0 <= slots[claim.search] <= claim.demand for claim in claims)
    assert sum(slots[c.search] * c.workers * c.cpus for c in claims) <= sum(node.cpus for node in cluster)
    assert sum(slots[c.search] * c.workers * c.gpus for c in claims) <= sum(node.gpus for node in cluster)


@given(nodes, claim_lists())
def test_a_claim_alone_gets_what_fits_node_by_node(cluster, claims):
    for claim in claims:
        cpus, gpus = claim.workers * claim.cpus, claim.workers * claim.gpus
        fits = sum(int(min(n.cpus // cpus, n.gpus // gpus if gpus else n.cpus // cpus)) for n in cluster)
        assert capacity(cluster, claim) == min(fits, claim.demand)


@given(st.integers(0, 40), st.lists(st.integers(0, 12), min_size=1, max_size=5))
def test_equal_gangs_of_one_priority_and_weight_differ_by_one_slot_at_most(cpus, demands):
    claims = [Claim(search=str(i), workers=1, cpus=1, gpus=0, demand=demand) for i, demand in enumerate(demands)]
    slots = allot([Node(cpus=cpus, gpus=0)], claims)
    assert sum(slots.values()) == min(cpus, sum(demands))  # no slot idles that somebody could use
    wanting = [slots[c.search] for c in claims if slots[c.search] < c.demand]
    assert all(slots[c.search] <= min(wanting, default=99) + 1 for c in claims)


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
