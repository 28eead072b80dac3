"""TPE: the tree-structured Parzen estimator (Bergstra et al., NeurIPS 2011, section 4), over whole configurations.

The two densities are in parzen.py, which has the widths of their kernels from hyperopt. Here is which results they are
of. The settings (a tenth of the results are good, all parameters together, trials that still train count as the others)
are those that Watanabe, arXiv 2304.11127, found best, and that Optuna has.
"""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from search_spaces import Forbidden, Space
from service.algorithms.objective import Objective
from service.algorithms.proposals import Origin, OriginKind
from service.algorithms.samplers.base import Sampler
from service.algorithms.samplers.parzen import Floats, Parzen
from service.algorithms.samplers.vectors import Vectors
from service.algorithms.trials import Phase, Trials

_MOST_GOOD = 25
"""Results that count as good at most, and the newest others that have their whole weight: hyperopt's numbers."""


class TpeSampler(Sampler):
    """Models the results of one rung, the highest that has enough of them: the start-up's number.

    So a trial stopped at epoch 1 is never compared with one at epoch 52. A trial that trains on, waits or was stopped
    counts by what it had at that rung; one that has gone no further, by its best epoch if the objective's scope is the
    best. A failed trial counts with the worst loss, and so does a result that is not finite. Trials without a result
    there that still train count as no good, which keeps parallel proposals apart, and not towards the start-up.

    Of more than `max_points` results the model reads so many: the best of them, and others at even distances in the
    order of their losses; as many of them count as good as would of all.
    """

    def __init__(
        self,
        space: Space,
        objective: Objective,
        seed: int,
        *,
        startup_trials: int,
        candidates: int,
        gamma: float,
        prior_weight: float,
        max_points: int,
    ) -> None:
        super().__init__(space, seed)
        self._objective = objective
        self._startup_trials = startup_trials
        self._candidates = candidates
        self._gamma = gamma
        self._prior_weight = prior_weight
        self._max_points = max_points
        self._conditional = len(space.configspace().conditions) > 0
        self._vectors = Vectors(space)

    def draw(self, seed: int, trials: Trials) -> tuple[dict[str, Any], Origin]:
        """Return a draw from the model once the start-up is over, a random one before."""
        rungs = trials.rungs()
        enough = (epochs for epochs, losses in rungs.items() if len(losses) >= self._startup_trials)
        budget = max(enough, default=None)
        if budget is None:
            most = max((len(losses) for losses in rungs.values()), default=0)
            text = f"drawn at random: {most} of {self._startup_trials} start-up trials have a result"
            return self.draw_random(seed, text, model_based_pick=False)
        losses = self._counting(budget, rungs[budget], trials)
        good, others = self._split(losses, trials)
        vector, ratio = self._most_promising(good, others, np.random.default_rng(seed))
        warm, more = self.warm(losses)
        data = {"model_based_pick": True, "budget": budget, "points": len(losses), "ratio": ratio, **more}
        text = f"drawn from the model of {len(losses)} results at epoch {budget}{warm}: {ratio:.3g} times likelier good"
        return self.space.from_vector(vector), Origin(kind=OriginKind.MODEL, text=text, data=data)

    def _counting(self, budget: int, losses: Mapping[int, float], trials: Trials) -> dict[int, float]:
        """Return trial -> the loss that counts at a rung."""
        return {
            trial: record.result(self._objective)[0] if record.last_epoch == budget else loss
            for trial, loss, record in ((trial, loss, trials[trial]) for trial, loss in losses.items())
        }

    def _split(self, losses: Mapping[int, float], trials: Trials) -> tuple[Parzen, Parzen]:
        """Return the densities of the good results and of the others, what still trains among these."""
        ranked = self._subset(losses)
        num_good = min(math.ceil(self._gamma * len(losses)), _MOST_GOOD)
        running = [record.trial for record in trials.in_phase(Phase.RUNNING) if record.trial not in losses]
        others = sorted([*ranked[num_good:], *running])
        good = self._density(ranked[:num_good], np.ones(num_good), trials)
        return good, self._density(others, _forgetting(len(others)), trials)

    def _subset(self, losses: Mapping[int, float]) -> list[int]:
        """Return the trials that the model reads, from the best down."""
        ranked = sorted(losses, key=lambda trial: (losses[trial], trial))
        if len(ranked) <= self._max_points:
            return ranked
        num_best = min(_MOST_GOOD, self._max_points // 2)
        chosen = np.linspace(num_best, len(ranked) - 1, self._max_points - num_best).astype(int)
        return [*ranked[:num_best], *(ranked[position] for position in chosen)]

    def _density(self, numbers: list[int], weights: Floats, trials: Trials) -> Parzen:
        vectors = [self._vectors.of(trials[trial]) for trial in numbers]
        width = len(self.space.vector_names)
        return Parzen.of(
            np.array(vectors).reshape(len(vectors), width),
            weights,
            self.space.choice_probabilities,
            self._prior_weight,
        )

    def _most_promising(self, good: Parzen, others: Parzen, rng: np.random.Generator) -> tuple[Floats, float]:
        """Return the draw with the highest ratio of the two densities, and that ratio.

        Raises:
            Forbidden: None of the draws is allowed.
        """
        drawn = good.draw(rng, self._candidates)
        if self._conditional or self.space.forbidden:
            drawn = self._possible(drawn)
        scores = good.log(drawn) - others.log(drawn)
        best = int(np.argmax(scores))
        return drawn[best], float(np.exp(scores[best]))

    def _possible(self, vectors: Floats) -> Floats:
        """Return those that are allowed, without the values of what is inactive."""
        found, refusal = [], None
        for vector in vectors:
            try:
                found.append(self.space.to_vector(self.space.from_vector(vector)))
            except Forbidden as error:
                refusal = error
        if refusal is not None and not found:
            raise refusal
        return np.array(found)


def _forgetting(count: int) -> Floats:
    """Return hyperopt's weights of so many results, oldest first: the newest count in full."""
    from hyperopt.tpe import linear_forgetting_weights

    return np.asarray(linear_forgetting_weights(count, _MOST_GOOD), dtype=np.float64)
