"""Requests that schemathesis makes up from the OpenAPI document, and what the service answers that it must not.

Every check that schemathesis has is on: no 5xx, no status, media type or body that the document does not promise,
refused credentials, methods that are not there, and sequences of calls in which one answer feeds the next request. What
some answers are allowed besides is in `_ANSWERED`, each with its reason.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from schemathesis.config import SchemathesisConfig
from schemathesis.engine import from_schema
from schemathesis.engine.events import FatalError, NonFatalError, ScenarioFinished


@dataclass
class Findings:
    """What came of a run.

    Attributes:
        cases: requests that were sent, by phase.
        statuses: answers, by status.
        faults: a line for each thing that must not be, with what reproduces it.
    """

    cases: Counter[str] = field(default_factory=Counter)
    statuses: Counter[int] = field(default_factory=Counter)
    faults: set[str] = field(default_factory=set)

    @property
    def total(self) -> int:
        return self.cases.total()


def config_of(token: str, *, examples: int, sequences: int, seed: int, coverage: bool) -> SchemathesisConfig:
    """Every check; each operation gets about so many requests by chance, and there are so many sequences of calls.

    Args:
        token: that the requests carry.
        examples: requests by chance, for each operation.
        sequences: of calls.
        seed: of the chance.
        coverage: whether every boundary of every parameter is asked for besides, without chance.
    """
    return SchemathesisConfig.from_dict(
        {
            "seed": seed,
            **_ANSWERED,
            "headers": {"Authorization": f"Bearer {token}"},
            "max-failures": 40,
            "continue-on-failure": True,
            "generation": {"max-examples": examples, "database": "none", "no-shrink": True},
            "phases": {
                "examples": {"enabled": coverage},
                "coverage": {"enabled": coverage},
                "stateful": {"generation": {"max-examples": sequences}},
            },
        }
    )


def run(load: Callable[[SchemathesisConfig], Any], config: SchemathesisConfig, enough: int) -> Findings:
    """Runs until `enough` requests were sent, or there are no more.

    Args:
        load: makes schemathesis' schema with a config.
        config: of the run.
        enough: requests.
    """
    found = Findings()
    stream = from_schema(load(config)).execute()
    for event in stream:
        for line in _seen(event, found):
            found.faults.add(line)
        if found.total >= enough:
            stream.stop()
            break
    return found


def _seen(event: Any, found: Findings) -> Iterator[str]:
    if isinstance(event, FatalError):
        yield f"the run broke: {event.exception!r}"
    elif isinstance(event, NonFatalError):
        yield f"{event.label}: {event.value!r}"
    elif isinstance(event, ScenarioFinished):
        recorder = event.recorder
        found.cases[event.phase.name.lower()] += len(recorder.interactions)
        for checks in recorder.checks.values():
            for check in checks:
                if check.failure_info is not None:
                    failure = check.failure_info.failure
                    yield f"{recorder.label} {check.name}: {failure.message}\n{check.failure_info.code_sample}"
        for interaction in recorder.interactions.values():
            if interaction.response is not None:
                found.statuses[interaction.response.status_code] += 1


_ANSWERED = {
    "checks": {
        # A JSON Schema cannot say which trainables there are, that low < high, what a cursor holds, or which version an
        # ETag names: such requests fit the document and are refused all the same.
        "positive_data_acceptance": {"expected-statuses": ["2xx", 401, 403, 404, 409, 412, 422, 429, 503]},
    },
    "operations": [
        # A search that was just submitted has no best trial yet.
        {
            "include-path-regex": "/best",
            "checks": {"ensure_resource_availability": {"enabled": False}},
        },
    ],
}
