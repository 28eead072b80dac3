"""A page of searches and the opaque cursor to the next one."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from datetime import datetime

from service.errors import FieldFault, InvalidInput
from service.models import Search


@dataclass(frozen=True, kw_only=True, slots=True)
class Page:
    """Searches, newest first.

    Attributes:
        next_cursor: continues behind the last item; None at the end.
    """

    items: tuple[Search, ...]
    next_cursor: str | None


def cursor_of(search: Search) -> str:
    """The cursor that continues behind this search."""
    return base64.urlsafe_b64encode(f"{search.created_at.isoformat()} {search.id}".encode()).decode()


def read_cursor(cursor: str) -> tuple[datetime, str]:
    """Time of creation and id of the search behind which to continue.

    Raises:
        InvalidInput: not a cursor that an earlier page gave.
    """
    try:
        created_at, _, search = base64.urlsafe_b64decode(cursor.encode()).decode().partition(" ")
        at = datetime.fromisoformat(created_at)
    except (ValueError, binascii.Error):
        at = None
    if at is None or at.tzinfo is None:
        message = f"got {cursor[:100]!r}, must be the next_cursor of an earlier page; leave it out to start anew"
        raise InvalidInput.of(FieldFault(path="cursor", message=message))
    return at, search
