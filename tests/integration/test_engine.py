"""The traps of stepping Tune oneself, on a real Ray: each was seen to hang, to go cold, or to sleep with stock Tune."""

from __future__ import annotations

import os
import signal
import time

import pytest
import ray

from service.runner.engine import Engine
from service.states import Intent, TrialState
from tests.support.judge import judge
from tests.support.runs import Searches, spool_of
from trainables.gang.processes import Limits

WORKERS = {"resources": {"workers": 2}}


pytestmark = pytest.mark.usefixtures("cluster")


@pytest.fixture
def searches(tmp_path):
    searches = Searches(tmp_path)
    yield searches
    searches.ledger.close()


class Stepping:
    """An engine stepped in the test itself, with a limit that a hang runs into."""

    def __init__(self, run):
        self.run = run
        self.engine = Engine(run, limits=Limits(group_s=60), spool=spool_of(run))
        self.longest_s = 0.0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.engine.close()

    def until(self, condition, *, slots=None, timeout_s=90):
        """Steps until the condition holds."""
        end = time.monotonic() + timeout_s
        while not condition():
            assert time.monotonic() < end, "it hangs"
            self.run.obey(Intent.RUN, self.run.slots if slots is None else slots)
            if self.run.finished:
                assert condition()
                return
            began = time.monotonic()
            self.engine.step()
            self.longest_s = max(self.longest_s, time.monotonic() - began)

    def to_the_end(self, **options):
        """Steps until the search has ended."""
        self.until(lambda: self.run.finished, **options)


def free_cpus():
    return ray.available_resources().get("CPU", 0.0)


def test_more_trials_than_slots_run_on_as_many_warm_gangs_as_there_are_slots(searches):
    search = searches.submit("asha", trials=12, epochs=9)
    with Stepping(searches.run(search, slots=2)) as stepping:
        stepping.to_the_end()
    verdict = judge(searches.ledger, search)
    assert verdict.faults == []
    assert (verdict.trials, verdict.pids) == (12, 2)


def test_two_trials_with_a_limit_of_two_and_room_for_one_gang_do_not_deadlock(searches):
    # Given an allowance of two slots, but free CPUs for one gang only: the cached gang holds what the other waits for
    blocker = ray.util.placement_group([{"CPU": 2}])
    ray.get(blocker.ready())
    try:
        search = searches.submit("random", trials=4, epochs=2, **WORKERS)
        with Stepping(searches.run(search, slots=2)) as stepping:
            stepping.to_the_end()
    finally:
        ray.util.remove_placement_group(blocker)
    assert searches.ledger.counts(search)[TrialState.COMPLETED] == 4


def test_an_allowance_that_falls_to_zero_frees_every_cpu_and_trials_go_on_when_it_comes_back(searches):
    # Given a search in the middle of long trials
    search = searches.submit("random", trials=3, epochs=30)
    ledger = searches.ledger
    with Stepping(searches.run(search, slots=2)) as stepping:
        stepping.until(lambda: {report.trial for report in ledger.reports(search)} == {0, 1})
        # When it may not run anything, then it gives everything back, with its trials paused at a checkpoint
        stepping.until(lambda: free_cpus() == 4, slots=0)
        assert ledger.counts(search)[TrialState.PAUSED] == 2
        assert all(trial.displaced for trial in ledger.trials(search, state=TrialState.PAUSED))
        paused_at = {t.number: t.epoch for t in ledger.trials(search, state=TrialState.PAUSED)}
        # And when it may again, its trials go on from there
        stepping.to_the_end(slots=2)
    verdict = judge(ledger, search)
    assert verdict.faults == []
    assert verdict.most_repeated == 0
    for number, epoch in paused_at.items():
        assert ledger.attempts(search, number)[1].start_epoch == epoch
    assert ledger.counts(search)[TrialState.COMPLETED] == 3


def test_trials_that_pause_together_at_a_barrier_leave_their_gangs_warm(searches):
    search = searches.submit("hyperband", trials=13, epochs=9, **WORKERS)
    with Stepping(searches.run(search, slots=2)) as stepping:
        stepping.to_the_end()
    verdict = judge(searches.ledger, search)
    assert verdict.faults == []
    assert verdict.pids == 4
    assert any(attempt.outcome == "paused" for n in range(13) for attempt in searches.ledger.attempts(search, n))


def test_a_gang_that_the_search_has_no_use_for_is_given_back_while_another_trains_on(searches):
    # Given two gangs, one of which has nothing to do any more: the coordinator takes its slot from the allowance
    space = {"sleep": {"type": "ordinal", "choices": [0.02, 0.4]}, "batch_size": {"type": "constant", "value": 8}}
    search = searches.submit("grid", space=space, trials=2, epochs=12, path="tests.support.recording:Recording")
    ledger = searches.ledger
    with Stepping(searches.run(search, slots=2)) as stepping:
        stepping.until(lambda: ledger.counts(search)[TrialState.COMPLETED] == 1 and ledger.reports(search, 1))
        # Then it gives its processes back, and the other trial does not notice
        stepping.until(lambda: free_cpus() == 3, slots=1, timeout_s=10)
        assert ledger.counts(search)[TrialState.RUNNING] == 1
        stepping.to_the_end(slots=1)
    assert ledger.counts(search)[TrialState.COMPLETED] == 2
    assert all(len(ledger.attempts(search, number)) == 1 for number in range(2))


def test_no_step_sleeps_while_no_trial_is_live(searches):
    # Given a search that holds no slot and has nothing on a gang
    search = searches.submit("random", trials=2, epochs=2)
    with Stepping(searches.run(search, slots=0)) as stepping:
        end = time.monotonic() + 2
        stepping.until(lambda: time.monotonic() > end, slots=0)
        assert stepping.longest_s < 0.9  # stock Tune sleeps a whole second at a time here, up to ten minutes


def test_a_rank_killed_in_mid_epoch_costs_one_attempt_and_no_trial(searches):
    search = searches.submit("random", trials=2, epochs=20, objective={"scope": "last"}, **WORKERS)
    ledger = searches.ledger
    with Stepping(searches.run(search, slots=1)) as stepping:
        stepping.until(lambda: len(ledger.reports(search)) >= 5)
        victim = ledger.reports(search)[0]
        os.kill(victim.pids[1], signal.SIGKILL)
        stepping.to_the_end()
    crashed, completed = ledger.attempts(search, victim.trial)
    assert (crashed.outcome, completed.outcome) == ("crashed", "completed")
    assert "rank 1 " in crashed.reason
    assert "was killed" in crashed.reason or "nobody tells how" in crashed.reason  # kernels before 6.15
    assert "\n" not in crashed.reason
    assert completed.start_epoch >= 4
    verdict = judge(ledger, search)
    assert verdict.faults == []
    assert verdict.most_repeated <= 1
    assert ledger.counts(search)[TrialState.COMPLETED] == 2


def test_a_gang_that_dies_between_two_trials_is_replaced_and_its_next_trial_learns_why(searches):
    search = searches.submit("random", trials=2, epochs=1)
    ledger = searches.ledger
    with Stepping(searches.run(search, slots=1)) as stepping:
        stepping.until(lambda: ledger.counts(search)[TrialState.COMPLETED] == 1)
        # Given a warm gang that waits for its next trial, when it is killed
        os.kill(ledger.reports(search)[0].pids[0], signal.SIGKILL)
        stepping.to_the_end()
    assert ledger.counts(search)[TrialState.COMPLETED] == 2
    (warning,) = (event for event in ledger.events(search) if event.kind == "warning")
    assert (warning.trial, "fault 1 of 3" in warning.data["message"]) == (1, True)
    assert judge(ledger, search).faults == []


def test_a_trial_that_raises_on_one_rank_only_fails_alone_and_the_others_go_on(searches):
    space = {
        "fail": {"type": "categorical", "choices": ["train", "nothing"]},
        "fail_rank": {"type": "constant", "value": 1},
    }
    search = searches.submit(
        "grid", space=space, trials=2, epochs=2, path="tests.support.recording:Recording", **WORKERS
    )
    with Stepping(searches.run(search, slots=1)) as stepping:
        stepping.to_the_end()
    by_fail = {trial.config["fail"]: trial for trial in searches.ledger.trials(search)}
    assert by_fail["train"].state is TrialState.FAILED
    assert "this was asked for" in by_fail["train"].state_reason
    assert by_fail["nothing"].state is TrialState.COMPLETED


def test_clones_train_on_with_their_parents_weights_and_their_own_configuration(searches):
    # Given a population whose members must not change the shape of their weights
    section = {"name": "pbt", "interval": 2, "keep": ["hidden"]}
    search = searches.submit("pbt", trials=4, epochs=8, section=section, checkpoints={"every_epochs": 3})
    with Stepping(searches.run(search, slots=2)) as stepping:
        stepping.to_the_end()
    ledger = searches.ledger
    verdict = judge(ledger, search)
    assert (verdict.faults, verdict.trials, verdict.pids) == ([], 4 + 3, 2)
    assert ledger.counts(search)[TrialState.FAILED] == 0
    configs = {trial.number: trial.config for trial in ledger.trials(search)}
    losses = {(report.trial, report.epoch): report.value for report in ledger.reports(search)}
    for clone in ledger.trials(search)[4:]:
        parent, epoch = clone.origin["data"]["parent"], clone.origin["data"]["epoch"]
        assert ledger.attempts(search, clone.number)[0].start_epoch == epoch
        assert configs[clone.number] != configs[parent]
        assert configs[clone.number]["hidden"] == configs[parent]["hidden"]
        # Then it goes on about where its parent was, and not where a new trial begins
        begins = min(losses[number, 1] for number in range(4))
        assert abs(losses[clone.number, epoch + 1] - losses[parent, epoch]) < abs(
            losses[clone.number, epoch + 1] - begins
        )
