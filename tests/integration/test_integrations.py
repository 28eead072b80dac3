"""A search whose gangs write TensorBoard's files, with pauses in between, under a real Ray."""

from __future__ import annotations

import pytest

from tests.integration.test_engine import Stepping
from tests.support.judge import judge
from tests.support.runs import Searches
from tests.unit.trainables.test_integrations import events

pytestmark = pytest.mark.usefixtures("cluster")


def test_each_trials_folder_has_every_epoch_once_over_all_its_attempts(tmp_path):
    searches = Searches(tmp_path)
    search = searches.submit(
        "hyperband", trials=4, epochs=3, resources={"workers": 2}, integrations={"tensorboard": True}
    )
    with Stepping(searches.run(search, slots=2)) as stepping:
        stepping.to_the_end()
    assert judge(searches.ledger, search).faults == []
    attempts = 0
    for trial in searches.ledger.trials(search):
        told = [report for report in searches.ledger.reports(search, trial.number) if report.seen]
        found = events(searches.store / search / f"trial-{trial.number:04d}" / "logs" / "tensorboard")
        losses = {step: value.simple_value for step, value in found if value.tag == "loss"}
        assert [step for step, value in found if value.tag == "loss"] == [report.epoch for report in told]
        assert losses == pytest.approx({report.epoch: report.metrics["loss"] for report in told})
        assert {value.tag for _, value in found} >= {"accuracy", "weights/0.weight", "gradients/0.weight"}
        attempts = max(attempts, len(searches.ledger.attempts(search, trial.number)))
    assert attempts > 1
    searches.ledger.close()
