"""Rungs: who came to each, who went on, and where the cutoff stood."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from service.store import VerdictRow
from service.web.figures.figure import STATES, Figure, Options, count, empty, spread, value_axis
from service.web.source import Source

_MOST = 1500
"""Dots drawn at most."""

_NO_RUNGS = "No trial has come to a rung: none has been reached yet, or the scheduler has none."


@dataclass(frozen=True, kw_only=True, slots=True)
class Rung:
    """What has been decided at one rung.

    Attributes:
        epoch: where it is.
        reached: trials that came to it.
        went_on: those that were let through or promoted.
        stopped: those that ended there.
        waiting: those that wait for a decision.
        cutoff: the value of the last one kept, by the newest verdict that names one.
    """

    epoch: int
    reached: int
    went_on: int
    stopped: int
    waiting: int
    cutoff: float | None


_FATE: Mapping[str, str] = {
    "continue": "went on",
    "promote": "went on",
    "complete": "went on",
    "stop": "stopped",
    "pause": "waiting",
}
"""What a verdict means for the trial; a later one of the same rung replaces an earlier one."""

_LOOK: Mapping[str, tuple[str, str, str]] = {
    "went on": STATES["completed"],
    "stopped": STATES["stopped"],
    "waiting": STATES["paused"],
}


def rung_table(verdicts: Iterable[VerdictRow]) -> list[Rung]:
    """Each rung that a trial came to, the lowest first."""
    by_epoch = _last_by_trial(verdicts)
    return [
        Rung(
            epoch=epoch,
            reached=len(last),
            went_on=_num(last, "went on"),
            stopped=_num(last, "stopped"),
            waiting=_num(last, "waiting"),
            cutoff=next((v.cutoff for v in sorted(last.values(), reverse=True) if v.cutoff is not None), None),
        )
        for epoch, last in sorted(by_epoch.items())
    ]


def rungs(source: Source, _options: Options) -> Figure:
    """The value of each trial at each rung it came to, whether it went on, and the cutoff."""
    title = f"{source.metric} at the rungs"
    table = rung_table(source.verdicts)
    if not table:
        return empty(title, _NO_RUNGS)
    by_epoch = _last_by_trial(source.verdicts)
    place = {rung.epoch: i for i, rung in enumerate(table)}
    judged = [(epoch, v) for epoch, last in by_epoch.items() for v in last.values() if v.value is not None]
    shown = spread(judged, _MOST)
    traces = [_dots(fate, [(place[e], v) for e, v in shown if _FATE[v.kind] == fate]) for fate in _LOOK]
    cutoffs = [
        {
            "type": "line",
            "x0": place[rung.epoch] - 0.35,
            "x1": place[rung.epoch] + 0.35,
            "y0": rung.cutoff,
            "y1": rung.cutoff,
            "line": {"width": 2, "dash": "dash", "color": "#7F7F7F"},
        }
        for rung in table
        if rung.cutoff is not None
    ]
    ticks = [f"rung {i}<br>epoch {rung.epoch}" for i, rung in enumerate(table)]
    return Figure(
        title=title,
        note=f"{count(len(shown), len(judged), 'verdicts')}; dashed: the newest cutoff of each rung",
        traces=[trace for trace in traces if trace["x"]],
        layout={
            "xaxis": {"title": {"text": "rung"}, "tickvals": list(range(len(table))), "ticktext": ticks},
            "yaxis": value_axis(source.metric, [v.value for _, v in shown if v.value is not None]),
            "shapes": cutoffs,
        },
        shown=len(shown),
        of=len(judged),
    )


def funnel(source: Source, _options: Options) -> Figure:
    """How many trials came to each rung, and what became of them there."""
    title = "Trials from rung to rung"
    table = rung_table(source.verdicts)
    if not table:
        return empty(title, _NO_RUNGS)
    ticks = [f"rung {i}, epoch {rung.epoch}" for i, rung in enumerate(table)]
    parts = {
        "went on": [rung.went_on for rung in table],
        "stopped": [rung.stopped for rung in table],
        "waiting": [rung.waiting for rung in table],
    }
    traces = [
        {
            "type": "bar",
            "orientation": "h",
            "name": fate,
            "y": ticks,
            "x": numbers,
            "text": [str(number) if number else "" for number in numbers],
            "marker": {"color": _LOOK[fate][0]},
            "hovertemplate": f"%{{y}}: %{{x}} {fate}<extra></extra>",
        }
        for fate, numbers in parts.items()
    ]
    trials = len({v.trial for v in source.verdicts})
    return Figure(
        title=title,
        note=f"{count(trials, len(source.trials), 'trials')} came to a rung",
        traces=traces,
        layout={
            "barmode": "stack",
            "xaxis": {"title": {"text": "trials"}},
            "yaxis": {"title": {"text": ""}, "autorange": "reversed"},
        },
        shown=trials,
        of=len(source.trials),
    )


def _last_by_trial(verdicts: Iterable[VerdictRow]) -> dict[int, dict[int, VerdictRow]]:
    """Of each rung's epoch the newest verdict on each trial; a promotion stands at the rung it was decided for."""
    epochs: dict[int, int] = {}
    found: dict[int, dict[int, VerdictRow]] = {}
    for verdict in verdicts:
        if verdict.epoch is not None and verdict.kind != "promote":
            epochs.setdefault(verdict.rung, verdict.epoch)
        epoch = epochs.get(verdict.rung)
        if epoch is not None:
            found.setdefault(epoch, {})[verdict.trial] = verdict
    return found


def _num(last: Mapping[int, VerdictRow], fate: str) -> int:
    return sum(_FATE[verdict.kind] == fate for verdict in last.values())


def _dots(fate: str, judged: Sequence[tuple[int, VerdictRow]]) -> dict[str, Any]:
    colour, marker, _ = _LOOK[fate]
    return {
        "type": "scatter",
        "mode": "markers",
        "name": fate,
        "x": [place + ((v.trial * 37) % 51 - 25) / 100 for place, v in judged],  # side by side, the same each time
        "y": [v.value for _, v in judged],
        "customdata": [[v.trial, v.reason] for _, v in judged],
        "hovertemplate": "trial %{customdata[0]}: %{customdata[1]}<extra></extra>",
        "marker": {"color": colour, "symbol": marker, "size": 7, "opacity": 0.8},
    }
