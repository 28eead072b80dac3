"""What crosses HTTP about keys, projects, sessions and the audit log, in both directions."""

from __future__ import annotations

from datetime import datetime

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, field_validator

from service.access import Scope
from service.schemas.quota import Quota
from service.schemas.spec import NAME
from service.schemas.views import View


class Asked(BaseModel):
    """Base of what a person sends here: unknown keys are refused; times and scopes are read from text."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class KeyRequest(Asked):
    """A key to make."""

    name: str = Field(pattern=NAME, description="For people; need not be unique.")
    scopes: list[Scope] = Field(min_length=1, max_length=16, description="What it may do; admin contains all.")
    project: str | None = Field(
        None, pattern=NAME, description="The only project that it sees; default: that of the key that asks."
    )
    expires_at: AwareDatetime | None = Field(None, description="When it ends by itself; default: never.")

    @field_validator("expires_at")
    @classmethod
    def _is_storable(cls, at: datetime | None) -> datetime | None:
        if at is not None and not _FIRST_YEAR <= at.year <= _LAST_YEAR:
            raise ValueError(f"a time between the years {_FIRST_YEAR} and {_LAST_YEAR}")
        return at


class KeyView(View):
    """An API key, without its secret."""

    id: str = Field(description="8 lower-case letters and digits; a part of the key, and no secret.")
    name: str = Field(description="For people.")
    project: str | None = Field(description="The only project that it sees; None: every one.")
    scopes: list[Scope] = Field(description="What it may do.")
    created_by: str = Field(description="Id of the key that made it, or operator.")
    created_at: datetime = Field(description="When it was made.")
    expires_at: datetime | None = Field(description="When it ends by itself; None: never.")
    revoked_at: datetime | None = Field(description="When it was ended; None: it was not.")
    last_used_at: datetime | None = Field(description="When it was last used, to the minute; None: never.")


class NewKeyView(KeyView):
    """A key that was just made."""

    key: str = Field(description="The key itself. It is told this once, and kept nowhere.")


class KeyPage(View):
    """Keys in the order of their ids."""

    items: list[KeyView] = Field(description="The keys of this page.")
    next_cursor: str | None = Field(description="Pass as `cursor` for the next page; None at the end.")


class ProjectRequest(Asked):
    """A project to make."""

    name: str = Field(pattern=NAME, description="Its name, for good.")


class ProjectView(View):
    """A project."""

    name: str = Field(description="Its name.")
    created_at: datetime = Field(description="When it was made.")
    quota: Quota = Field(default_factory=lambda: Quota(), description="What its searches may hold together.")


class SessionView(View):
    """A browser's session; the cookie itself is no part of it."""

    principal: str = Field(description="Id of the key it was opened with, or operator.")
    project: str | None = Field(description="The only project that it sees; None: every one.")
    scopes: list[Scope] = Field(description="What it may do.")
    csrf: str | None = Field(description="To send as X-Rung-CSRF with every write; None where a key was sent.")
    expires_at: datetime | None = Field(description="When it ends by itself; None where a key was sent.")


class AuditEntryView(View):
    """One write, or the attempt of one."""

    seq: int = Field(description="Rises with time; gaps are possible.")
    at: datetime = Field(description="When it was answered.")
    principal: str = Field(description="Id of the key, or operator.")
    project: str | None = Field(description="The project that the key is bound to; None: none.")
    method: str = Field(description="Of the request.")
    path: str = Field(description="Of the request, with its query.")
    status: int = Field(description="HTTP status of the answer.")


class AuditPage(View):
    """Writes, newest first."""

    items: list[AuditEntryView] = Field(description="The lines of this page.")
    next_cursor: int | None = Field(description="Pass as `cursor` for the next page; None at the end.")


_FIRST_YEAR, _LAST_YEAR = 1970, 9998
