"""The simulator against the real thing: fed the curves of a search that ran, it writes that search's decision log."""

from __future__ import annotations

import pytest

from service.algorithms.simulator import Step, simulate
from service.runner import study_of
from service.schemas import SearchSpec
from tests.support.service import finished

SEARCHES = {
    "asha": {"algorithm": {"name": "asha"}, "budget": {"trials": 12, "epochs": 9}},
    "mobster": {"algorithm": {"name": "mobster", "startup_trials": 4}, "budget": {"trials": 12, "epochs": 8}},
}


class Recorded:
    """The curves that a search reported."""

    def __init__(self, ledger, search):
        configs = {trial.number: trial.config for trial in ledger.trials(search)}
        self.values = {
            (str(sorted(configs[report.trial].items())), report.epoch): report.value
            for report in ledger.reports(search)
            if report.seen
        }

    def step(self, config, epoch):
        return Step(value=self.values[str(sorted(config.items())), epoch], seconds=1.0)


@pytest.mark.parametrize("name", SEARCHES)
def test_the_simulated_decision_log_of_a_search_is_the_one_that_the_service_wrote(name, service, client):
    # Given a search that ran for real on one slot, where the order of events does not depend on the machine
    search = client.submit(
        {"name": f"simulated-{name}", "trainable": "digits_mlp", "parallelism": 1, "seed": 5, **SEARCHES[name]}
    )
    finished(search)
    ledger = service.ledger()

    # When its spec is simulated on the curves that it reported
    study = study_of(SearchSpec.model_validate(ledger.search(search.id).spec), [])
    simulation = simulate(study, Recorded(ledger, search.id), workers=1)

    # Then every proposal, every event and every verdict is the recorded one, with its reason and numbers
    simulated = [
        (fact.to_dict(), [action.to_dict() for action in actions]) for _, fact, actions in simulation.decisions
    ]
    assert simulated == [(recorded.data, list(recorded.actions)) for recorded in ledger.history(search.id)]
    assert len(simulated) > 30
