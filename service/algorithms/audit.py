"""A search decided again: a fresh Study is asked and told in the recorded order, and must answer as it is recorded.

Where the record comes from is the caller's matter, and so is what a difference means: a record that was changed, or a
version of the library or of Rung that decides otherwise.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from service.algorithms.actions import Action
from service.algorithms.events import event_from_dict
from service.algorithms.proposals import Done, Proposal, Resume, Start, Wait, proposal_from_dict
from service.algorithms.study import Study
from service.algorithms.trials import LIVE


class Entry(Protocol):
    """One step of a Study, as it was recorded."""

    @property
    def seq(self) -> int:
        """Where it stands in the record."""

    @property
    def kind(self) -> Literal["proposal", "fact"]:
        """Whether the Study proposed it or was told it."""

    @property
    def data(self) -> Mapping[str, Any]:
        """What `to_dict` made of it."""

    @property
    def actions(self) -> Sequence[Mapping[str, Any]]:
        """The verdicts that followed from a fact, in their order; empty for a proposal."""

    @property
    def trial(self) -> int | None:
        """Whom it concerns; None: the search as a whole."""


@dataclass(frozen=True, kw_only=True, slots=True)
class End:
    """How a search completed: what its Study answered when nothing ran any more."""

    seq: int
    """Where it stands in the record."""
    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Difference:
    """An entry that is decided otherwise now."""

    seq: int
    """Where it stands in the record."""
    trial: int | None
    """Whom it concerns; None: the search as a whole."""
    recorded: str
    """What was decided, in words."""
    now: str
    """What a fresh Study decides, in words."""
    fields: tuple[str, ...]
    """Each field that differs, with both values; empty where there is nothing to compare."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Audit:
    """What came of deciding a search again."""

    checked: int
    """Entries that were decided again, the one that differs and the end included."""
    difference: Difference | None
    """The first one; None: everything is decided as it was."""


def decide_again(study: Study, entries: Iterable[Entry], end: End | None = None) -> Audit:
    """Decide a recorded search again, up to the first difference: from there on the states have parted.

    Args:
        study: a fresh one of the search's spec. It is changed.
        entries: what was recorded, in its order; that it was asked in vain need not be part of it.
        end: how the search completed; None: it has not, or was broken off.
    """
    checked = 0
    for checked, entry in enumerate(entries, start=1):
        difference = _DECIDE[entry.kind](study, entry)
        if difference is not None:
            return Audit(checked=checked, difference=difference)
    if end is None:
        return Audit(checked=checked, difference=None)
    return Audit(checked=checked + 1, difference=_end_again(study, end))


def _propose_again(study: Study, entry: Entry) -> Difference | None:
    proposal = study.next()
    now = proposal.to_dict()
    if now == entry.data:
        return None
    recorded = _read(lambda: _proposal_in_words(proposal_from_dict(entry.data)), entry.data)
    return _difference(entry, recorded, _proposal_in_words(proposal), _fields(entry.data, now))


def _tell_again(study: Study, entry: Entry) -> Difference | None:
    recorded = _read(lambda: _actions_in_words([Action.from_dict(raw) for raw in entry.actions]), entry.actions)
    try:
        actions = study.tell(event_from_dict(entry.data))
    except (ValueError, TypeError, KeyError) as error:
        told = f"told {json.dumps(entry.data)}, {recorded}"
        return _difference(entry, told, f"it cannot be told: {error}", ())
    now = [action.to_dict() for action in actions]
    if now == list(entry.actions):
        return None
    return _difference(entry, recorded, _actions_in_words(actions), _fields(list(entry.actions), now))


_DECIDE: Mapping[str, Callable[[Study, Entry], Difference | None]] = {
    "proposal": _propose_again,
    "fact": _tell_again,
}


def _end_again(study: Study, end: End) -> Difference | None:
    proposal = study.next()
    recorded, now = f"the search completed: {end.reason}", _proposal_in_words(proposal)
    live = [str(record.trial) for record in study.trials if record.phase in LIVE]
    if live:
        now = f"the search goes on: no verdict has ended trials {', '.join(live)}"
    elif isinstance(proposal, Wait | Done) and proposal.reason == end.reason:
        return None
    return Difference(seq=end.seq, trial=None, recorded=recorded, now=now, fields=())


def _difference(entry: Entry, recorded: str, now: str, fields: Iterable[str]) -> Difference:
    return Difference(seq=entry.seq, trial=entry.trial, recorded=recorded, now=now, fields=tuple(fields))


# In words


def _read(words: Callable[[], str], raw: Any) -> str:
    """What a recorded fact says; its JSON where somebody changed it so that it cannot be read any more."""
    try:
        return words()
    except (ValueError, TypeError, KeyError):
        return json.dumps(raw)


def _proposal_in_words(proposal: Proposal) -> str:
    match proposal:
        case Start():
            parent = f", from epoch {proposal.from_epoch} of trial {proposal.parent}"
            inherits = "" if proposal.parent is None else parent
            config = json.dumps(proposal.config)
            return f"start trial {proposal.trial} with {config}{inherits}, to epoch {proposal.epochs}"
        case Resume():
            return f"resume trial {proposal.trial}, to epoch {proposal.epochs}: {proposal.reason}"
        case Wait():
            return f"propose nothing now: {proposal.reason}"
        case Done():
            return f"propose nothing more: {proposal.reason}"


def _actions_in_words(actions: Sequence[Action]) -> str:
    return "; ".join(f"{action.kind} trial {action.trial}: {action.reason}" for action in actions) or "no verdict"


_ABSENT = object()


def _fields(recorded: Any, now: Any, path: str = "") -> Iterator[str]:
    """Say for each differing field, by its path, what is recorded and what is decided now."""
    if isinstance(recorded, Mapping) and isinstance(now, Mapping) and recorded.get("fact") == now.get("fact"):
        for name in dict.fromkeys([*recorded, *now]):
            yield from _fields(recorded.get(name, _ABSENT), now.get(name, _ABSENT), f"{path}.{name}" if path else name)
    elif isinstance(recorded, list) and isinstance(now, list) and len(recorded) == len(now):
        for index, (one, other) in enumerate(zip(recorded, now, strict=True)):
            yield from _fields(one, other, f"{path}[{index}]")
    elif recorded != now and path:
        yield f"{path}: {_show(recorded)} is recorded, {_show(now)} now"


def _show(value: Any) -> str:
    return "nothing" if value is _ABSENT else json.dumps(value)
