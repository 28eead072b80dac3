"""Whoever asks while the ledger is away gets LATE at once; the calls are carried out in their order all the same."""

from __future__ import annotations

import threading
import time

import pytest

from service.runner.desk import LATE, Desk


@pytest.fixture
def away():
    return threading.Event()


@pytest.fixture
def errors():
    return []


@pytest.fixture
def desk(away, errors):
    desk = Desk(away.is_set, errors.append)
    yield desk
    desk.close()


def collected(desk, condition):
    end = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < end
        desk.collect()
        time.sleep(0.005)


def test_an_answer_is_waited_for(desk):
    assert desk.ask(lambda: time.sleep(0.05) or 7) == 7


def test_while_the_ledger_is_away_answers_are_late_and_come_in_their_order(desk, away):
    back, order, answers = threading.Event(), [], []

    def first():
        away.set()
        back.wait(10)
        away.clear()
        order.append("first")
        return desk.is_late

    assert desk.ask(first, then=answers.append) is LATE
    assert desk.ask(lambda: order.append("second") or 2, then=answers.append) is LATE
    desk.collect()
    assert answers == []
    back.set()
    assert desk.ask(lambda: order.append("third") or desk.is_late) is False
    collected(desk, lambda: len(answers) == 2)
    assert answers == [True, 2]
    assert order == ["first", "second", "third"]


def test_after_an_error_nothing_more_is_carried_out(desk, errors):
    def broken():
        raise LookupError("no")

    assert desk.ask(broken) is None
    assert desk.ask(lambda: pytest.fail("carried out")) is None
    assert [str(error) for error in errors] == ["no"]


def test_who_asks_a_closed_desk_is_not_left_waiting(desk):
    desk.close()
    asked = threading.Thread(target=lambda: desk.ask(lambda: 7), daemon=True)
    asked.start()
    asked.join(5)
    assert not asked.is_alive()
