"""One search under one lease, without Ray: what a report, a fault, a person and the allowance lead to."""

from __future__ import annotations

from pathlib import Path

import pytest

from service.errors import Fenced, LedgerUnavailable
from service.runner.run import Verdict
from service.states import Intent, SearchState, TrialState
from tests.support.judge import judge
from tests.support.runs import Searches
from tests.unit.runner.driver import Driver


@pytest.fixture
def searches(tmp_path):
    searches = Searches(tmp_path)
    yield searches
    searches.ledger.close()


def started(searches, algorithm="random", slots=2, **spec):
    """A driver whose gangs have taken up their first trials."""
    driver = Driver(searches.run(searches.submit(algorithm, **spec), slots=slots))
    driver.fill()
    return driver, driver.run.search.id, searches.ledger


@pytest.mark.parametrize("algorithm", ["grid", "random", "asha", "hyperband", "bohb", "tpe"])
def test_a_search_runs_to_its_end_and_its_ledger_is_sound(algorithm, searches):
    driver, search, ledger = started(searches, algorithm, trials=13, epochs=9)
    driver.to_the_end()
    assert judge(ledger, search).faults == []
    assert len(ledger.trials(search)) == 13
    assert ledger.search(search).state is SearchState.COMPLETED


def test_the_verdict_is_in_the_ledger_before_anybody_acts_on_it(searches):
    driver, search, ledger = started(searches, trials=1, epochs=1)
    assert driver.report(0) is Verdict.END
    # The gang has not been let go yet, and the ledger has everything already
    assert ledger.trial(search, 0).state is TrialState.COMPLETED
    assert [attempt.outcome for attempt in ledger.attempts(search, 0)] == ["completed"]
    assert [checkpoint.epoch for checkpoint in ledger.checkpoints(search)] == [1]


def test_a_stopped_trial_says_at_which_rung_it_lost_and_its_attempt_says_the_same(searches):
    driver, search, ledger = started(searches, "asha", trials=13, epochs=9)
    driver.to_the_end()
    stopped = ledger.trials(search, state=TrialState.STOPPED)
    assert stopped
    for trial in stopped:
        assert "rung" in trial.state_reason
        assert "cutoff" in trial.state_reason
        (attempt,) = ledger.attempts(search, trial.number)
        assert (attempt.outcome, attempt.reason) == ("stopped", trial.state_reason)


def test_a_paused_trial_keeps_no_attempt_open_and_goes_on_in_a_new_one_from_where_it_was(searches):
    driver, search, ledger = started(searches, "hyperband", trials=13, epochs=9)
    while not ledger.trials(search, state=TrialState.PAUSED):
        driver.step()
    first = ledger.trials(search, state=TrialState.PAUSED)[0]
    assert not first.displaced
    assert ledger.attempts(search, first.number)[-1].outcome == "paused"
    driver.to_the_end()
    resumed = [ledger.attempts(search, n) for n in range(13) if ledger.trial(search, n).attempts > 1]
    assert resumed
    for attempts in resumed:
        assert [attempt.outcome for attempt in attempts[:-1]] == ["paused"] * (len(attempts) - 1)
        last_epoch = {r.attempt: r.epoch for r in ledger.reports(search) if r.trial == attempts[0].trial}
        assert [attempt.start_epoch for attempt in attempts[1:]] == [last_epoch[a.number] for a in attempts[:-1]]


def test_a_trial_that_pauses_without_a_checkpoint_writes_one_before_its_gang_goes(searches):
    driver, search, ledger = started(searches, "hyperband", trials=13, epochs=9, checkpoints={"every_epochs": 100})
    outcomes = [driver.train(trial) for trial in list(driver.gangs)]
    assert Verdict.COMMIT_THEN_END in outcomes
    paused = ledger.trials(search, state=TrialState.PAUSED)
    assert paused
    assert all(ledger.checkpoints(search, trial.number)[-1].epoch == trial.epoch for trial in paused)


def test_a_falling_allowance_displaces_at_the_next_report_and_a_rising_one_brings_back_in_order(searches):
    driver, search, ledger = started(searches, trials=4, epochs=9, slots=3)
    driver.run.obey(Intent.RUN, 1)
    outcomes = [driver.train(trial) for trial in (0, 1, 2)]
    assert outcomes == [Verdict.END, Verdict.END, Verdict.CONTINUE]
    displaced = ledger.trials(search, state=TrialState.PAUSED)
    assert [(trial.number, trial.displaced) for trial in displaced] == [(0, True), (1, True)]
    driver.fill()
    assert set(driver.gangs) == {2}
    driver.run.obey(Intent.RUN, 3)
    driver.fill()
    assert set(driver.gangs) == {0, 1, 2}  # before trial 3, which is new
    assert driver.gangs[0].epoch == 1
    driver.to_the_end()
    assert judge(ledger, search).faults == []


def test_an_allowance_of_zero_empties_every_slot_and_nothing_is_lost(searches):
    driver, search, ledger = started(searches, trials=3, epochs=4)
    driver.run.obey(Intent.RUN, 0)
    for trial in list(driver.gangs):
        driver.train(trial)
    driver.fill()
    assert driver.gangs == {}
    assert not driver.run.finished
    driver.run.obey(Intent.RUN, 2)
    driver.to_the_end()
    assert ledger.counts(search)[TrialState.COMPLETED] == 3


def test_a_crash_starts_a_new_attempt_from_the_newest_checkpoint_and_tells_the_study_nothing_twice(searches):
    driver, search, ledger = started(
        searches, trials=1, epochs=9, checkpoints={"every_epochs": 2}, objective={"scope": "last"}
    )
    for _ in range(5):
        driver.train(0)
    driver.crash(0)
    assert ledger.trial(search, 0).state is TrialState.PENDING
    driver.fill()
    assert driver.gangs[0].epoch == 4
    driver.to_the_end()
    verdict = judge(ledger, search)
    assert verdict.faults == []
    assert verdict.most_repeated == 1
    assert [report.seen for report in ledger.reports(search) if report.epoch == 5] == [True, False]


def test_a_trial_waits_out_its_back_off_while_others_run(tmp_path, searches):
    run = searches.run(searches.submit(trials=2, epochs=2), slots=1, backoff_s=3600)
    driver = Driver(run)
    driver.fill()
    driver.crash(0)
    driver.fill()
    assert set(driver.gangs) == {1}


def test_the_back_off_doubles_with_each_fault_up_to_five_minutes(searches):
    run = searches.run(searches.submit(trials=1, epochs=2, retries={"attempts": 99}), slots=1, backoff_s=60)
    driver, told = Driver(run), []
    for _ in range(5):
        driver.fill()
        driver.crash(0)
        told.append(searches.ledger.trial(run.search.id, 0).state_reason)
        run.ready.clear()
        run.ready.add(0)  # as if it had waited
    for seconds, reason in zip((60, 120, 240, 300, 300), told, strict=True):
        assert f"again in {seconds} s" in reason


def test_a_gang_that_breaks_before_it_took_the_trial_up_costs_a_fault_and_says_so(searches):
    run = searches.run(searches.submit(trials=1, epochs=2, retries={"attempts": 2}), slots=1)
    ledger, search = searches.ledger, run.search.id
    for _ in range(2):
        run.next_assignment()
        run.broke(0, "no process could be started")
        run.released(0)
    warnings = [event.data["message"] for event in ledger.events(search) if event.kind == "warning"]
    assert warnings == ["fault 1 of 2 borne, again in 0 s: no process could be started"]
    assert ledger.trial(search, 0).state is TrialState.FAILED
    assert ledger.attempts(search, 0) == []


def test_a_trial_out_of_attempts_fails_with_the_reason_and_the_study_knows(searches):
    driver, search, ledger = started(searches, trials=2, epochs=3, slots=1, retries={"attempts": 2})
    driver.crash(0)
    driver.fill()
    driver.crash(0)
    trial = ledger.trial(search, 0)
    assert trial.state is TrialState.FAILED
    assert "attempt 2 of 2" in trial.state_reason
    assert "a rank died" in trial.state_reason
    assert any(r.kind == "fact" and r.data["fact"] == "failed" for r in ledger.history(search))
    driver.to_the_end()
    assert ledger.search(search).state is SearchState.COMPLETED


def test_an_error_of_the_users_code_fails_the_trial_at_once(searches):
    driver, search, ledger = started(searches, trials=2, epochs=3)
    assert driver.fail(0) is Verdict.END
    assert "ValueError: no" in ledger.trial(search, 0).state_reason


def test_one_failure_more_than_the_budget_bears_fails_the_search(searches):
    driver, search, ledger = started(searches, trials=9, epochs=3, slots=1, budget={"failures": 2})
    for number in range(3):
        driver.fail(number)
        driver.run.obey(Intent.RUN, 1)
        driver.fill()
    assert driver.run.finished
    row = ledger.search(search)
    assert row.state is SearchState.FAILED
    assert "3 trials failed" in row.state_reason
    assert judge(ledger, search).faults == []


def test_the_last_trial_failing_fails_the_search_if_that_is_one_too_many(searches):
    # Given that nobody has looked since the failure, and that there is nothing left to do
    driver, search, ledger = started(searches, trials=1, epochs=3, budget={"failures": 0})
    driver.fail(0)
    driver.fill()
    assert ledger.search(search).state is SearchState.FAILED


def test_a_trainable_that_does_not_report_the_objective_fails_its_trial_with_what_it_reports(searches):
    driver, search, ledger = started(searches, trials=1, epochs=3)
    driver.train(0, metrics={"accuracy": 1.0})
    assert "accuracy" in ledger.trial(search, 0).state_reason
    assert "loss" in ledger.trial(search, 0).state_reason


def test_a_nan_is_a_result_without_a_value_and_ends_its_trial_with_the_reason(searches):
    driver, search, ledger = started(searches, trials=1, epochs=2)
    assert driver.train(0, metrics={"loss": float("nan")}) is Verdict.END
    assert ledger.reports(search)[0].value is None
    trial = ledger.trial(search, 0)
    assert (trial.state, trial.state_reason) == (
        TrialState.STOPPED,
        "epoch 1: loss not a finite number, so it ends here",
    )


def test_a_checkpoint_that_cannot_be_written_is_told_and_training_goes_on(searches):
    driver, search, ledger = started(searches, trials=1, epochs=3)
    assert driver.train(0, checkpoint=None, checkpoint_error="the disk is full") is Verdict.CONTINUE
    (warning,) = (event for event in ledger.events(search) if event.kind == "warning")
    assert "the disk is full" in warning.data["message"]


def test_what_an_epoch_cost_is_kept_and_its_warnings_are_events(searches):
    driver, search, ledger = started(searches, trials=1, epochs=3)
    cost = {"samples_per_s": 900.0, "rss_bytes": 2.0**28}
    driver.train(0, resources=cost, warnings=("rank 1 ran out of memory", "memory grew"))
    assert ledger.reports(search)[0].resources == cost
    told = [event for event in ledger.events(search) if event.kind == "warning"]
    assert [event.data["message"] for event in told] == ["rank 1 ran out of memory", "memory grew"]
    assert {(event.trial, event.attempt) for event in told} == {(0, 1)}


@pytest.mark.parametrize("choice", ["halve_micro_batch", "fail"])
def test_a_gang_is_told_what_running_out_of_memory_leads_to(searches, choice):
    run = searches.run(searches.submit(trials=1, retries={"oom": choice}))
    assert run.next_assignment().on_out_of_memory == choice


def test_a_gang_is_told_which_integrations_write_and_where(searches):
    chosen = {"tensorboard": True, "wandb": {"project": "mine"}}
    run = searches.run(searches.submit(trials=1, integrations=chosen))
    assignment = run.next_assignment()
    assert assignment.integrations["tensorboard"] == {}
    assert assignment.integrations["wandb"]["project"] == "mine"
    assert "mlflow" not in assignment.integrations
    assert Path(assignment.logs) == Path(assignment.directory).parent / "logs"


def test_the_target_ends_the_search(searches):
    driver, search, ledger = started(searches, trials=50, epochs=9, budget={"target": 100.0})
    driver.to_the_end()
    assert "target" in ledger.search(search).state_reason
    assert len(ledger.trials(search)) <= 3


def test_used_up_seconds_start_no_new_trial_and_let_running_ones_finish(searches):
    driver, search, ledger = started(searches, trials=50, epochs=2, budget={"seconds": 1e-6})
    driver.to_the_end()
    assert "seconds" in ledger.search(search).state_reason
    assert ledger.counts(search)[TrialState.COMPLETED] == 2


def test_stop_ends_paused_trials_and_lets_running_ones_finish(searches):
    driver, search, ledger = started(searches, "hyperband", trials=13, epochs=9)
    driver.train(0)
    driver.run.obey(Intent.STOP, 2)
    driver.run.obey(Intent.STOP, 2)
    while driver.gangs:
        driver.train(next(iter(driver.gangs)))
    driver.run.obey(Intent.STOP, 2)
    assert ledger.search(search).state is SearchState.COMPLETED
    assert "stopped by a person" in ledger.search(search).state_reason
    assert judge(ledger, search).faults == []


def test_cancel_ends_everything_in_one_moment(searches):
    driver, search, ledger = started(searches, trials=9, epochs=9)
    driver.train(0)
    driver.run.obey(Intent.CANCEL, 2)
    assert driver.run.finished
    assert ledger.search(search).state is SearchState.CANCELLED
    assert driver.train(0) is Verdict.END  # a report that was under way counts for nothing
    assert judge(ledger, search).faults == []


def test_enqueued_configurations_come_first_and_only_once(searches):
    asked = [{"lr": 0.05}, {"optimizer": "adam", "hidden": 32}]
    driver, search, ledger = started(searches, trials=3, epochs=1, enqueue=asked)
    driver.run = searches.run(search)
    again = Driver(driver.run)
    again.to_the_end()
    configs = [trial.config for trial in ledger.trials(search)]
    assert configs[0]["lr"] == 0.05
    assert (configs[1]["optimizer"], configs[1]["hidden"]) == ("adam", 32)
    assert len(configs) == 3


def test_enqueued_configurations_are_asked_for_once_even_if_a_runner_is_lost_before_its_first_proposal(searches):
    search = searches.submit(trials=3, epochs=1, enqueue=[{"lr": 0.05}])
    searches.run(search)
    Driver(searches.run(search)).to_the_end()
    configs = [trial.config for trial in searches.ledger.trials(search)]
    assert [config["lr"] == 0.05 for config in configs] == [True, False, False]


def test_a_ledger_that_does_not_answer_is_tried_again_and_the_study_is_told_once(searches, monkeypatch):
    driver, search, ledger = started(searches, trials=1, epochs=2)
    write, failures = type(ledger).write, [1, 1]

    def failing(self, lease, token=None):
        if failures:
            failures.pop()
            raise LedgerUnavailable("away")
        return write(self, lease, token)

    monkeypatch.setattr(type(ledger), "write", failing)
    monkeypatch.setattr("service.runner.patience.time.sleep", lambda _seconds: None)
    assert driver.train(0) is Verdict.CONTINUE
    assert failures == []
    assert len(ledger.reports(search)) == 1


def test_a_runner_whose_lease_was_taken_over_writes_nothing_more(searches):
    driver, search, ledger = started(searches, trials=1, epochs=3)
    searches.run(search)
    before = ledger.search(search).last_seq
    with pytest.raises(Fenced):
        driver.train(0)
    assert ledger.search(search).last_seq == before
