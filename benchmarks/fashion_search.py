"""What a BOHB search over the built-in Fashion-MNIST network finds, and costs, beside random search of as many epochs.

Usage: RUNG_DATA_DIR=DIR python -m benchmarks.fashion_search [--trials 20] [--epochs 9] [--samples 6000] [--seed 0]
Both go through HTTP to one service that is started and stopped here; random search trains as many trials to the end as
come nearest to the epochs that BOHB trained. Trials are compared by validation accuracy; the best checkpoint of each
search is then loaded without Ray, and tried once on the 10,000 test images.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

import trainables
from benchmarks.machine import describe
from service.client import Client
from tests.support.service import Service, finished
from trainables.models.fashion_cnn import FashionCnn

BATCH = 1000
"""Test images that are told apart at once."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """What one search found and cost.

    Attributes:
        trials: Trials that began.
        epochs: Epochs that they trained together.
        seconds: From its start to its end.
        validation: Best accuracy on the validation images.
        test: That checkpoint's accuracy on the test images.
        config: Its configuration.
    """

    trials: int
    epochs: int
    seconds: float
    validation: float
    test: float
    config: Mapping[str, Any]


def spec_of(algorithm: str, trials: int, epochs: int, samples: int, seed: int) -> dict[str, Any]:
    """Return a spec on the trainable's own space, made smaller for a CPU."""
    space = {
        **FashionCnn.space,
        "width": {"type": "categorical", "choices": [8, 16]},
        "train_samples": {"type": "constant", "value": samples},
        "validation_samples": {"type": "constant", "value": max(samples // 3, 1)},
    }
    return {
        "name": f"fashion-{algorithm}",
        "trainable": "fashion_cnn",
        "space": space,
        "algorithm": {"name": algorithm},
        "budget": {"trials": trials, "epochs": epochs},
        "parallelism": 2,
        "seed": seed,
    }


def run(client: Client, spec: Mapping[str, Any], folder: Path) -> Outcome:
    """Run a search to its end and try its best checkpoint."""
    search = client.submit(spec)
    view = finished(search, timeout_s=3600)
    best = search.best()
    assert best is not None
    assert view.started_at is not None
    assert view.ended_at is not None
    return Outcome(
        trials=sum(view.trials.values()),
        epochs=len(search.reports()),
        seconds=(view.ended_at - view.started_at).total_seconds(),
        validation=best.value,
        test=test_accuracy(search.download_best(folder), best.config),
        config=best.config,
    )


@torch.no_grad()
def test_accuracy(checkpoint: Path, config: Mapping[str, Any]) -> float:
    """Return the share of the test images that a checkpoint tells right."""
    model = trainables.load(checkpoint)
    images, labels = FashionCnn().test_data(config).tensors
    right = sum(
        int((model(part).argmax(dim=1) == truth).sum())
        for part, truth in zip(images.split(BATCH), labels.split(BATCH), strict=True)
    )
    return right / len(labels)


def main() -> None:
    """Starts a service, runs both searches one after the other, stops the service, prints both."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name, default in (("trials", 20), ("epochs", 9), ("samples", 6000), ("seed", 0)):
        parser.add_argument(f"--{name}", type=int, default=default)
    asked = parser.parse_args()
    settings = {name: os.environ[name] for name in ("RUNG_DATA_DIR",) if name in os.environ}
    with tempfile.TemporaryDirectory(prefix="rung-") as folder:
        service = Service.prepare(Path(folder) / "home", cpus=2, **settings)
        service.cli("up")
        try:
            with service.client() as client:
                sizes = (asked.epochs, asked.samples, asked.seed)
                bohb = run(client, spec_of("bohb", asked.trials, *sizes), Path(folder) / "bohb")
                as_many = max(round(bohb.epochs / asked.epochs), 1)
                random = run(client, spec_of("random", as_many, *sizes), Path(folder) / "random")
        finally:
            service.cli("down")
    print(f"machine: {describe()}; {asked.samples} training images, seed {asked.seed}")
    for name, outcome in (("bohb", bohb), ("random", random)):
        print(
            f"{name}: test accuracy {outcome.test:.4f} (validation {outcome.validation:.4f}), "
            f"{outcome.trials} trials, {outcome.epochs} epochs, {outcome.seconds:.0f} s, config {dict(outcome.config)}"
        )


if __name__ == "__main__":
    main()
