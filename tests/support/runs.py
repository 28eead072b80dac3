"""Runs of searches for tests: a real ledger in a folder, a real Study, no service around them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from search_spaces import Space
from service.algorithms import AlgorithmSpec
from service.models import Lease
from service.runner.recovery import recover
from service.runner.run import Run
from service.runner.spool import Spool
from service.schemas import SearchSpec
from service.states import SearchState
from service.store import Ledger
from trainables.models.digits_mlp import DigitsMlp

SPACE = {
    "lr": {"type": "float", "low": 1e-3, "high": 1e-1, "log": True},
    "hidden": {"type": "int", "low": 16, "high": 64},
    "optimizer": {"type": "categorical", "choices": ["sgd", "adam"]},
    "momentum": {"type": "float", "low": 0.0, "high": 0.9, "when": {"optimizer": "sgd"}},
}
GRID = SPACE | {
    "lr": {"type": "ordinal", "choices": [0.001, 0.01, 0.1]},
    "hidden": {"type": "ordinal", "choices": [16, 64]},
    "momentum": {"type": "float", "low": 0.0, "high": 0.9, "step": 0.9, "when": {"optimizer": "sgd"}},
}


class Searches:
    """A ledger with searches in it, and the leases to run them under.

    Attributes:
        ledger: SQLite in `folder`.
        store: the checkpoint store in `folder`; with a `store_url`, of those on their way.
    """

    def __init__(self, folder: Path) -> None:
        self.ledger = Ledger.open(f"sqlite:///{folder / 'ledger.db'}")
        self.store = folder / "checkpoints"
        self.store_url = ""
        self._coordinator = self.ledger.seize_lease("coordinator", "test", 3600)

    def submit(self, algorithm: str = "random", *, trials: int = 4, epochs: int = 3, **spec: Any) -> str:
        """A search that is admitted; returns its id. Its trainable is `digits_mlp` unless `path` says otherwise."""
        path = spec.pop("path", "trainables.models.digits_mlp:DigitsMlp")
        space = Space.parse(spec.pop("space", GRID if algorithm == "grid" else SPACE))
        parsed = AlgorithmSpec.parse(spec.pop("section", {"name": algorithm}))
        budget = {"trials": parsed.num_trials(space, trials, trials), "epochs": epochs, **spec.pop("budget", {})}
        objective = {**DigitsMlp.objective, **spec.pop("objective", {})}
        resolved = SearchSpec.model_validate(
            {
                "name": algorithm,
                "trainable": "digits_mlp",
                "space": space.to_dict(),
                "algorithm": parsed.to_dict(),
                "objective": objective,
                "budget": budget,
                **spec,
            }
        )
        search, _ = self.ledger.submit(
            spec=resolved.model_dump(mode="json"), name=algorithm, trainable="digits_mlp", trainable_path=path
        )
        self.admit(search.id)
        return search.id

    def admit(self, search: str) -> None:
        """As the coordinator does."""
        with self.ledger.write(self._coordinator) as writer:
            writer.move_search(search, SearchState.RUNNING, "admitted")

    def run(self, search: str, *, slots: int = 2, backoff_s: float = 0.0) -> Run:
        """A new runner's run of the search, under the next lease epoch: whatever ran it before is fenced."""
        lease: Lease = self.ledger.seize_lease(f"search/{search}", "test", 3600)
        run = recover(
            ledger=self.ledger,
            lease=lease,
            search=self.ledger.search(search),
            store=self.store,
            backoff_s=backoff_s,
            store_url=self.store_url,
        )
        run.slots = slots
        return run


def spool_of(run: Run) -> Spool:
    """Where reports of the run may wait: beside its checkpoint store."""
    return Spool(run.paths.store.parent / f"{run.search.id}.jsonl", 100)
