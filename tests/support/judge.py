"""Judges a search from its ledger alone: `python -m tests.support.judge LEDGER_URL SEARCH`; exits with 1 on a fault.

It recomputes everything from rows and events; no counter that the service keeps for itself is believed.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from dataclasses import asdict, dataclass

from service.states import SEARCH_EDGES, TRIAL_EDGES, SearchState, TrialState
from service.store import Ledger


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """What a search's ledger shows.

    Attributes:
        trials: rows of trials.
        attempts: rows of attempts.
        most_repeated: the most epochs that one new attempt repeated of what was reported already.
        faults: sentences, empty for a sound search.
    """

    trials: int
    attempts: int
    reports: int
    most_repeated: int
    pids: int
    median_switch_s: float | None
    faults: list[str]


def judge(ledger: Ledger, search: str) -> Judgement:
    """Reads everything about one search and looks for faults."""
    faults: list[str] = []
    row = ledger.search(search)
    trials = ledger.trials(search)
    reports = ledger.reports(search)
    events = ledger.events(search, limit=1_000_000)
    attempts = {trial.number: ledger.attempts(search, trial.number) for trial in trials}
    if [trial.number for trial in trials] != list(range(len(trials))):
        faults.append("trial numbers have gaps")
    if row.state.is_terminal:
        faults += [f"trial {t.number} is {t.state} in an ended search" for t in trials if not t.state.is_terminal]
        faults += [f"attempt {a.trial}/{a.number} is open" for rows in attempts.values() for a in rows if not a.outcome]
    if [event.seq for event in events] != list(range(1, len(events) + 1)):
        faults.append("event sequences have gaps")
    faults += _illegal_edges(events)
    seen = Counter((report.trial, report.epoch) for report in reports if report.seen)
    faults += [f"the Study saw trial {t} epoch {e} {count} times" for (t, e), count in seen.items() if count > 1]
    told = Counter(
        (event.trial, event.data["epoch"]) for event in events if event.kind == "report" and event.data["fact"]
    )
    if told != seen:
        faults.append("what the events say the Study was told differs from the reports' rows")
    for trial in trials:
        epochs = sorted(epoch for number, epoch in seen if number == trial.number)
        first = trial.origin["data"].get("epoch", 0) + 1 if trial.origin["kind"] in ("clone", "continued") else 1
        if epochs != list(range(first, first + len(epochs))):
            faults.append(f"trial {trial.number} has holes in its epochs: {epochs}")
    repeated = _repeated(reports, attempts)
    faults += _late_work(events)
    gaps = list(_switches(reports))
    return Judgement(
        trials=len(trials),
        attempts=sum(map(len, attempts.values())),
        reports=len(reports),
        most_repeated=max(repeated, default=0),
        pids=len({pid for report in reports for pid in report.pids}),
        median_switch_s=sorted(gaps)[len(gaps) // 2] if gaps else None,
        faults=faults,
    )


def _illegal_edges(events):
    tables = {"search.state": (SearchState, SEARCH_EDGES), "trial.state": (TrialState, TRIAL_EDGES)}
    for event in events:
        if event.kind not in tables:
            continue
        states, edges = tables[event.kind]
        if event.data.get("from") is None:
            continue
        if states(event.data["to"]) not in edges[states(event.data["from"])]:
            yield f"event {event.seq}: {event.data['from']} -> {event.data['to']} is no edge"
        if not event.data["reason"]:
            yield f"event {event.seq} has no reason"


def _repeated(reports, attempts):
    """For each attempt after the first: how many of its epochs an earlier attempt had reported already."""
    for trial, rows in attempts.items():
        for attempt in rows[1:]:
            before = max((r.epoch for r in reports if r.trial == trial and r.attempt < attempt.number), default=0)
            yield max(0, before - attempt.start_epoch)


def _late_work(events):
    """No attempt begins and no report comes after a trial has ended: nothing finished ran again."""
    ended = set()
    for event in events:
        if event.kind == "trial.state" and TrialState(event.data["to"]).is_terminal:
            ended.add(event.trial)
        elif event.kind == "attempt.started" and event.trial in ended:
            yield f"event {event.seq}: trial {event.trial} had ended and ran again"


def _switches(reports):
    """Seconds between one trial's last report and the next trial's first step on the same gang."""
    by_gang = {}
    for report in sorted(reports, key=lambda r: r.started_at):
        before = by_gang.get((report.gang, report.pids))
        if before is not None and before.trial != report.trial:
            yield (report.started_at - before.ended_at).total_seconds()
        by_gang[report.gang, report.pids] = report


if __name__ == "__main__":
    result = judge(Ledger.open(sys.argv[1]), sys.argv[2])
    print(json.dumps(asdict(result), indent=1))
    sys.exit(1 if result.faults else 0)
