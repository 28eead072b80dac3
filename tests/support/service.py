"""A real Rung for acceptance tests: started by the real `rung up` on free ports, stopped by `rung down`.

Nothing here reaches into the service: it has a command line, an address and a folder, as for any user. The ledger is
opened for reading only, by tests that judge what really happened.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

from service.client import Client, Search
from service.store import Ledger

RUNG = Path(sys.executable).with_name("rung")


@dataclass(frozen=True, kw_only=True)
class Service:
    """One running service.

    Attributes:
        home: its folder.
        environment: of every command that speaks to it.
        url: of its API.
    """

    home: Path
    environment: dict[str, str]
    url: str

    @classmethod
    def prepare(cls, home: Path, *, cpus: int = 4, **settings: str) -> Service:
        """Chooses ports; starts nothing."""
        sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(3)]
        api, gcs, dashboard = (server.getsockname()[1] for server in sockets)
        for server in sockets:
            server.close()
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("RUNG_")}
        own = {
            "RUNG_HOME": str(home),
            "RUNG_PORT": str(api),
            "RUNG_RAY_PORT": str(gcs),
            "RUNG_DASHBOARD_PORT": str(dashboard),
            "RUNG_CPUS": str(cpus),
            "RUNG_LEASE_S": "5",
        }
        return cls(home=home, environment={**inherited, **own, **settings}, url=f"http://127.0.0.1:{api}")

    def cli(self, *arguments: str | Path, check: bool = True, timeout_s: float = 180, cwd: Path | None = None) -> str:
        """Runs the real `rung`; returns what it printed, both streams together."""
        done = subprocess.run(
            [str(RUNG), *map(str, arguments)],
            env=self.environment,
            cwd=cwd,
            timeout=timeout_s,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )
        if check and done.returncode != 0:
            raise AssertionError(f"rung {' '.join(map(str, arguments))} exited with {done.returncode}:\n{done.stdout}")
        return done.stdout

    def client(self) -> Client:
        """A Python client of it."""
        return Client(url=self.url, token=self.token)

    @property
    def token(self) -> str:
        """Its bearer token."""
        return (self.home / "token").read_text().strip()

    def ledger(self) -> Ledger:
        """Its ledger, for judging."""
        return Ledger.open(f"sqlite:///{self.home / 'ledger.db'}")

    def processes(self) -> list[psutil.Process]:
        """Every process that descends from its `ray start`, told by the marker in its environment."""
        marker = json.loads((self.home / "cluster.json").read_text())["marker"]
        return processes_with(marker)

    def runner(self) -> psutil.Process:
        """The process of the one search that runs; waits until there is one."""
        return wait_for(lambda: next((p for p in self.processes() if "SearchRunner" in title(p)), None), timeout_s=60)


def title(process: psutil.Process) -> str:
    """What `ps` shows of a process, empty when it is gone; Ray writes the actor's class there."""
    try:
        return " ".join(process.cmdline())
    except psutil.NoSuchProcess:
        return ""


def processes_with(marker: str) -> list[psutil.Process]:
    """Every living process whose environment holds the marker."""
    found = []
    psutil.process_iter.cache_clear()  # or a pid used again is taken for a process of an earlier test, and not killed
    for process in psutil.process_iter():
        try:
            if marker in process.environ().values() and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return found


def wait_for(condition, *, timeout_s: float, every_s: float = 0.05):
    """The first true value of `condition()`.

    Raises:
        AssertionError: there was none in time.
    """
    end = time.monotonic() + timeout_s
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(every_s)
    raise AssertionError(f"{condition} was not true within {timeout_s} s")


def finished(search: Search, *, timeout_s: float = 240):
    """The view of a search when it has ended; fails at once if it ended otherwise than by completing."""
    view = search.wait(timeout=timeout_s)
    assert view.state == "completed", f"{view.state}: {view.reason}"
    return view
