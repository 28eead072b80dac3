"""A recorded search is decided the same again; whatever is changed in its record is found where it was changed."""

from __future__ import annotations

import itertools
import random

import pytest
from sqlalchemy import select, update

from service.algorithms import catalog
from service.errors import NotFound
from service.runner import audit_search
from service.states import Intent, SearchState
from service.store.tables import events
from service.store.tables import searches as searches_table
from tests.support.runs import Searches
from tests.unit.runner.driver import Driver

SECTIONS = [
    *({"name": preset["name"]} for preset in catalog()),
    {"sampler": {"name": "quasi_random"}, "scheduler": {"name": "asha_promotion"}},
    {"sampler": {"name": "tpe", "startup_trials": 3}, "scheduler": {"name": "hyperband"}},
    {"name": "bohb", "random_fraction": 0.0},
]
"""Every preset, what no preset combines, and BOHB whose every configuration is its model's as soon as there is one."""


@pytest.fixture
def searches(tmp_path):
    searches = Searches(tmp_path)
    yield searches
    searches.ledger.close()


def with_everything(searches, algorithm, **spec):
    """A search with crashes, failures, NaN, an enqueued trial, and trials displaced, over several leases."""
    search = searches.submit(
        algorithm,
        **{
            "trials": 12,
            "epochs": 9,
            "retries": {"attempts": 99},
            "budget": {"failures": 99},
            "enqueue": [] if algorithm == "grid" else [{"hidden": 32}],
            **spec,
        },
    )
    chance = random.Random(3)
    befalls = itertools.cycle([Driver.fail, Driver.crash, diverge])
    for _ in range(200):
        driver = Driver(searches.run(search), seed=chance.randrange(10**6))
        for _ in range(chance.randint(6, 20)):
            driver.step()
            if driver.run.finished:
                return search
            driver.run.slots = chance.choice([1, 2, 2, 3])
            if driver.gangs and chance.random() < 0.2:
                next(befalls)(driver, chance.choice(sorted(driver.gangs)))
    raise AssertionError("it never ends")


def diverge(driver, trial):
    driver.train(trial, metrics={"loss": float("nan")})


def steps(searches, search, fact):
    """The recorded steps of one kind, such as `reported`."""
    return [step for step in searches.ledger.history(search) if step.data["fact"] == fact]


def change(searches, search, step, edit):
    """Edits the event of a step behind the ledger's back."""
    row = events.c.search == search, events.c.seq == step.seq
    with searches.ledger._database.engine.begin() as connection:
        data = connection.scalar(select(events.c.data).where(*row))
        edit(data)
        connection.execute(update(events).where(*row).values(data=data))


@pytest.mark.parametrize("section", SECTIONS, ids=str)
def test_whatever_befell_a_search_it_is_decided_the_same_again(section, searches):
    models_late = "random_fraction" in section
    search = with_everything(searches, section.get("name", "random"), section=section, trials=24 if models_late else 12)
    if models_late:
        assert "model" in {trial.origin["kind"] for trial in searches.ledger.trials(search)}
    history = searches.ledger.history(search)
    assert {"start", "reported", "failed"} <= {step.data["fact"] for step in history}
    assert None in {step.data["value"] for step in history if step.data["fact"] == "reported"}
    found = audit_search(searches.ledger, search)
    assert found.difference is None
    assert searches.ledger.search(search).state is SearchState.COMPLETED
    assert found.checked == len(history) + 1


@pytest.mark.parametrize("intent", [Intent.STOP, Intent.CANCEL])
def test_a_search_that_a_person_ended_is_decided_the_same_again(intent, searches):
    search = searches.submit("hyperband", trials=9, epochs=9)
    driver = Driver(searches.run(search))
    for _ in range(20):
        driver.step()
    driver.run.obey(intent, 2)
    while driver.gangs and not driver.run.finished:
        driver.train(min(driver.gangs))
    driver.run.obey(intent, 2)
    assert driver.run.finished
    assert audit_search(searches.ledger, search).difference is None


def test_a_search_that_runs_is_audited_as_far_as_it_has_come(searches):
    search = searches.submit("asha", trials=9, epochs=9)
    assert audit_search(searches.ledger, search).checked == 0
    driver = Driver(searches.run(search))
    for _ in range(11):
        driver.step()
    found = audit_search(searches.ledger, search)
    assert (found.checked, found.difference) == (len(searches.ledger.history(search)), None)


def test_an_audit_writes_nothing(searches):
    search = with_everything(searches, "asha")
    before = searches.ledger.search(search).last_seq
    audit_search(searches.ledger, search)
    assert searches.ledger.search(search).last_seq == before


def test_a_changed_proposal_is_found_at_its_place(searches):
    search = with_everything(searches, "asha")
    fourth = steps(searches, search, "start")[4]

    def edit(data):
        data["proposal"]["config"]["lr"] = 0.05

    change(searches, search, fourth, edit)
    found = audit_search(searches.ledger, search)
    assert (found.difference.seq, found.difference.trial) == (fourth.seq, 4)
    assert found.checked == 1 + [step.seq for step in searches.ledger.history(search)].index(fourth.seq)
    assert found.difference.recorded.startswith("start trial 4 with {")
    (field,) = found.difference.fields
    assert field.startswith("config.lr: 0.05 is recorded, ")


def test_a_changed_resumption_is_found_at_its_place(searches):
    search = with_everything(searches, "hyperband")
    resume = steps(searches, search, "resume")[1]
    change(searches, search, resume, lambda data: data["proposal"].update(epochs=8))
    found = audit_search(searches.ledger, search).difference
    assert (found.seq, found.trial) == (resume.seq, resume.trial)
    assert found.fields == (f"epochs: 8 is recorded, {resume.data['epochs']} now",)


def test_a_changed_verdict_is_found_at_its_place(searches):
    search = with_everything(searches, "asha")
    stop = next(s for s in steps(searches, search, "reported") if [a["kind"] for a in s.actions] == ["stop"])

    def edit(data):
        data["actions"][0]["kind"] = "continue"

    change(searches, search, stop, edit)
    found = audit_search(searches.ledger, search).difference
    assert (found.seq, found.trial) == (stop.seq, stop.trial)
    assert found.fields == ('[0].kind: "continue" is recorded, "stop" now',)
    assert found.now.startswith(f"stop trial {stop.trial}: ")


def test_a_changed_report_is_found_where_a_verdict_rests_on_it(searches):
    search = with_everything(searches, "hyperband")
    first = steps(searches, search, "reported")[0]

    def edit(data):
        data["fact"]["value"] = 123.0

    change(searches, search, first, edit)
    found = audit_search(searches.ledger, search).difference
    assert found.seq >= first.seq
    assert "123" in found.now


@pytest.mark.parametrize("algorithm", ["random", "hyperband"])
def test_a_report_that_completed_its_trial_and_was_removed_is_missed(algorithm, searches):
    search = with_everything(searches, algorithm)
    last = [s for s in steps(searches, search, "reported") if s.actions[0]["kind"] == "complete"][-1]
    change(searches, search, last, lambda data: data.update(fact=None))
    found = audit_search(searches.ledger, search).difference
    assert found.seq > last.seq
    assert found.now == f"the search goes on: no verdict has ended trials {last.trial}"


@pytest.mark.parametrize(
    ("key", "value", "told"),
    [("trial", 77, "it cannot be told: trial: got 77"), ("fact", "odd", "it cannot be told: fact: got 'odd'")],
)
def test_a_fact_that_cannot_be_told_is_a_difference_and_no_crash(key, value, told, searches):
    search = with_everything(searches, "asha")
    first = steps(searches, search, "reported")[0]
    change(searches, search, first, lambda data: data["fact"].update({key: value}))
    found = audit_search(searches.ledger, search).difference
    assert found.seq == first.seq
    assert found.now.startswith(told)


def test_a_proposal_that_cannot_be_read_is_shown_as_it_is(searches):
    search = with_everything(searches, "random")
    change(searches, search, steps(searches, search, "start")[0], lambda data: data["proposal"].update(odd=1))
    found = audit_search(searches.ledger, search).difference
    assert '"odd": 1' in found.recorded
    assert found.fields == ("odd: 1 is recorded, nothing now",)


def test_an_end_that_does_not_follow_is_a_difference(searches):
    search = with_everything(searches, "random", budget={})
    with searches.ledger._database.engine.begin() as connection:
        row = searches_table.c.id == search
        connection.execute(update(searches_table).where(row).values(state_reason="because"))
    found = audit_search(searches.ledger, search).difference
    assert found.seq == searches.ledger.search(search).last_seq
    assert found.recorded == "the search completed: because"
    assert found.now == "propose nothing more: its 12 trials are used up"


def test_a_search_that_is_not_there_is_an_error(searches):
    with pytest.raises(NotFound):
        audit_search(searches.ledger, "nothere")
