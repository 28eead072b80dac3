"""A service in this process: the real application, ledger and Study; only coordinator and gangs are pretended."""

from __future__ import annotations

import socket
import threading
import time
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
import uvicorn

from service.api.authentication import Authenticator
from service.api.context import Context
from service.api.http import build_http, guarded
from service.api.tail import Tail
from service.api.views import event_view
from service.client import Client
from service.coordinator import Node
from service.settings import Settings
from service.states import Intent, SearchState
from tests.support.browser import headless
from tests.support.runs import Searches
from tests.unit.runner.driver import Driver, Gang
from trainables import Registry
from trainables.checkpoints.checkpoint import CheckpointWriter, seal

KEY = "rung_browser"
STEP_S = 0.05
"""Seconds between two pretended epochs: slow enough to be watched."""


class Saving(Gang):
    """A pretended gang whose checkpoints are real folders, which verify."""

    def commit_checkpoint(self):
        writer = CheckpointWriter(Path(self.assignment.directory), self.epoch)
        (writer.aside / "model.safetensors").write_bytes(b"weights")
        return writer.commit([seal(writer.aside / "model.safetensors")], {}, {})


class Runner(threading.Thread):
    """Stands for coordinator and runners: admits each search and steps it to its end."""

    def __init__(self, searches: Searches) -> None:
        super().__init__(daemon=True)
        self.searches = searches
        self.ends = threading.Event()

    def run(self) -> None:
        drivers: dict[str, Driver] = {}
        while not self.ends.is_set():
            for search in self.searches.ledger.active():
                if search.id not in drivers:
                    with self.searches.ledger.write(self.searches._coordinator) as writer:
                        writer.move_search(search.id, SearchState.RUNNING, "admitted")
                    drivers[search.id] = Driver(self.searches.run(search.id, slots=4))
                self.step(drivers[search.id], search.intent)
            time.sleep(STEP_S)

    def step(self, driver: Driver, intent: Intent) -> None:
        driver.run.obey(intent, driver.run.slots)
        if driver.run.finished:
            return
        driver.fill()
        for trial, gang in driver.gangs.items():
            if not isinstance(gang, Saving):
                driver.gangs[trial] = Saving(gang.assignment)
        if driver.gangs:
            driver.train(driver.chance.choice(sorted(driver.gangs)))


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    """The running service: `url`, `token` and a `client` of it."""
    folder = tmp_path_factory.mktemp("page")
    searches = Searches(folder)
    ledger = searches.ledger
    tail = Tail(
        read=lambda search, after, limit: ledger.events(search, after=after, limit=limit),
        newest=lambda search: ledger.search(search).last_seq,
        max_streams=100,
        max_streams_per_key=100,
    )

    async def follow(search, after, principal):
        async for event in tail.follow(search, after, principal):
            yield event_view(event) if event is not None else None

    context = Context(
        authenticator=Authenticator(ledger, KEY, timedelta(hours=1)),
        ledger=ledger,
        registry=Registry({}),
        store=searches.store,
        nodes=lambda: [Node(cpus=4, gpus=0)],
        poke=lambda: None,
        coordinator_age_s=lambda: 0.1,
        follow=follow,
        has_tls=False,
    )
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    app = guarded(build_http(context), context, Settings(home=folder))
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, log_level="warning", lifespan="off"))
    serving = threading.Thread(target=server.run, daemon=True)
    serving.start()
    runner = Runner(searches)
    runner.start()
    while not server.started:
        time.sleep(0.05)
    url = f"http://127.0.0.1:{port}"
    with Client(url=url, token=KEY) as client:
        yield SimpleNamespace(url=url, token=KEY, client=client)
    runner.ends.set()
    runner.join()
    server.should_exit = True
    server.force_exit = True
    serving.join()
    ledger.close()


@pytest.fixture(scope="module")
def client(service):
    """A client of that service."""
    return service.client


@pytest.fixture(scope="module")
def browser():
    """Debian's Chromium."""
    with headless() as browser:
        yield browser
