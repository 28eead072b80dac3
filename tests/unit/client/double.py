"""A double of the service: enough of its HTTP face for client and command line, with faults that tests switch on."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import httpx2

AT = "2026-11-21T10:00:00Z"
TOKEN = "rung_test"


def view(**changes: Any) -> dict[str, Any]:
    return {
        "id": "k3abcdefghij",
        "name": "digits-asha",
        "trainable": "digits_mlp",
        "algorithm": "asha",
        "state": "running",
        "reason": "training",
        "intent": "run",
        "spec": {"trainable": "digits_mlp"},
        "trials": {"completed": 2, "stopped": 5, "running": 2, "pending": 1},
        "trials_total": 16,
        "slots": 2,
        "best": best(),
        "rungs": {"1": 9, "3": 4, "9": 2},
        "seconds_left": 75.0,
        "created_at": AT,
        "started_at": AT,
        "ended_at": None,
        "links": {},
    } | changes


def best(**changes: Any) -> dict[str, Any]:
    return {
        "search": "k3abcdefghij",
        "trial": 4,
        "epoch": 8,
        "metric": "loss",
        "value": 0.1234567,
        "config": {"lr": 0.00316, "optimizer": "adam"},
        "metrics": {"loss": 0.1234567, "accuracy": 0.96},
        "checkpoint": None,
    } | changes


def trial(number: int, **changes: Any) -> dict[str, Any]:
    return {
        "number": number,
        "state": "completed",
        "reason": "trained to epoch 9",
        "config": {"lr": 0.1 * number},
        "origin": {"kind": "random"},
        "epoch": 9,
        "value": 1.0 / number,
        "best_epoch": 9,
        "attempts": 1,
        "created_at": AT,
        "started_at": AT,
        "ended_at": AT,
    } | changes


def event(seq: int, kind: str, data: dict[str, Any], trial: int | None = None) -> dict[str, Any]:
    return {"seq": seq, "kind": kind, "trial": trial, "attempt": None, "data": data, "at": AT}


def ended(seq: int, state: str = "completed") -> dict[str, Any]:
    return event(seq, "search.state", {"from": "running", "to": state, "reason": "16 of 16 trials ended"})


def checkpoint_tar(files: dict[str, bytes], *, manifest: dict[str, Any] | None = None) -> bytes:
    listed = {name: {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()} for name, data in files.items()}
    members = {"manifest.json": json.dumps({"files": listed} if manifest is None else manifest).encode(), **files}
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def problem(status: int, title: str, detail: str, errors: Iterable[dict[str, str]] = ()) -> httpx2.Response:
    document = {"type": "urn:x", "title": title, "status": status, "detail": detail, "errors": list(errors)}
    return httpx2.Response(status, json=document)


@dataclass
class FakeService:
    """One search and its trials.

    `failures` are served (or raised) first, one a request; `streams` are the connections of the event stream, each a
    list of events; `views`, if any, are what successive looks at the search see, the last one for ever.
    """

    views: list[dict[str, Any]] = field(default_factory=lambda: [view()])
    trials: list[dict[str, Any]] = field(default_factory=lambda: [trial(n) for n in range(1, 4)])
    streams: list[list[dict[str, Any]]] = field(default_factory=list)
    failures: list[httpx2.Response | Exception] = field(default_factory=list)
    refusal: httpx2.Response | None = None
    best: dict[str, Any] | None = field(default_factory=best)
    audit: dict[str, Any] = field(default_factory=lambda: {**SAME})
    tar: bytes = b""
    page: int = 2
    requests: list[httpx2.Request] = field(default_factory=list)

    def transport(self) -> httpx2.MockTransport:
        return httpx2.MockTransport(self.answer)

    def sent(self, method: str, ending: str) -> list[httpx2.Request]:
        return [one for one in self.requests if one.method == method and one.url.path.endswith(ending)]

    def answer(self, request: httpx2.Request) -> httpx2.Response:
        self.requests.append(request)
        if self.failures:
            failure = self.failures.pop(0)
            if isinstance(failure, Exception):
                raise failure
            return failure
        if self.refusal is not None:
            return self.refusal
        if request.url.path.startswith("/v1") and request.headers.get("Authorization") != f"Bearer {TOKEN}":
            return problem(401, "A valid bearer token is required", "got none")
        return self._route(request.method, request.url.path.removeprefix("/v1"), request)

    def _route(self, method: str, path: str, request: httpx2.Request) -> httpx2.Response:
        one = "/searches/k3abcdefghij"
        routes: dict[tuple[str, str], Callable[[], httpx2.Response]] = {
            ("POST", "/searches"): lambda: httpx2.Response(201, json=self.views[0]),
            ("POST", "/searches:validate"): lambda: httpx2.Response(200, json=PLAN),
            ("GET", "/searches"): lambda: self._pages(self.views, request),
            ("GET", one): self._look,
            ("POST", f"{one}/stop"): lambda: httpx2.Response(202, json=view(intent="stop")),
            ("POST", f"{one}/cancel"): lambda: httpx2.Response(202, json=view(intent="cancel")),
            ("POST", f"{one}/extend"): lambda: httpx2.Response(202, json=view(state="queued", reason="extended")),
            ("POST", f"{one}/retry"): lambda: httpx2.Response(202, json=view(state="queued", reason="retried")),
            ("POST", f"{one}/branch"): lambda: httpx2.Response(201, json=view(id="branched", lineage=LINEAGE)),
            ("GET", f"{one}/trials"): lambda: self._pages(self.trials, request),
            ("GET", f"{one}/trials/1"): lambda: httpx2.Response(200, json=self.trials[0]),
            ("GET", f"{one}/reports"): lambda: httpx2.Response(200, json=REPORTS),
            ("GET", f"{one}/best"): self._best,
            ("GET", f"{one}/best/checkpoint"): lambda: httpx2.Response(200, content=self.tar),
            ("GET", f"{one}/figures/history"): lambda: httpx2.Response(200, json=HISTORY),
            ("GET", f"{one}/report"): lambda: httpx2.Response(200, content=b"<!doctype html>"),
            ("GET", f"{one}/audit"): lambda: httpx2.Response(200, json=self.audit),
            ("GET", f"{one}/events"): self._stream,
            ("GET", "/trainables"): lambda: httpx2.Response(200, json=TRAINABLES),
            ("GET", "/keys"): lambda: httpx2.Response(200, json={"items": [KEY], "next_cursor": None}),
            ("POST", "/keys"): lambda: httpx2.Response(201, json=KEY | {"key": SECRET}),
            ("DELETE", "/keys/2v8k0m1x"): lambda: httpx2.Response(200, json=KEY | {"revoked_at": AT}),
            ("GET", "/projects"): lambda: httpx2.Response(200, json=[{"name": "vision", "created_at": AT}]),
            ("POST", "/projects"): lambda: httpx2.Response(201, json={"name": "vision", "created_at": AT}),
            ("GET", "/audit-log"): lambda: httpx2.Response(200, json={"items": [WRITE] * 3, "next_cursor": None}),
            ("GET", "/healthz"): lambda: httpx2.Response(200, json={"status": "ok"}),
            ("GET", "/readyz"): lambda: httpx2.Response(200, json={"status": "ok", "checks": {"ledger": "ok"}}),
        }
        found = routes.get((method, path))
        return found() if found else problem(404, "Not found", f"search: got {path}, must exist")

    def _look(self) -> httpx2.Response:
        return httpx2.Response(200, json=self.views.pop(0) if len(self.views) > 1 else self.views[0])

    def _best(self) -> httpx2.Response:
        return httpx2.Response(200, json=self.best) if self.best else problem(404, "Not found", "no best yet")

    def _pages(self, items: list[dict[str, Any]], request: httpx2.Request) -> httpx2.Response:
        start = int(request.url.params.get("cursor", 0))
        end = start + self.page
        following = str(end) if end < len(items) else None
        return httpx2.Response(200, json={"items": items[start:end], "next_cursor": following})

    def _stream(self) -> httpx2.Response:
        events = self.streams.pop(0) if self.streams else []
        text = "".join(f"id: {one['seq']}\nevent: {one['kind']}\ndata: {json.dumps(one)}\n\n" for one in events)
        return httpx2.Response(200, headers={"Content-Type": "text/event-stream"}, text=": ping\n\n" + text)


LINEAGE = {
    "parents": [
        {"search": "k3abcdefghij", "kind": "branch", "trials": 9, "left_out": {"its lr is outside the space": 3}}
    ]
}
HISTORY = {"data": [{"type": "scatter", "x": [1, 2], "y": [0.5, 0.25]}], "layout": {"title": {"text": "Best"}}}
SAME = {"search": "k3abcdefghij", "checked": 45, "difference": None}
PARTED = {
    "search": "k3abcdefghij",
    "checked": 17,
    "difference": {
        "seq": 33,
        "trial": 4,
        "recorded": "continue trial 4: rung 0",
        "now": "stop trial 4: rung 0",
        "fields": ['[0].kind: "continue" is recorded, "stop" now'],
    },
}
PLAN = {
    "spec": {"trainable": "digits_mlp"},
    "trials": 16,
    "grid_size": None,
    "slots": 2,
    "rungs": [1, 3, 9],
    "first_proposals": [{"lr": 0.1}],
    "forecast": {
        "trials": 16,
        "epochs": 48,
        "wall_epochs": 27.0,
        "rungs": [
            {"epoch": 1, "trials": 16, "epochs": 16},
            {"epoch": 3, "trials": 7, "epochs": 14},
            {"epoch": 9, "trials": 3, "epochs": 18},
        ],
        "least_epochs": 16,
        "most_epochs": 144,
        "exact": True,
    },
}
REPORTS = [
    {
        "trial": 1,
        "attempt": 1,
        "epoch": epoch,
        "value": 1.0 / epoch,
        "metrics": {"loss": 1.0 / epoch},
        "resources": {"samples_per_s": 900.0} if epoch == 2 else None,
        "seen": True,
        "started_at": AT,
        "ended_at": AT,
    }
    for epoch in (1, 2)
]
TRAINABLES = [
    {
        "name": "digits_mlp",
        "doc": "A perceptron on digits.\n\nMore.",
        "space": {"lr": {}},
        "objective": {"metric": "loss"},
        "budget": {},
        "metrics": ["loss"],
    }
]
SECRET = "rung_2v8k0m1x_" + "s" * 43 + "_01234567"
KEY = {
    "id": "2v8k0m1x",
    "name": "anna",
    "project": "vision",
    "scopes": ["searches:read", "searches:write"],
    "created_by": "operator",
    "created_at": AT,
    "expires_at": None,
    "revoked_at": None,
    "last_used_at": AT,
}
WRITE = {
    "seq": 7,
    "at": AT,
    "principal": "2v8k0m1x",
    "project": "vision",
    "method": "POST",
    "path": "/v1/searches",
    "status": 201,
}
