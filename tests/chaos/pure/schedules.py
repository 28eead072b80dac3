"""Schedules drawn from seeds, as many as time allows: `python -m tests.chaos schedules`. The verbs are `world`'s."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from service.states import Intent
from tests.chaos.pure.fuse import Strike
from tests.chaos.pure.world import ALGORITHMS, MISHAPS, World

_MEMORY = Path("/dev/shm")  # noqa: S108 - memory, where there is some; the folder in it has a name of its own

_STRIKES = [Strike.KILL, Strike.ERROR, Strike.LOST_REPLY]

Verb = Callable[[World, random.Random], None]


@dataclass(kw_only=True)
class Tally:
    """What a number of schedules came to.

    Attributes:
        schedules: how many.
        seconds: how long they took.
        struck: faults that struck, by kind and boundary.
        violations: by seed.
    """

    schedules: int = 0
    seconds: float = 0.0
    struck: dict[str, int] = field(default_factory=dict)
    violations: dict[int, list[str]] = field(default_factory=dict)


def run_schedules(seeds: Iterator[int], *, most: int = 10**9, seconds: float = float("inf")) -> Tally:
    """Runs the schedules of seeds in their order.

    Args:
        seeds: of the schedules.
        most: schedules at most.
        seconds: no schedule begins after so many.
    """
    tally = Tally()
    began = time.monotonic()
    with a_world() as world:
        while tally.schedules < most and time.monotonic() - began < seconds:
            seed = next(seeds)
            found = run_schedule(world, seed)
            if found:
                tally.violations[seed] = found
            tally.schedules += 1
        tally.struck = dict(sorted(world.fuse.struck.items()))
    tally.seconds = time.monotonic() - began
    return tally


@contextmanager
def a_world() -> Iterator[World]:
    """A world in memory, with the fake clock and the boundaries in place."""
    with TemporaryDirectory(prefix="rung-chaos-", dir=_MEMORY if _MEMORY.exists() else None) as folder:
        world = World.make(Path(folder))
        with world.patched():
            yield world
        world.ledger.close()


def run_schedule(world: World, seed: int, log: Callable[[str], None] = lambda _: None) -> list[str]:
    """The schedule of one seed, from an empty world to a settled one; returns its violations."""
    chance = random.Random(seed)
    world.begin()
    world.writes_beside = chance.random() < 0.5
    algorithm = chance.choice(sorted(ALGORITHMS))
    world.submit(
        algorithm, trials=chance.randint(2, 4), epochs=chance.randint(2, 4), seed=seed, attempts=chance.choice([2, 99])
    )
    for _ in range(2):
        world.coordinate(0)
    names, weights = list(VERBS), [weight for weight, _ in VERBS.values()]
    for name in chance.choices(names, weights, k=chance.randint(4, 24)):
        log(f"{algorithm} {name}")
        VERBS[name][1](world, chance)
    return world.settle()


def _run(world: World, chance: random.Random) -> None:
    mishap = chance.choice(MISHAPS)
    for _ in range(chance.randint(1, 4)):
        world.run(chance.randrange(4), chance.randrange(4), mishap)


def _coordinate(world: World, chance: random.Random) -> None:
    world.pass_time(chance.choice([0.5, 6.0, 16.0, 61.0]))
    world.coordinate(chance.randrange(2))


def _strike_a_runner(world: World, chance: random.Random) -> None:
    world.strike(chance.choice(_STRIKES), chance.randrange(25))
    _run(world, chance)


def _strike_a_coordinator(world: World, chance: random.Random) -> None:
    world.strike(chance.choice(_STRIKES), chance.randrange(25))
    world.coordinate(chance.randrange(2))


def _a_runner_stands_still(world: World, chance: random.Random) -> None:
    _stand_still(world, chance)
    _run(world, chance)


def _a_coordinator_stands_still(world: World, chance: random.Random) -> None:
    _stand_still(world, chance)
    world.coordinate(chance.randrange(2))


def _a_successor_stands_still(world: World, chance: random.Random) -> None:
    """A runner is killed, and the next one stands still while it recovers."""
    world.kill_runner(chance.randrange(4), just_saved=chance.random() < 0.5)
    for index in range(2):
        world.coordinate(index)
    world.stand_still(chance.randrange(25), cut_off=chance.random() < 0.7, turns=chance.randint(2, 8), choice=0)
    for index in range(2):
        world.run(index, 0)


def _stand_still(world: World, chance: random.Random) -> None:
    world.stand_still(
        chance.randrange(30), cut_off=chance.random() < 0.5, turns=chance.randint(1, 6), choice=chance.randrange(4)
    )


def _submit(world: World, chance: random.Random) -> None:
    if len(world.promises) < 2:
        world.strike(chance.choice(_STRIKES), chance.randrange(12))
        world.submit(chance.choice(sorted(ALGORITHMS)), trials=2, epochs=2, seed=chance.randrange(9))


VERBS: Mapping[str, tuple[int, Verb]] = {
    "run": (8, _run),
    "coordinate": (3, _coordinate),
    "strike a runner": (8, _strike_a_runner),
    "strike a coordinator": (4, _strike_a_coordinator),
    "a runner stands still": (4, _a_runner_stands_still),
    "a coordinator stands still": (3, _a_coordinator_stands_still),
    "a successor stands still": (3, _a_successor_stands_still),
    "kill a runner": (2, lambda w, c: w.kill_runner(c.randrange(4), just_saved=c.random() < 0.5)),
    "freeze a runner": (1, lambda w, c: w.freeze_runner(c.randrange(4), frozen=True)),
    "thaw a runner": (1, lambda w, c: w.freeze_runner(c.randrange(4), frozen=False)),
    "cut off a runner": (1, lambda w, c: w.cut_off(c.randrange(4))),
    "kill a coordinator": (1, lambda w, c: w.kill_coordinator(c.randrange(2))),
    "resize": (1, lambda w, c: w.resize(c.randrange(3))),
    "submit": (1, _submit),
    "pause": (1, lambda w, c: w.hold(c.randrange(2), on_hold=True)),
    "resume": (1, lambda w, c: w.hold(c.randrange(2), on_hold=False)),
    "request": (1, lambda w, c: w.request(c.randrange(2), c.choice([Intent.STOP, Intent.CANCEL]))),
}
"""What may happen next, with how often it is drawn."""
