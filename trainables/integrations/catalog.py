"""Which integrations there are, and whether their libraries are here. Imports none of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib.util import find_spec

LIBRARIES: Mapping[str, str] = {"tensorboard": "tensorboardX", "mlflow": "mlflow", "wandb": "wandb"}
"""Name in a search spec -> the module that it needs. That of TensorBoard comes with Ray Tune."""


def missing(names: Iterable[str]) -> dict[str, str]:
    """Return those integrations whose library cannot be imported here, with what is wrong: "got, must; way out"."""
    return {
        name: f"got an integration whose library {LIBRARIES[name]} is not installed, must be installed on every node; "
        f'leave it out, or have the operator install "rung[{name}]"'
        for name in names
        if find_spec(LIBRARIES[name]) is None
    }
