"""BOHB's sampler: kernel densities of the good and of the other configurations (Falkner et al., ICML 2018, section 4).

Which results are the good ones and how wide the densities are is hpbandster's, used as a library. Everything around it
is here: which observations it sees, when a draw is random, and how the most promising of many draws is found (all at
once: one by one, hpbandster takes a quarter of a second). A model depends on the table of trials and the search's seed,
a draw on the trial's seed besides.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from types import SimpleNamespace
from typing import Any

import numpy as np

from search_spaces import Space
from service.algorithms.proposals import Origin, OriginKind
from service.algorithms.samplers.base import Sampler
from service.algorithms.samplers.densities import Density, Floats, imputed
from service.algorithms.samplers.fence import fenced
from service.algorithms.samplers.vectors import Vectors
from service.algorithms.seeds import draw_seed
from service.algorithms.trials import Trials

_LOG_FLOOR = np.log(1e-32)
"""Densities below count as this one, so that two vanishing ones do not make a promising ratio (as in hpbandster)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Model:
    key: tuple[int, int]
    """The epochs of its rung and the number of results there: within one search, they say which table it is of."""
    good: Density
    other: Density


class KdeSampler(Sampler):
    """Models the results of one rung, the highest that has enough of them; results of different rungs are never mixed.

    A failed trial counts there with the worst loss, and so does a result that is not finite. Below the first rung with
    enough results, and for `random_fraction` of the draws after that, configurations are drawn at random.

    Of more than `max_points` results the model reads so many: the best, as many as make the good ones of `max_points`,
    and others at even distances in the order of their losses. So a decision's cost is bounded.

    Trials without a result at that rung are no part of the model, but no configuration is proposed twice.
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
        max_points: int,
    ) -> None:
        super().__init__(space, seed)
        num_parameters = len(space.vector_names)
        self._random_fraction = random_fraction
        self._candidates = candidates
        self._bandwidth_factor = bandwidth_factor
        self._min_points = max(min_points or 0, num_parameters + 1)
        self._enough = self._min_points + num_parameters + 1  # both densities need more points than parameters
        self._max_points = max(max_points, 2 * self._enough)
        self._num_best = max(self._min_points, top_percent * self._max_points // 100)
        self._settings = {
            "top_n_percent": top_percent,
            "min_bandwidth": min_bandwidth,
            "min_points_in_model": self._min_points,
        }
        self._vectors = Vectors(space)
        self._model: _Model | None = None

    @cached_property
    def _configspace(self) -> Any:
        return self.space.configspace()

    def draw(self, seed: int, trials: Trials) -> tuple[dict[str, Any], Origin]:
        """Return a draw from the model of the highest rung that has enough results, else a random one."""
        rungs = trials.rungs()
        budget = max((epochs for epochs, losses in rungs.items() if len(losses) >= self._enough), default=None)
        if budget is None:
            most = max((len(losses) for losses in rungs.values()), default=0)
            text = f"drawn at random: a model needs {self._enough} results at one rung, there are {most}"
            return self.draw_random(seed, text, model_based_pick=False)
        rng = np.random.default_rng(seed)
        if rng.random() < self._random_fraction:
            text = f"drawn at random, as are {self._random_fraction:.0%} of the configurations by design"
            return self.draw_random(seed, text, model_based_pick=False)
        losses = rungs[budget]
        vector, ratio = self._most_promising(self._fitted(budget, losses, trials), rng)
        warm, more = self.warm(losses)
        text = f"drawn from the model of {len(losses)} results at epoch {budget}{warm}: {ratio:.3g} times likelier good"
        data = {"model_based_pick": True, "budget": budget, "points": len(losses), "ratio": ratio, **more}
        return self.space.from_vector(vector), Origin(kind=OriginKind.MODEL, text=text, data=data)

    def _most_promising(self, model: _Model, rng: np.random.Generator) -> tuple[Floats, float]:
        """Return the draw with the highest ratio of the two densities, and that ratio."""
        drawn = model.good.draw(rng, self._candidates, self._bandwidth_factor)
        scores = np.maximum(model.good.log(drawn), _LOG_FLOOR) - np.maximum(model.other.log(drawn), _LOG_FLOOR)
        best = int(np.argmax(scores))
        return drawn[best], float(np.exp(scores[best]))

    def _fitted(self, budget: int, losses: Mapping[int, float], trials: Trials) -> _Model:
        key = (budget, len(losses))
        if self._model is None or self._model.key != key:
            self._model = self._fit(key, losses, trials)
        return self._model

    def _fit(self, key: tuple[int, int], losses: Mapping[int, float], trials: Trials) -> _Model:
        from hpbandster.optimizers.config_generators.bohb import BOHB  # takes 2 s, and only model searches need it

        budget, num_points = key
        rng = np.random.default_rng(draw_seed(self.seed, num_points, budget))
        *others, last = self._subset(losses)
        with fenced(0):
            generator = BOHB(self._configspace, logger=logging.Logger("hpbandster", logging.CRITICAL), **self._settings)
            generator.impute_conditional_data = lambda vectors: imputed(vectors, self.space.cardinalities, rng)
            generator.configs[budget] = [self._vectors.of(trials[trial]) for trial in others]
            generator.losses[budget] = [losses[trial] for trial in others]
            # The last one goes in by the front door, which also fits the model.
            config = self.space.encode(trials[last].config)
            kwargs = {"budget": budget, "config": config}
            generator.new_result(SimpleNamespace(result={"loss": losses[last]}, kwargs=kwargs, exception=None))
        good, other = (
            Density.fitted(kernel.data, kernel.bw, self.space.cardinalities)
            for kernel in (generator.kde_models[budget][name] for name in ("good", "bad"))
        )
        return _Model(key=key, good=good, other=other)

    def _subset(self, losses: Mapping[int, float]) -> list[int]:
        """Return the trials that the model reads, in the order in which their results came in."""
        trials = list(losses)
        if len(trials) <= self._max_points:
            return trials
        order = np.argsort(np.fromiter(losses.values(), float, len(losses)), kind="stable")
        num_others = self._max_points - self._num_best
        chosen = np.linspace(self._num_best, len(order) - 1, num_others).astype(int)
        return [trials[position] for position in sorted((*order[: self._num_best], *order[chosen]))]
