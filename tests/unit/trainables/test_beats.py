"""Who is silent, judged by a clock in the test's hand and answers that come when the test says so."""

from __future__ import annotations

import pytest

from trainables.gang import beats
from trainables.gang.beats import Beats


class Actor:
    """Answers every question while `lives`, as far as `Beats` can tell."""

    def __init__(self, lives: bool = True) -> None:
        self.lives = lives
        self.pulse = self

    def options(self, **_):
        return self

    def remote(self):
        return self


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch) -> Clock:
    monkeypatch.setattr(beats.ray, "wait", lambda refs, **_: ([r for r in refs if r.lives], []))
    monkeypatch.setattr(beats.ray, "get", lambda _: 1)
    return Clock()


def looks(watched: Beats[str], clock: Clock, actors: dict[str, Actor], seconds: float) -> list[str]:
    """Look every second; return who was silent at the last look."""
    silent: list[str] = []
    for _ in range(int(seconds)):
        clock.now += 1
        silent = watched.silent(actors)
    return silent


def test_who_stops_answering_is_silent_after_the_limit_and_not_before(clock):
    watched = Beats[str](10, 300, clock=clock)
    actors = {"sound": Actor(), "stopped": Actor()}
    assert looks(watched, clock, actors, 5) == []
    actors["stopped"].lives = False
    assert looks(watched, clock, actors, 9) == []
    assert looks(watched, clock, actors, 2) == ["stopped"]


def test_who_has_not_answered_yet_may_take_longer_to_start(clock):
    watched = Beats[str](10, 30, clock=clock)
    actors = {"new": Actor(lives=False)}
    assert looks(watched, clock, actors, 29) == []
    assert not watched.has_heard_of_all(actors)
    assert looks(watched, clock, actors, 3) == ["new"]


def test_a_watcher_that_slept_itself_accuses_nobody(clock):
    watched = Beats[str](10, 300, clock=clock)
    actors = {"slow": Actor()}
    looks(watched, clock, actors, 3)
    actors["slow"].lives = False
    clock.now += 1000
    assert watched.silent(actors) == []
    assert looks(watched, clock, actors, 8) == []
    assert looks(watched, clock, actors, 3) == ["slow"]


def test_who_is_gone_from_the_list_is_forgotten(clock):
    watched = Beats[str](10, 300, clock=clock)
    actor = Actor()
    looks(watched, clock, {"a": actor}, 2)
    actor.lives = False
    looks(watched, clock, {}, 50)
    assert looks(watched, clock, {"a": actor}, 12) == []
