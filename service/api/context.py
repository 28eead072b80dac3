"""What the routes work with, handed to them by FastAPI. Made once for each process that serves."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from fastapi import Depends, Request

from service.api.authentication import Authenticator
from service.coordinator import Node
from service.schemas import EventView
from service.store import Ledger
from trainables import Registry
from trainables.checkpoints.stores import FolderStore, Store


@dataclass(frozen=True, kw_only=True, slots=True)
class Context:
    """The service as the routes see it.

    Attributes:
        authenticator: opens and closes sessions.
        ledger: the truth; its calls block, so routes that use it are plain functions, which FastAPI runs in threads.
        registry: the trainables there are.
        store: the root of all checkpoints' paths.
        checkpoints: where they live.
        nodes: the cluster's nodes; raises `ClusterUnavailable`.
        poke: tells the coordinator that there is something new; never fails, since it looks by itself too.
        coordinator_age_s: seconds since the coordinator's last look at the ledger; raises `ClusterUnavailable`.
        follow: the events of a search after a sequence number for a principal's id, as they come; None as a sign of
            life.
        has_tls: whether browsers come by https.
    """

    authenticator: Authenticator
    ledger: Ledger
    registry: Registry
    store: Path
    checkpoints: Store = field(default_factory=FolderStore)
    nodes: Callable[[], Sequence[Node]]
    poke: Callable[[], None]
    coordinator_age_s: Callable[[], float]
    follow: Callable[[str, int, str], AsyncIterator[EventView | None]]
    has_tls: bool


def _context(request: Request) -> Context:
    context: Context = request.app.state.context
    return context


ContextDep = Annotated[Context, Depends(_context)]
"""A route's parameter of this type is the process's context."""
