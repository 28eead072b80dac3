"""Trainables whose suggestions for a spec are odd. They are never trained."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from trainables.models.digits_mlp import DigitsMlp


class Endless(DigitsMlp):
    """Suggests a budget that no spec may have."""

    budget: ClassVar[Mapping[str, int]] = {"trials": 10**9, "epochs": 1}
