"""`/v1/trainables` and `/v1/algorithms`: what a spec may name."""

from __future__ import annotations

from fastapi import APIRouter

from service.algorithms import catalog
from service.api.context import ContextDep
from service.schemas import AlgorithmView, TrainableView

router = APIRouter(tags=["catalog"])


@router.get("/v1/trainables")
def trainables(context: ContextDep) -> list[TrainableView]:
    """The registered trainables with their documentation, space and defaults; one that cannot be loaded says why."""
    return [TrainableView.model_validate(row) for row in context.registry.describe()]


@router.get("/v1/algorithms")
def algorithms() -> list[AlgorithmView]:
    """The presets with their options."""
    return [AlgorithmView.model_validate(row) for row in catalog()]
