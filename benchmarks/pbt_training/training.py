"""Real training behind the simulator: the built-in `digits_mlp`, an epoch at a time, in this process.

Every epoch's weights and moments are kept, so that a clone can begin with any of them. Weights, the order of the
examples and dropout come from the seed of the run, the trial and the epoch, so whoever decides faces the same chance.
Who decides is the business of `__main__` and tune_pbt.py.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import torch
from torch import Tensor

from service.algorithms.actions import Action
from service.algorithms.events import Event
from service.algorithms.proposals import Proposal, Start
from service.algorithms.simulator import Decider, Step
from trainables.models.digits_mlp import DigitsMlp
from trainables.training.inheritance import inherit
from trainables.training.seeds import derived_seed

EPOCHS = 30
_TRIAL = "#trial"
"""Says in a configuration whose it is: the simulator asks for an epoch of a configuration, not of a trial."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Problem:
    """What is trained and what may vary."""

    name: str
    space: Mapping[str, Any]
    fixed: Mapping[str, Any]
    """The rest of the configuration."""
    batch_size: int
    noise: float = 0.0
    """Share of the training labels that are drawn at random, the same ones in every run."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """What an epoch came to, on the validation data."""

    loss: float
    accuracy: float


class Trained:
    """A decider together with what it trains; to be given to `simulate` in both places. An epoch takes a second."""

    def __init__(self, decider: Decider, problem: Problem, seed: int, *, falling: bool = False) -> None:
        """Prepare.

        Args:
            decider: who decides; it sees losses.
            problem: what is trained.
            seed: of everything that training draws.
            falling: whether each trial's learning rate falls to nothing along half a cosine.
        """
        self.outcomes: dict[tuple[int, int], Outcome] = {}
        """By trial and epoch."""
        self._decider = decider
        self._problem = problem
        self._seed = seed
        self._falling = falling
        self._model = DigitsMlp()
        self._origins: dict[int, tuple[int, int] | None] = {}
        self._states: dict[tuple[int, int], dict[str, Any]] = {}

    def next(self) -> Proposal:
        """Return the decider's proposal, and remember whose weights a new trial begins with."""
        proposal = self._decider.next()
        if not isinstance(proposal, Start):
            return proposal
        self._origins[proposal.trial] = None if proposal.parent is None else (proposal.parent, proposal.from_epoch)
        return replace(proposal, config={**proposal.config, _TRIAL: proposal.trial})

    def tell(self, event: Event) -> list[Action]:
        """Hand on."""
        return self._decider.tell(event)

    def step(self, config: Mapping[str, Any], epoch: int) -> Step:
        """Train an epoch; a configuration that cannot be trained at all loses its trial."""
        trial: int = config[_TRIAL]
        try:
            outcome = self._train(trial, epoch, {**self._problem.fixed, **config})
        except ValueError as error:
            return Step(value=None, seconds=1.0, failure=str(error))
        self.outcomes[trial, epoch] = outcome
        return Step(value=outcome.loss if math.isfinite(outcome.loss) else None, seconds=1.0)

    def _train(self, trial: int, epoch: int, config: Mapping[str, Any]) -> Outcome:
        before = self._states.get((trial, epoch - 1)) or self._states.get(self._origins[trial] or (trial, 0))
        torch.manual_seed(derived_seed(self._seed, "weights", trial))
        network = self._model.model(config)
        optimizer = self._model.optimizer(self._rate(config, epoch), network)
        if before is not None:
            network.load_state_dict(before["network"])
            inherit(optimizer, None, before)
        inputs, labels, valid_inputs, valid_labels = _data(self._problem.noise)
        torch.manual_seed(derived_seed(self._seed, "epoch", trial, epoch))
        for batch in torch.randperm(len(labels)).split(self._problem.batch_size):
            optimizer.zero_grad()
            self._model.loss(network(inputs[batch]), labels[batch]).backward()
            optimizer.step()
        self._states[trial, epoch] = copy.deepcopy(
            {"network": network.state_dict(), "optimizer": optimizer.state_dict(), "schedule": None}
        )
        network.eval()
        with torch.no_grad():
            output = network(valid_inputs)
        right = int(self._model.evaluate(output, valid_labels)["accuracy"])
        return Outcome(loss=float(self._model.loss(output, valid_labels)), accuracy=right / len(valid_labels))

    def _rate(self, config: Mapping[str, Any], epoch: int) -> Mapping[str, Any]:
        if not self._falling:
            return config
        return {**config, "lr": config["lr"] * 0.5 * (1 + math.cos(math.pi * (epoch - 1) / EPOCHS))}


@cache
def _data(noise: float) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return training inputs and labels, validation inputs and labels; the validation labels are as they were read."""
    datasets = DigitsMlp().datasets({})
    inputs, labels = datasets.train[:]
    valid_inputs, valid_labels = datasets.validation[:]
    generator = torch.Generator().manual_seed(0)
    wrong = torch.rand(len(labels), generator=generator) < noise
    drawn = torch.randint(0, 10, (len(labels),), generator=generator)
    return inputs, torch.where(wrong, drawn, labels), valid_inputs, valid_labels
