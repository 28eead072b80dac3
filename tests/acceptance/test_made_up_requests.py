"""What the running service answers to requests that nobody meant: 500 of them, made up from its own description."""

from __future__ import annotations

import httpx2
import schemathesis

from service.access import Scope
from tests.support.fuzzing import config_of, run


def test_five_hundred_made_up_requests_find_nothing_that_the_description_does_not_promise(service, client):
    operator = {"Authorization": f"Bearer {service.token}"}
    client.admin.create_project("made-up")
    quota = httpx2.put(f"{service.url}/v1/projects/made-up/quota", json={"slots": 0}, headers=operator)
    assert quota.status_code == 200  # what is submitted waits, and no test after this one does
    key = client.admin.create_key("made-up", list(Scope), project="made-up").key
    headers = {"Authorization": f"Bearer {key}"}

    def load(config):
        schema = schemathesis.openapi.from_url(f"{service.url}/openapi.json", config=config, headers=headers)
        return schema.exclude(path_regex="/events$")  # the log of a search that waits does not end

    found = run(load, config_of(key, examples=8, sequences=30, seed=0, coverage=False), 500)
    httpx2.post(f"{service.url}/v1/searches:cancel", json={"all": True}, headers=headers)
    assert sorted(found.faults) == []
    assert found.total >= 500
    assert found.cases["stateful_testing"] > 0
    assert found.statuses[401] < found.total / 2
