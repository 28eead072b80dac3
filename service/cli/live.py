"""How a search looks in the terminal: its dashboard for `watch` and `show`, a line for each event. Pure rendering."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from service.cli.console import cell, duration
from service.schemas import BestView, EventView, SearchView
from service.states import SearchState, TrialState

DECISIONS = 8
"""Decisions shown at the bottom of the dashboard."""

_BAR = 36
_SEARCH_STYLE: Mapping[SearchState, str] = {
    SearchState.QUEUED: "yellow",
    SearchState.RUNNING: "cyan",
    SearchState.PAUSED: "yellow",
    SearchState.COMPLETED: "green",
    SearchState.FAILED: "red",
    SearchState.CANCELLED: "magenta",
}
_TRIAL_STYLE: Mapping[TrialState, str] = {
    TrialState.COMPLETED: "green",
    TrialState.STOPPED: "blue",
    TrialState.FAILED: "red",
    TrialState.CANCELLED: "magenta",
    TrialState.RUNNING: "cyan",
    TrialState.PAUSED: "yellow",
    TrialState.PENDING: "white",
}


def dashboard(view: SearchView, decisions: Sequence[Text], now: datetime) -> RenderableType:
    """The whole picture of a search: header, trials by state, rungs, the best so far, the last decisions."""
    parts = [_header(view, now), _trials(view)]
    if view.rungs:
        parts.append(_section("rungs", _rungs(view.rungs)))
    parts.append(_section("best", _best(view.best)))
    if decisions:
        parts.append(_section("last decisions", Group(*decisions[-DECISIONS:])))
    return Group(*parts)


def _header(view: SearchView, now: datetime) -> RenderableType:
    style = _SEARCH_STYLE[view.state]
    times = [] if view.started_at is None else [duration(((view.ended_at or now) - view.started_at).total_seconds())]
    if view.seconds_left is not None and not view.state.is_terminal:
        times.append(f"about {duration(view.seconds_left)} left")
    facts = [view.id, f"{view.algorithm} on {view.trainable}", *times]
    title = Text.assemble((view.name, "bold"), "  ", (f"● {view.state}", style), "  ", (" · ".join(facts), "dim"))
    start = f"; likely to start at {view.likely_start:%H:%M:%S} UTC" if view.likely_start is not None else ""
    return Group(title, Text(view.reason + start, style="dim")) if view.reason else title


def _trials(view: SearchView) -> RenderableType:
    total = max(view.trials_total or 0, sum(view.trials.values()), 1)
    bar = Text("\n")
    filled = 0.0
    drawn = 0
    legend = Text()
    for state, style in _TRIAL_STYLE.items():
        count = view.trials.get(state, 0)
        if not count:
            continue
        filled += count * _BAR / total
        width = max(round(filled) - drawn, 0)
        bar.append("━" * width, style)
        drawn += width
        legend.append(f"   {count} ", style="bold").append(str(state), style=style)
    bar.append("┄" * (_BAR - drawn), "bright_black")
    ended = sum(count for state, count in view.trials.items() if state.is_terminal)
    bar.append(f"  {ended} of {view.trials_total or '?'} trials ended", "bold")
    bar.append(f", {view.slots} slots" if not view.state.is_terminal else "", "dim")
    return Group(
        bar, Text(legend.plain.lstrip(), spans=_shift(legend)) if legend else Text("no trial yet", style="dim")
    )


def _shift(text: Text) -> list[Any]:
    offset = len(text.plain) - len(text.plain.lstrip())
    return [span.move(-offset) for span in text.spans]


def _section(title: str, content: RenderableType) -> RenderableType:
    return Group(Text(f"\n{title}", style="bold"), content)


def _rungs(rungs: Mapping[int, int]) -> RenderableType:
    table = Table.grid(padding=(0, 2))
    table.add_column(justify="right", style="dim")
    table.add_column(justify="right")
    table.add_column()
    most = max(*rungs.values(), 1)
    for epoch, reached in sorted(rungs.items()):
        unit = "epoch " if epoch == 1 else "epochs"
        bar = Text("█" * max(round(24 * reached / most), 1 if reached else 0), style="cyan")
        table.add_row(f"{epoch} {unit}", str(reached), bar)
    return table


def _best(best: BestView | None) -> RenderableType:
    if best is None:
        return Text("none yet", style="dim")
    head = Text.assemble(
        f"{best.metric} ", (f"{best.value:.6g}", "bold green"), f"   trial {best.trial}, epoch {best.epoch}"
    )
    return Group(head, Text(cell(best.config), style="dim"))


def decision_lines(event: EventView) -> list[Text]:
    """What an event tells about decisions, one line each; none where it decides nothing."""
    return _DECISIONS.get(event.kind, _nothing)(event)


def event_line(event: EventView) -> str | None:
    """An event as one plain line; None for what no person needs to read."""
    tell = _LINES.get(event.kind)
    return f"{event.at.astimezone():%H:%M:%S} {tell(event)}" if tell else None


def _nothing(_event: EventView) -> list[Text]:
    return []


def _proposed(event: EventView) -> list[Text]:
    why = event.data["origin"].get("text", "")
    return [_decision(event, f"trial {event.trial}", "start", "white", f"{cell(event.data['config'])}  {why}".strip())]


def _resumed(event: EventView) -> list[Text]:
    return [_decision(event, f"trial {event.trial}", "resume", "cyan", event.data["reason"])]


def _verdicts(event: EventView) -> list[Text]:
    shown = [action for action in event.data.get("actions") or () if action["kind"] != "continue"]
    return [
        _decision(event, f"trial {action['trial']}", action["kind"], _VERDICT_STYLE[action["kind"]], action["reason"])
        for action in shown
    ]


def _warned(event: EventView) -> list[Text]:
    return [_decision(event, "", "warning", "red", event.data["message"])]


def _lost(event: EventView) -> list[Text]:
    if event.data["outcome"] not in ("lost", "failed"):
        return []
    return [_decision(event, f"trial {event.trial}", event.data["outcome"], "red", event.data["reason"])]


def _decision(event: EventView, who: str, what: str, style: str, why: str) -> Text:
    line = Text(no_wrap=True, overflow="ellipsis")
    line.append(f"{event.at.astimezone():%H:%M:%S}  ", "dim").append(f"{who:<10}").append(f"{what:<10}", style)
    return line.append(why, "dim")


def _report_line(event: EventView) -> str:
    value = cell(event.data["value"]) or "not finite"
    verdicts = "".join(
        f"; trial {action['trial']} {action['kind']}: {action['reason']}"
        for action in event.data.get("actions") or ()
        if action["kind"] != "continue"
    )
    return f"trial {event.trial} epoch {event.data['epoch']} value {value}{verdicts}"


def _told_line(event: EventView) -> str:
    return "; ".join(f"trial {act['trial']} {act['kind']}: {act['reason']}" for act in event.data.get("actions") or ())


def _ended_line(event: EventView) -> str:
    return f"trial {event.trial} attempt {event.attempt} {event.data['outcome']}: {event.data['reason']}"


_VERDICT_STYLE: Mapping[str, str] = {
    "stop": "blue",
    "pause": "yellow",
    "promote": "cyan",
    "complete": "green",
    "fail": "red",
    "cancel": "magenta",
}

_DECISIONS: Mapping[str, Callable[[EventView], list[Text]]] = {
    "trial.proposed": _proposed,
    "trial.resumed": _resumed,
    "report": _verdicts,
    "study.told": _verdicts,
    "attempt.ended": _lost,
    "warning": _warned,
}

_LINES: Mapping[str, Callable[[EventView], str]] = {
    "search.submitted": lambda event: f"submitted {event.data['name']}",
    "search.intent": lambda event: f"asked to {event.data['to']}",
    "search.state": lambda event: f"search {event.data['to']}: {event.data['reason']}",
    "search.waits": lambda event: f"search waits: {event.data['reason']}",
    "search.allowance": lambda event: f"slots {event.data['to']}",
    "trial.proposed": lambda event: f"trial {event.trial} proposed {cell(event.data['config'])}",
    "trial.resumed": lambda event: f"trial {event.trial} resumed: {event.data['reason']}",
    "report": _report_line,
    "study.told": _told_line,
    "attempt.ended": _ended_line,
    "warning": lambda event: f"warning: {event.data['message']}",
}


def last_decisions(events: Iterable[EventView]) -> list[Text]:
    """The newest DECISIONS decisions of some events, oldest first."""
    return [line for event in events for line in decision_lines(event)][-DECISIONS:]
