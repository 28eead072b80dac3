"""What people send to let a search go on: more of its budget, or trials once more."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AwareDatetime, Field

from service.schemas.spec import Strict


class Extend(Strict):
    """A new budget; what is left out stays as it is."""

    trials: int | None = Field(
        None, ge=1, le=100_000, description="Configurations to try in all, those of before included."
    )
    epochs: int | None = Field(
        None, ge=1, le=1_000_000, description="Epochs of a trial; trials that were complete train on to them."
    )
    seconds: float | None = Field(None, gt=0, description="Wall-clock seconds from now on, instead of what is left.")
    gpu_hours: float | None = Field(None, gt=0, description="GPU-hours of all attempts together.")
    failures: int | None = Field(None, ge=0, description="Failed trials that are borne in all.")
    deadline: AwareDatetime | None = Field(None, strict=False, description="Another time at which it ends.")


class Retry(Strict):
    """Which trials to try once more."""

    states: list[Literal["failed", "cancelled", "stopped"]] = Field(
        ["failed"],
        min_length=1,
        max_length=3,
        description="Trials in these states; whoever was continued already is not meant.",
    )
    trials: list[Annotated[int, Field(ge=0, le=10**9)]] | None = Field(
        None, min_length=1, max_length=10_000, description="Of them, only these numbers; default: all."
    )
