"""What Tune is told while the ledger is away, and what follows when it is back. Tune's controller is played here."""

from __future__ import annotations

import time
from types import SimpleNamespace

import pytest
from ray.tune.schedulers import TrialScheduler

from service.runner import patience
from service.runner.adapter import RESULT_KEY, Link, Verdicts, number_of
from service.states import TrialState
from tests.support.runs import Searches, spool_of
from tests.unit.runner.driver import Gang
from trainables import Assignment
from trainables.failpoints import arm


class Controller:
    """Notes what it is asked for."""

    def __init__(self):
        self.stopped = []
        self.went_on = []

    def stop_trial(self, trial):
        self.stopped.append(number_of(trial))

    def go_on(self, trial):
        self.went_on.append(number_of(trial))

    def commit_now(self, trial):
        return "no checkpoint: there is no gang"


class Played:
    """One trial on a pretended gang, through the hooks that Tune calls."""

    def __init__(self, searches, **spec):
        self.searches = searches
        self.search = searches.submit("random", trials=1, **spec)
        self.run = searches.run(self.search, slots=1)
        self.link = Link(self.run, spool_of(self.run))
        self.controller = Controller()
        self.verdicts = Verdicts(self.link)
        self.verdicts.attach(self.controller)
        assignment = self.link.desk.ask(self.run.next_assignment)
        assert isinstance(assignment, Assignment)
        self.gang = Gang(assignment)
        self.trial = SimpleNamespace(config={"assignment": assignment.to_dict()}, trial_id="000000-1")
        self.link.runs[0] = self.trial
        self.link.desk.ask(lambda: self.run.begun(0))

    def report(self, **changes):
        return self.verdicts.on_trial_result(None, self.trial, {RESULT_KEY: self.gang.train(**changes)})

    def until(self, condition):
        end = time.monotonic() + 30
        while not condition():
            assert self.link.error is None
            assert time.monotonic() < end
            self.link.desk.collect()
            time.sleep(0.01)

    def settle(self):
        self.until(lambda: not self.link.desk.is_away)
        self.link.desk.close()

    @property
    def epochs(self):
        return [report.epoch for report in self.searches.ledger.reports(self.search)]

    @property
    def waiting(self):
        return len(list(self.link.spool.left()))


@pytest.fixture
def play(tmp_path, monkeypatch):
    monkeypatch.setattr(patience, "_PAUSE_S", 0.01)
    searches = Searches(tmp_path)
    played = []

    def play(**spec):
        played.append(Played(searches, **spec))
        return played[-1]

    yield play
    arm("")
    for one in played:
        one.settle()
    searches.ledger.close()


def go_away():
    arm("write.before_commit=error")


def come_back():
    arm("")


def test_a_gang_goes_on_without_a_verdict_and_its_reports_are_told_in_their_order(play):
    played = play(epochs=9)
    assert played.report() == TrialScheduler.CONTINUE
    go_away()
    assert [played.report() for _ in range(3)] == [TrialScheduler.CONTINUE] * 3
    assert (played.epochs, played.waiting) == ([1], 3)
    come_back()
    played.until(lambda: not played.waiting)
    assert played.epochs == [1, 2, 3, 4]
    assert played.report() == TrialScheduler.CONTINUE


def test_a_verdict_that_comes_late_takes_effect_at_the_next_report_which_counts_for_nothing(play):
    played = play(epochs=9, budget={"target": 0.5})
    go_away()
    assert played.report(metrics={"loss": 0.1}) == TrialScheduler.CONTINUE
    assert played.report() == TrialScheduler.CONTINUE
    come_back()
    played.until(lambda: not played.waiting)
    assert played.report() == TrialScheduler.STOP
    assert played.epochs == [1]
    assert played.searches.ledger.trial(played.search, 0).state is TrialState.COMPLETED


def test_who_has_nothing_to_go_on_with_is_held_until_the_verdict_comes(play):
    played = play(epochs=2)
    played.report()
    go_away()
    assert played.report() == TrialScheduler.NOOP
    come_back()
    played.until(lambda: played.controller.stopped)
    assert played.controller.stopped == [0]
    assert played.epochs == [1, 2]


def test_when_the_spool_is_full_a_gang_is_held_and_goes_on_when_there_is_a_verdict(play):
    played = play(epochs=9)
    played.link.spool._most = 1
    go_away()
    assert played.report() == TrialScheduler.CONTINUE
    assert played.report() == TrialScheduler.NOOP
    come_back()
    played.until(lambda: played.controller.went_on)
    assert played.epochs == [1, 2]
