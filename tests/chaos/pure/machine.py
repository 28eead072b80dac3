"""Any order of steps and faults, drawn and shrunk by hypothesis; each schedule ends in a sound, settled world.

`schedules` draws its own from a seed: many more of them, but as they come.
"""

from __future__ import annotations

from typing import ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from service.states import Intent
from tests.chaos.pure.fuse import Strike
from tests.chaos.pure.world import ALGORITHMS, MISHAPS, World

CHOICES = st.integers(0, 7)
BOUNDARIES = st.integers(0, 25)
STRIKES = st.sampled_from([Strike.KILL, Strike.ERROR, Strike.LOST_REPLY])


class Schedule(RuleBasedStateMachine):
    """One schedule. `world` is made once: a new file of the ledger for each would cost more than all the steps."""

    world: ClassVar[World]

    @initialize(
        algorithm=st.sampled_from(sorted(ALGORITHMS)),
        trials=st.integers(2, 4),
        epochs=st.integers(2, 4),
        seed=st.integers(0, 5),
        writes_beside=st.booleans(),
        attempts=st.sampled_from([2, 99]),
    )
    def begin(self, algorithm: str, trials: int, epochs: int, seed: int, writes_beside: bool, attempts: int) -> None:
        self.world.begin()
        self.world.writes_beside = writes_beside
        self.world.submit(algorithm, trials=trials, epochs=epochs, seed=seed, attempts=attempts)
        for _ in range(2):
            self.world.coordinate(0)
        self.world.run(0, 0)

    @rule(choice=CHOICES, mishap=st.sampled_from(MISHAPS), times=st.integers(1, 4))
    def run(self, choice: int, mishap: str, times: int) -> None:
        for turn in range(times):
            self.world.run(choice, choice + turn, mishap)

    @rule(index=st.integers(0, 1), seconds=st.sampled_from([0.5, 6.0, 16.0, 61.0]))
    def coordinate(self, index: int, seconds: float) -> None:
        self.world.pass_time(seconds)
        self.world.coordinate(index)

    @rule(choice=CHOICES, strike=STRIKES, boundaries=BOUNDARIES)
    def strike_a_runner(self, choice: int, strike: Strike, boundaries: int) -> None:
        self.world.strike(strike, boundaries)
        self.world.run(choice, choice)

    @rule(index=st.integers(0, 1), strike=STRIKES, boundaries=BOUNDARIES)
    def strike_a_coordinator(self, index: int, strike: Strike, boundaries: int) -> None:
        self.world.strike(strike, boundaries)
        self.world.coordinate(index)

    @rule(choice=CHOICES, boundaries=BOUNDARIES, cut_off=st.booleans(), turns=st.integers(1, 6))
    def a_runner_stands_still(self, choice: int, boundaries: int, cut_off: bool, turns: int) -> None:
        self.world.stand_still(boundaries, cut_off=cut_off, turns=turns, choice=choice)
        self.world.run(choice, choice)

    @rule(index=st.integers(0, 1), boundaries=BOUNDARIES, turns=st.integers(1, 6))
    def a_coordinator_stands_still(self, index: int, boundaries: int, turns: int) -> None:
        self.world.stand_still(boundaries, cut_off=False, turns=turns, choice=index)
        self.world.coordinate(index)

    @rule(choice=CHOICES, just_saved=st.booleans())
    def kill_a_runner(self, choice: int, just_saved: bool) -> None:
        self.world.kill_runner(choice, just_saved=just_saved)

    @rule(choice=CHOICES, frozen=st.booleans())
    def freeze_a_runner(self, choice: int, frozen: bool) -> None:
        self.world.freeze_runner(choice, frozen=frozen)

    @rule(choice=CHOICES)
    def cut_off_a_runner(self, choice: int) -> None:
        self.world.cut_off(choice)

    @rule(index=st.integers(0, 1))
    def kill_a_coordinator(self, index: int) -> None:
        self.world.kill_coordinator(index)

    @rule(cpus=st.integers(0, 2))
    def resize(self, cpus: int) -> None:
        self.world.resize(cpus)

    @rule(algorithm=st.sampled_from(sorted(ALGORITHMS)), seed=st.integers(0, 5), strike=STRIKES, boundaries=BOUNDARIES)
    def submit(self, algorithm: str, seed: int, strike: Strike, boundaries: int) -> None:
        if len(self.world.promises) < 2:
            self.world.strike(strike, boundaries)
            self.world.submit(algorithm, trials=2, epochs=2, seed=seed)

    @rule(choice=CHOICES, intent=st.sampled_from([Intent.STOP, Intent.CANCEL]))
    def request(self, choice: int, intent: Intent) -> None:
        self.world.request(choice, intent)

    @rule(choice=CHOICES, on_hold=st.booleans())
    def hold(self, choice: int, on_hold: bool) -> None:
        self.world.hold(choice, on_hold=on_hold)

    def teardown(self) -> None:
        found = self.world.settle()
        assert found == [], "\n".join(found)
