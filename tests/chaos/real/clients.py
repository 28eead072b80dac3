"""Clients that submit, read and cancel while faults strike, and note every request and answer in a history (JSONL)."""

from __future__ import annotations

import itertools
import json
import random
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx2

ALGORITHMS: tuple[Mapping[str, Any], ...] = (
    {"name": "random"},
    {"name": "tpe", "startup_trials": 3},
    {"name": "asha"},
    {"name": "hyperband"},
)
"""What the searches are searched with, in turn."""


class Clients:
    """Threads that use the service as people do: always with a key, and again with the same one until answered.

    Attributes:
        impatient: while set, a submission waits 0.4 s for its answer and then goes away.
        searches: ids by the keys that were answered.
        last_success: monotonic seconds of the newest submission that was answered.
    """

    def __init__(self, url: str, token: str, *, seed: int, most: int, history: Path, log: Path) -> None:
        """Begins.

        Args:
            url: of the service.
            token: for it.
            seed: of everything that is drawn.
            most: searches that are kept running.
            history: file of requests and answers.
            log: file that trials note answered reports in.
        """
        self._most = most
        self._url = url
        self._headers = {"Authorization": f"Bearer {token}"}
        self._chance = random.Random(seed)
        self._seed = seed
        self._history = history.open("a", buffering=1)
        self._log = log
        self._lock = threading.Lock()
        self._leaving = threading.Event()
        self.impatient = threading.Event()
        self.searches: dict[str, str] = {}
        self.last_success = 0.0
        self._threads = [threading.Thread(target=work, daemon=True) for work in (self._submit_on, self._read_on)]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """No further requests; those under way end first."""
        self._leaving.set()
        for thread in self._threads:
            thread.join()
        self._history.close()

    def _submit_on(self) -> None:
        with httpx2.Client(base_url=self._url, headers=self._headers, timeout=15) as http:
            for number in itertools.count():
                while len(self._running(http)) >= self._most and not self._leaving.wait(0.5):
                    pass
                if self._leaving.is_set():
                    return
                self._submit(http, number)

    def _submit(self, http: httpx2.Client, number: int) -> None:
        key = f"chaos-{self._seed}-{number}"
        spec = {
            "name": key,
            "trainable": "curve",
            "space": {
                "lr": {"type": "float", "low": 0.001, "high": 0.1, "log": True},
                "log": {"type": "constant", "value": str(self._log)},
            },
            "algorithm": dict(ALGORITHMS[number % len(ALGORITHMS)]),
            "objective": {"metric": "loss", "mode": "min", "scope": "last"},
            "budget": {"trials": 8, "epochs": 20, "failures": 8},
            "resources": {"cpus_per_worker": 1},
            "retries": {"attempts": 9},
            "checkpoints": {"every_epochs": 5},
            "parallelism": 2,
            "seed": self._seed * 1000 + number,
        }
        while not self._leaving.is_set():
            timeout = 0.4 if self.impatient.is_set() else 15
            status, body = self._ask(http, "POST", "/v1/searches", spec, {"Idempotency-Key": key}, timeout=timeout)
            if status in (200, 201):
                self.searches[key] = body["id"]
                self.last_success = time.monotonic()
                return
            time.sleep(0.3)

    def _read_on(self) -> None:
        with httpx2.Client(base_url=self._url, headers=self._headers, timeout=15) as http:
            while not self._leaving.wait(0.4):
                known = list(self.searches.values())
                if not known:
                    continue
                search = self._chance.choice(known)
                draw = self._chance.random()
                if draw < 0.04:
                    self._ask(http, "POST", f"/v1/searches/{search}/cancel")
                else:
                    self._ask(http, "GET", f"/v1/searches/{search}/trials" if draw < 0.5 else f"/v1/searches/{search}")

    def _running(self, http: httpx2.Client) -> list[str]:
        status, body = self._ask(http, "GET", "/v1/searches?limit=100")
        if status != 200:
            return [""] * self._most
        return [row["id"] for row in body["items"] if row["state"] in ("queued", "running")]

    def _ask(
        self,
        http: httpx2.Client,
        method: str,
        path: str,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        timeout: float = 15,
    ) -> tuple[int, Any]:
        """One request; the status is 0 where no answer came."""
        at = time.time()
        try:
            answer = http.request(method, path, json=body, headers=headers, timeout=timeout)
            status, kind, text = answer.status_code, answer.headers.get("content-type", ""), answer.text
        except httpx2.HTTPError as error:
            status, kind, text = 0, type(error).__name__, str(error)
        content = json.loads(text) if "json" in kind and status else None
        row = {
            "at": at,
            "s": round(time.time() - at, 3),
            "method": method,
            "path": path,
            "status": status,
            "kind": kind,
        }
        if body is not None:
            row |= {"key": (headers or {}).get("Idempotency-Key"), "spec": body}
        if status >= 400 or status == 0:
            row["text"] = text[:500]
        elif method == "POST":
            row["search"] = content["id"]
        with self._lock:
            self._history.write(json.dumps(row) + "\n")
        return status, content
