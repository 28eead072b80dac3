"""What can go wrong inside a gang of two, one fault a trial, while another search trains beside it.

Each fault must end or retry its attempt soon, with a reason that names the rank, leave no process behind, and not be
noticed by anybody else. Judged by the ledger and the process table.
"""

from __future__ import annotations

import time
from pathlib import Path

import psutil
import pytest

from service.runner.engine import Engine
from service.states import Intent, TrialState
from tests.support import faulty
from tests.support.judge import judge
from tests.support.runs import Searches, spool_of
from trainables.gang.processes import Limits

pytestmark = pytest.mark.usefixtures("cluster")

SOON_S = 15.0
SILENCE_S = 5.0


class Story:
    """A search of faulty trials on one gang slot, and a neighbour that trains until it has ended.

    Attributes:
        ledger: of both.
        search: the faulty one.
        by_fault: its trials.
        beside: attempts of the neighbour's trial when the faulty search had ended.
    """

    def __init__(self, folder: Path, faults: list[str], *, rank: int = 1, group_s: float = 60) -> None:
        self.folder = folder
        searches = Searches(folder)
        self.ledger = searches.ledger
        space = {
            "fault": {"type": "categorical", "choices": [*faults, "nothing"]},
            "fault_rank": {"type": "constant", "value": rank},
            "folder": {"type": "constant", "value": str(folder)},
            "batch_size": {"type": "constant", "value": 8},
        }
        self.search = searches.submit(
            "grid",
            space=space,
            trials=len(faults) + 1,
            epochs=5,
            path=faulty.IMPORT_PATH,
            resources={"workers": 2},
            objective={"scope": "last"},
            checkpoints={"every_epochs": 1},
        )
        sound = {
            "fault": {"type": "constant", "value": "nothing"},
            "folder": {"type": "constant", "value": str(folder)},
            "sleep": {"type": "constant", "value": 0.05},
        }
        self.neighbour = searches.submit("random", space=sound, trials=1, epochs=10_000, path=faulty.IMPORT_PATH)
        run = searches.run(self.search, slots=1)
        limits = Limits(group_s=group_s, silence_s=SILENCE_S)
        engine = Engine(run, limits=limits, spool=spool_of(run))
        run_beside = searches.run(self.neighbour, slots=1)
        beside = Engine(run_beside, limits=limits, spool=spool_of(run_beside))
        end = time.monotonic() + 280
        try:
            while not run.finished:
                assert time.monotonic() < end, "it hangs"
                beside.step()
                run.obey(Intent.RUN, 1)
                if not run.finished:
                    engine.step()
            self.beside = self.ledger.attempts(self.neighbour, 0)
        finally:
            engine.close()
            beside.close()
        self.by_fault = {trial.config["fault"]: trial for trial in self.ledger.trials(self.search)}

    def attempts(self, fault: str):
        return self.ledger.attempts(self.search, self.by_fault[fault].number)

    def seconds_to_the_end_of_the_first_attempt(self, fault: str) -> float:
        mark = faulty.mark_of(self.by_fault[fault].config)
        return self.attempts(fault)[0].ended_at.timestamp() - mark.stat().st_mtime

    def assert_everybody_else_is_sound(self) -> None:
        """The neighbour trained on in one process, the trial after the faults completed, and nobody is left over."""
        (attempt,) = self.beside
        reports = self.ledger.reports(self.neighbour)
        assert attempt.outcome is None
        assert len({report.pids for report in reports}) == 1
        assert [report.epoch for report in reports] == list(range(1, len(reports) + 1))
        assert self.by_fault["nothing"].state is TrialState.COMPLETED
        assert judge(self.ledger, self.search).faults == []
        processes = {
            pid for search in (self.search, self.neighbour) for r in self.ledger.reports(search) for pid in r.pids
        }
        deadline = time.monotonic() + SOON_S
        while left := [pid for pid in processes if psutil.pid_exists(pid)]:
            assert time.monotonic() < deadline, f"processes {left} are left over"
            time.sleep(0.1)


CRASHES = {
    "kill": "rank 1 was killed (signal 9, SIGKILL)",
    "leave": "rank 1 ended its own process (exit code 0)",
    "segfault": "rank 1 was killed (signal 11, SIGSEGV)",
    "stop": f"rank 1 was silent for {SILENCE_S:g} s",
}


def test_a_rank_that_is_killed_leaves_crashes_or_is_stopped_costs_one_attempt(tmp_path, capsys):
    story = Story(tmp_path, list(CRASHES))
    for fault, reason in CRASHES.items():
        crashed, completed = story.attempts(fault)
        assert (crashed.outcome, completed.outcome) == ("crashed", "completed")
        assert reason in crashed.reason
        took_s = story.seconds_to_the_end_of_the_first_attempt(fault)
        again_s = (
            story.ledger.reports(story.search, completed.trial)[-4].started_at - crashed.ended_at
        ).total_seconds()
        with capsys.disabled():
            print(
                f"\n{fault}: the attempt ended after {took_s:.1f} s, a new gang trained {again_s:.1f} s later", end=""
            )
        assert took_s < SOON_S
        assert completed.start_epoch == faulty.FAULT_EPOCH - 1
    story.assert_everybody_else_is_sound()


def test_the_same_of_rank_0(tmp_path):
    story = Story(tmp_path, ["kill", "leave", "stop"], rank=0)
    for fault in ("kill", "leave", "stop"):
        crashed, completed = story.attempts(fault)
        assert (crashed.outcome, completed.outcome) == ("crashed", "completed")
        assert CRASHES[fault].replace("rank 1", "rank 0") in crashed.reason
        assert story.seconds_to_the_end_of_the_first_attempt(fault) < SOON_S
    story.assert_everybody_else_is_sound()


def test_what_the_users_code_does_to_itself_ends_its_trial_only_and_the_gang_goes_on(tmp_path):
    story = Story(tmp_path, ["exit", "loader", "nan", "stdout"])
    states = {fault: trial.state for fault, trial in story.by_fault.items()}
    assert states == {
        "exit": TrialState.FAILED,
        "loader": TrialState.FAILED,
        "nan": TrialState.STOPPED,
        "stdout": TrialState.COMPLETED,
        "nothing": TrialState.COMPLETED,
    }
    assert "user error: SystemExit: 0" in story.by_fault["exit"].state_reason
    assert "this sample cannot be read" in story.by_fault["loader"].state_reason
    assert story.by_fault["nan"].value is None
    assert story.by_fault["stdout"].value is not None
    assert all(len(story.attempts(fault)) == 1 for fault in states)
    assert story.seconds_to_the_end_of_the_first_attempt("exit") < SOON_S
    assert story.seconds_to_the_end_of_the_first_attempt("loader") < SOON_S
    story.assert_everybody_else_is_sound()


@pytest.mark.parametrize("rank", [0, 1])
def test_a_rank_in_an_endless_loop_is_named_when_the_others_have_waited_long_enough(tmp_path, rank):
    story = Story(tmp_path, ["loop"], rank=rank, group_s=10)
    assert story.by_fault["loop"].state is TrialState.FAILED
    assert f"rank {rank} did not join the others within 10 s" in story.by_fault["loop"].state_reason
    assert story.seconds_to_the_end_of_the_first_attempt("loop") < 10 + SOON_S
    story.assert_everybody_else_is_sound()
