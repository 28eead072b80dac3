"""What a process of Rung's writes to its log, which the Ray dashboard shows: one line an event, with its time."""

from __future__ import annotations

import logging

_FORMAT = "%(asctime)s %(levelname)s %(message)s"


def configure_logging() -> None:
    """Lets everything from INFO up out to stderr; to be called once, by the actor whose process it is."""
    logging.basicConfig(level=logging.INFO, format=_FORMAT, force=True)
    logging.getLogger("alembic").setLevel(logging.WARNING)  # two lines for every process that opens the ledger
