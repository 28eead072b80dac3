"""What an admin lets the searches of a project hold together."""

from __future__ import annotations

from pydantic import Field

from service.schemas.spec import Strict


class Quota(Strict):
    """Bounds of a project; null: none."""

    slots: int | None = Field(None, ge=0, le=100_000, description="Gangs at once.")
    gpus: float | None = Field(None, ge=0, le=100_000, description="GPUs held at once.")
    searches: int | None = Field(
        None, ge=0, le=1_000_000, description="Searches that have not ended; one more is refused (409)."
    )
    gpu_hours: float | None = Field(
        None, ge=0, description="GPU-hours of all ended attempts; then its searches get no slots."
    )
    checkpoint_bytes: int | None = Field(
        None, ge=0, le=10**18, description="Bytes of its checkpoints; then its searches get no slots."
    )
