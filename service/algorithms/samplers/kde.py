"""BOHB's sampler: kernel densities of the good and of the other configurations (Falkner et al., ICML 2018, section 4).

The densities and the search for their best ratio are hpbandster's, used as a library. Everything around them is here:
which observations it sees, when it draws at random, and what becomes of its faults. hpbandster keeps no state between
two draws, so a draw depends on the table of trials and the seed alone.
"""

import logging
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import numpy as np

from search_spaces import Space
from service.algorithms.proposals import Origin, OriginKind
from service.algorithms.samplers.base import Sampler
from service.algorithms.samplers.fence import fenced
from service.algorithms.trials import Trials


class KdeSampler(Sampler):
    """Models the results of one rung, the highest that has enough of them; results of different rungs are never mixed.

    A failed trial counts there with the worst loss, and so does a result that is not finite. Below the first rung with
    enough results, and for `random_fraction` of the draws after that, configurations are drawn at random.
    """

    def __init__(
        self,
        space: Space,
        seed: int,
        *,
        random_fraction: float,
        top_percent: int,
        candidates: int,
        bandwidth_factor: float,
        min_bandwidth: float,
        min_points: int | None,
    ) -> None:
        super().__init__(space, seed)
        num_parameters = len(space.vector_names)
        self._random_fraction = random_fraction
        self._min_points = max(min_points or 0, num_parameters + 1)
        self._enough = self._min_points + num_parameters + 1  # both densities need more points than parameters
        self._settings = {
            "top_n_percent": top_percent,
            "num_samples": candidates,
            "random_fraction": 0.0,  # decided in draw(), so that a random pick by design differs from one by a fault
            "bandwidth_factor": bandwidth_factor,
            "min_bandwidth": min_bandwidth,
            "min_points_in_model": self._min_points,
        }
        self._configspace = space.configspace()
        self._vectors: dict[int, np.ndarray[Any, np.dtype[np.float64]]] = {}

    def draw(self, seed: int, trials: Trials) -> tuple[dict[str, Any], Origin]:
        """Return a draw from the model of the highest rung that has enough results, else a random one."""
        rungs = trials.rungs()
        budget = max((epochs for epochs, losses in rungs.items() if len(losses) >= self._enough), default=None)
        if budget is None:
            most = max((len(losses) for losses in rungs.values()), default=0)
            text = f"drawn at random: a model needs {self._enough} results at one rung, there are {most}"
            return self.draw_random(seed, text, model_based_pick=False)
        if np.random.default_rng(seed).random() < self._random_fraction:
            text = f"drawn at random, as are {self._random_fraction:.0%} of the configurations by design"
            return self.draw_random(seed, text, model_based_pick=False)
        return self._draw_from_model(seed, budget, rungs[budget], trials)

    def _draw_from_model(
        self, seed: int, budget: int, losses: Mapping[int, float], trials: Trials
    ) -> tuple[dict[str, Any], Origin]:
        log = _LastWarning()
        with fenced(seed):
            generator = self._fit(budget, losses, trials, log)
            encoded, info = generator.get_config(budget)
        data = {"model_based_pick": bool(info["model_based_pick"]), "budget": budget, "points": len(losses)}
        if not info["model_based_pick"]:
            return self.draw_random(seed, f"drawn at random, because the model failed: {log.text}", **data)
        text = f"drawn from the model of {len(losses)} results at epoch {budget}"
        return self.space.decode(encoded), Origin(kind=OriginKind.MODEL, text=text, data=data)

    def _fit(self, budget: int, losses: Mapping[int, float], trials: Trials, log: "_LastWarning") -> Any:
        from hpbandster.optimizers.config_generators.bohb import BOHB  # takes 2 s, and only model searches need it

        generator = BOHB(self._configspace, logger=log.logger, **self._settings)
        *others, last = losses
        generator.configs[budget] = [self._vector(trial, trials) for trial in others]
        generator.losses[budget] = [losses[trial] for trial in others]
        # The last one goes in by the front door, which also fits the model.
        config = self.space.encode(trials[last].config)
        job = SimpleNamespace(
            result={"loss": losses[last]}, kwargs={"budget": budget, "config": config}, exception=None
        )
        generator.new_result(job)
        return generator

    def _vector(self, trial: int, trials: Trials) -> "np.ndarray[Any, np.dtype[np.float64]]":
        if trial not in self._vectors:
            self._vectors[trial] = self.space.to_vector(trials[trial].config)
        return self._vectors[trial]


class _LastWarning(logging.Handler):
    """Keeps the last warning of one generator, which tells why its model failed; nothing reaches the service's log."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.text = "no reason given"
        self.logger = logging.Logger("hpbandster")
        self.logger.addHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the message's last line that says something."""
        lines = [line.strip() for line in record.getMessage().splitlines() if line.strip()]
        informative = [line for line in lines if "Error" in line] or lines
        self.text = informative[-1]
