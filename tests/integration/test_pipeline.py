"""A pipeline as a search runs it, on a real gang: like one process, warm, and no stage's fault hangs another's rank."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import psutil
import pytest
import torch

import trainables
from service.runner.engine import Engine
from service.states import Intent, TrialState
from tests.support import staged
from tests.support.assignments import an_assignment
from tests.support.judge import judge
from tests.support.ranks import a_lone_rank
from tests.support.runs import Searches, spool_of
from trainables.checkpoints.checkpoint import read
from trainables.gang.processes import Limits

pytestmark = pytest.mark.usefixtures("cluster")

SPACE = {
    "parallel": {"type": "constant", "value": "pipeline"},
    "batch_size": {"type": "constant", "value": 10},
    "micro_batch_size": {"type": "constant", "value": 3},
}
SOON_S = 15.0


class Story:
    """A search over a model in two stages, on one gang of two ranks."""

    def __init__(self, folder: Path, space: dict[str, object], **spec: object) -> None:
        self.searches = Searches(folder)
        self.ledger = self.searches.ledger
        self.search = self.searches.submit(
            "grid",
            space=SPACE | space,
            path=staged.IMPORT_PATH,
            resources={"workers": 2},
            objective={"scope": "last"},
            checkpoints={"every_epochs": 1},
            **spec,
        )
        self.run = self.searches.run(self.search, slots=1)
        self._engine = Engine(self.run, limits=Limits(group_s=60), spool=spool_of(self.run))

    def until(self, condition) -> None:
        end = time.monotonic() + 120
        while not condition() and not self.run.finished:
            assert time.monotonic() < end, "it hangs"
            self.run.obey(Intent.RUN, 1)
            if not self.run.finished:
                self._engine.step()

    def close(self) -> None:
        self._engine.close()
        self.ledger.close()


@pytest.fixture
def a_story(tmp_path):
    stories: list[Story] = []

    def tell(space: dict[str, object], **spec: object) -> Story:
        stories.append(Story(tmp_path, space, **spec))
        return stories[-1]

    yield tell
    for story in stories:
        story.close()


def test_trials_of_a_warm_gang_are_what_one_process_makes_of_them(a_story, tmp_path):
    story = a_story({"lr": {"type": "categorical", "choices": [0.05, 0.2]}}, trials=2, epochs=3)
    story.until(lambda: False)
    reports = story.ledger.reports(story.search)
    assert len({report.pids for report in reports}) == 1
    assert story.ledger.counts(story.search)[TrialState.COMPLETED] == 2
    assert judge(story.ledger, story.search).faults == []
    for trial in story.ledger.trials(story.search):
        (checkpoint,) = (c for c in story.ledger.checkpoints(story.search) if (c.trial, c.epoch) == (trial.number, 3))
        path = story.searches.store / checkpoint.path
        manifest = read(path).manifest
        alone = a_lone_rank(
            an_assignment(tmp_path, manifest["config"], seed=manifest["seed"], import_path=staged.IMPORT_PATH)
        )
        curve = [alone.run_epoch().metrics for _ in range(3)]
        told = [report.metrics for report in reports if report.trial == trial.number]
        assert told == [pytest.approx(metrics, abs=1e-5) for metrics in curve]
        one = alone._current.model.state_dict()
        torch.testing.assert_close(trainables.load(path).state_dict(), one, rtol=0, atol=1e-5)


@pytest.mark.parametrize("rank", [0, 1])
def test_a_stage_that_is_killed_costs_one_attempt_and_leaves_no_process(a_story, tmp_path, rank):
    space = {"sleep": {"type": "constant", "value": 0.05}, "log": {"type": "constant", "value": str(tmp_path)}}
    story = a_story(space, trials=1, epochs=4)
    story.until(lambda: len(story.ledger.reports(story.search)) >= 1)
    pids = story.ledger.reports(story.search)[0].pids
    os.kill(pids[rank], signal.SIGKILL)
    began = time.monotonic()
    story.until(lambda: story.ledger.attempts(story.search, 0)[0].ended_at is not None)
    assert time.monotonic() - began < SOON_S
    story.until(lambda: False)
    crashed, completed = story.ledger.attempts(story.search, 0)
    assert (crashed.outcome, completed.outcome) == ("crashed", "completed")
    assert completed.start_epoch >= 1
    assert judge(story.ledger, story.search).faults == []
    assert not any(psutil.pid_exists(pid) and psutil.Process(pid).status() != "zombie" for pid in pids)


def test_a_stage_that_raises_fails_its_trial_with_its_own_words_and_the_next_trial_trains(a_story):
    layers = {"type": "categorical", "choices": [0, 2, 9]}  # in the first stage, in the second, in none
    story = a_story({"fail_layer": layers}, trials=3, epochs=1)
    story.until(lambda: False)
    by_layer = {trial.config["fail_layer"]: trial for trial in story.ledger.trials(story.search)}
    for layer in (0, 2):
        assert by_layer[layer].state is TrialState.FAILED
        assert "ValueError: as asked for" in by_layer[layer].state_reason
    assert by_layer[9].state is TrialState.COMPLETED
