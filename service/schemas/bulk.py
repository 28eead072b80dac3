"""What people ask of many searches at once, and what came of it."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from service.schemas.spec import Strict
from service.schemas.views import View
from service.states import SearchState


class Bulk(Strict):
    """Which searches are meant: those that fit every filter that is given. Ended ones never are."""

    state: SearchState | None = Field(None, strict=False, description="Only those in this state.")
    tag: str | None = Field(None, max_length=321, pattern=r"^[^\x00]+$", description="`key` or `key=value`.")
    name: str | None = Field(None, max_length=64, pattern=r"^[^\x00]+$", description="Only those of this name.")
    all: bool = Field(False, description="Every search; instead of a filter.")
    dry_run: bool = Field(False, description="Whether they are only counted.")

    @model_validator(mode="after")
    def _means_some(self) -> Self:
        if not self.all and self.state is None and self.tag is None and self.name is None:
            raise ValueError("a state, a tag or a name, or `all` for every search")
        return self


class BulkView(View):
    """What came of it."""

    matched: int = Field(description="Searches that were found.")
    dry_run: bool = Field(description="Whether they were only counted.")
    searches: list[str] = Field(description="Their ids, newest first.")
    refused: dict[str, str] = Field(description="Those of them that would not, by id, and why.")
