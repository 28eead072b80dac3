"""The queue of trials that wait for a gang, on a clock that the test sets."""

from __future__ import annotations

import pytest

from service.runner.ready import ReadyQueue


class Clock:
    now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def queue(clock):
    return ReadyQueue(clock)


def nobody(trial: int) -> bool:
    return False


def test_trials_leave_in_the_order_in_which_they_came(queue):
    for trial in (3, 1, 2):
        queue.add(trial)
    assert [queue.take(busy=nobody) for _ in range(4)] == [3, 1, 2, None]


def test_a_trial_in_its_back_off_lets_others_pass_and_starts_when_it_is_over(queue, clock):
    queue.add(0, delay_s=5)
    queue.add(1)
    assert [queue.take(busy=nobody) for _ in range(2)] == [1, None]
    clock.now_s += 4.9
    assert queue.take(busy=nobody) is None
    assert len(queue) == 1
    clock.now_s += 0.1
    assert queue.take(busy=nobody) == 0


def test_a_trial_whose_last_gang_still_holds_it_keeps_its_place(queue):
    queue.add(0)
    queue.add(1)
    assert queue.take(busy={0}.__contains__) == 1
    assert queue.take(busy=nobody) == 0


def test_a_trial_that_ended_while_it_waited_never_leaves(queue):
    queue.add(0)
    queue.add(1)
    queue.drop(0)
    assert [queue.take(busy=nobody) for _ in range(2)] == [1, None]


def test_a_cleared_queue_is_empty(queue):
    queue.add(0)
    queue.clear()
    assert len(queue) == 0
    assert queue.take(busy=nobody) is None
