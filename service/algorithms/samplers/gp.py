"""Bayesian optimisation with a Gaussian process over configurations *and* epochs, for small budgets.

The results of all rungs are one data set, in which the epoch of the rung is one more input; so a few long trials teach
what many short ones lead to (Swersky et al., Multi-Task Bayesian Optimization, NeurIPS 2013; with an asynchronous
scheduler: Klein et al., Model-based Asynchronous Hyperparameter and Neural Architecture Search, arXiv 2003.10865). The
next configuration has the greatest expected improvement at the last epoch (Jones et al. 1998). Trials that still train
are there as what the model expects of them (the kriging believer of Ginsbourger et al. 2010), so parallel proposals
keep apart. The process itself is in surrogate.py, the points among which the best is sought in candidates.py.

Those points are few, and none is very near a known trial. With a thousand of them, and small steps, the search stuck to
the neighbourhood of an early good trial wherever the loss is flat or ragged, and lost to random configurations; with
few, chance explores where the model is too sure of itself. For the same reason half of the configurations are drawn at
random where a random one costs little, since it is stopped at the first of several rungs.
"""

import math
from bisect import bisect_right
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from search_spaces import Space, SpaceError
from service.algorithms.proposals import Origin, OriginKind
from service.algorithms.samplers.base import Sampler
from service.algorithms.samplers.candidates import Candidates
from service.algorithms.samplers.surrogate import Surrogate
from service.algorithms.samplers.vectors import Vectors
from service.algorithms.trials import Phase, RungResult, Trials

Array = NDArray[np.float64]

FEWEST_STARTUP_TRIALS = 8
GROWTH = 1.2
"""The hyperparameters are chosen anew each time the results have grown by this factor."""
MAX_FIT_POINTS = 128
"""Results from which hyperparameters are chosen; more make them little better and the choice slow."""
RANDOM_FRACTIONS = (0.1, 0.5)
"""Shares of random draws: where every trial trains to the one rung that has results, and where there are several."""
NUM_CENTRES = 8
"""Best trials around which candidates are drawn."""

_SOFTNESS = 0.1
"""Added to a loss's distance from the best, in units of the median's, before its logarithm is taken."""


class GpSampler(Sampler):
    """Models what all rungs say; see the module for the sources.

    Losses are turned into the logarithm of their distance from the best, so that what matters is told apart and what
    diverged is merely bad. Failed trials and results that are not finite count as the worst finite one. Of more than
    `max_points` results the model reads so many: each trial's last, from the best down, then the rest, newest first.
    """

    def __init__(
        self,
        space: Space,
        seed: int,
        max_epochs: int,
        *,
        startup_trials: int | None,
        random_fraction: float | None,
        candidates: int,
        max_points: int,
    ) -> None:
        super().__init__(space, seed)
        self._max_epochs = max_epochs
        self._startup_trials = startup_trials or max(FEWEST_STARTUP_TRIALS, len(space.vector_names) + 1)
        self._random_fraction = random_fraction
        self._max_points = max_points
        self._candidates = Candidates(space, candidates)
        self._vectors = Vectors(space)
        self._fits: dict[int, Array] = {}
        self._latest: tuple[Any, tuple[Surrogate, float]] | None = None

    def draw(self, seed: int, trials: Trials) -> tuple[dict[str, Any], Origin]:
        """Return the point of greatest expected improvement, or a random one at the start and now and then."""
        rng = np.random.default_rng(seed)
        results = trials.rung_results
        if not self.space.vector_names:
            return self.draw_random(seed, "the only configuration of a space in which nothing varies")
        if len(results) < self._startup_trials:
            text = f"drawn at random: a model needs {self._startup_trials} results at rungs, there are {len(results)}"
            return self.draw_random(seed, text, model_based_pick=False)
        fraction = self._share_at_random(trials)
        if rng.random() < fraction:
            text = f"drawn at random, as are {fraction:.0%} of the configurations by design"
            return self.draw_random(seed, text, model_based_pick=False)
        read = self._subset(results)
        model, best = self._model(results, read, trials)
        vectors = self._candidates.draw(rng, [self._vectors.of(trials[trial]) for trial in self._centres(read)])
        mean, deviation = model.mean_and_deviation(self._inputs(vectors, self._max_epochs))
        improvement = expected_improvement(best, mean, deviation)
        return self._best_new(vectors, improvement, read, seed, trials)

    def _share_at_random(self, trials: Trials) -> float:
        if self._random_fraction is not None:
            return self._random_fraction
        return RANDOM_FRACTIONS[trials.num_own_rungs > 1]

    def _best_new(
        self, vectors: Array, improvement: Array, read: Sequence[RungResult], seed: int, trials: Trials
    ) -> tuple[dict[str, Any], Origin]:
        warm, more = self.warm(result.trial for result in read)
        for number in np.argsort(-improvement, kind="stable"):
            try:
                config = self.space.from_vector(vectors[number])
            except SpaceError:
                continue  # a forbidden combination
            if trials.first_with(config) is None:
                text = f"the greatest expected improvement by a model of {len(read)} results at rungs{warm}"
                data = {
                    "model_based_pick": True,
                    "points": len(read),
                    "improvement": float(improvement[number]),
                    **more,
                }
                return config, Origin(kind=OriginKind.MODEL, text=text, data=data)
        return self.draw_random(seed, "drawn at random: the model proposes nothing new", model_based_pick=False)

    # The model

    def _model(
        self, results: Sequence[RungResult], read: Sequence[RungResult], trials: Trials
    ) -> tuple[Surrogate, float]:
        """Return the model of what was read and what still trains, and the best loss it expects of a known trial."""
        running = [record.trial for record in trials.in_phase(Phase.RUNNING)]
        state = (len(results), running)
        if self._latest is None or self._latest[0] != state:  # a draw that is repeated finds it again
            self._latest = (state, self._build(results, read, running, trials))
        return self._latest[1]

    def _build(
        self, results: Sequence[RungResult], read: Sequence[RungResult], running: list[int], trials: Trials
    ) -> tuple[Surrogate, float]:
        inputs, targets = self._data(read, trials)
        model = Surrogate(inputs.shape[1])
        hyperparameters = self._hyperparameters(results, trials, model)
        model.condition(hyperparameters, inputs, targets)
        known = self._at_the_end({result.trial for result in read}, trials)
        best = float(model.mean(known).min())
        if running:
            pending = self._at_the_end(running, trials)
            beliefs = model.mean(pending)
            model.condition(hyperparameters, np.vstack([inputs, pending]), np.concatenate([targets, beliefs]))
        return model, best

    def _hyperparameters(self, results: Sequence[RungResult], trials: Trials, model: Surrogate) -> Array:
        """Return those chosen from the first results, of which there were as many as at the last step of growth.

        So they depend on the order of the results alone, and a recovered search goes on with the same ones.
        """
        steps = [self._startup_trials]
        while steps[-1] <= len(results):
            steps.append(math.ceil(steps[-1] * GROWTH))
        num_results = steps[bisect_right(steps, len(results)) - 1]
        if num_results not in self._fits:
            first = _capped(results[:num_results], min(MAX_FIT_POINTS, self._max_points))
            self._fits[num_results] = model.fit(*self._data(first, trials))
        return self._fits[num_results]

    def _subset(self, results: Sequence[RungResult]) -> list[RungResult]:
        return _capped(results, self._max_points)

    def _data(self, results: Sequence[RungResult], trials: Trials) -> tuple[Array, Array]:
        vectors = np.array([self._vectors.of(trials[result.trial]) for result in results])
        epochs = np.array([result.epochs for result in results], dtype=np.float64)
        return self._inputs(vectors, epochs), standardised(np.array([result.loss for result in results]))

    def _at_the_end(self, numbers: "Sequence[int] | set[int]", trials: Trials) -> Array:
        return self._inputs(
            np.array([self._vectors.of(trials[number]) for number in sorted(numbers)]), self._max_epochs
        )

    def _inputs(self, vectors: Array, epochs: "float | Array") -> Array:
        """Return the model's inputs: the features of the vectors, then the place of the epoch, logarithmic."""
        features = self._candidates.features(vectors)
        if self._max_epochs == 1:
            return features
        place = np.log(np.broadcast_to(epochs, len(vectors))) / math.log(self._max_epochs)
        return np.column_stack([features, place])

    @staticmethod
    def _centres(results: Sequence[RungResult]) -> list[int]:
        ranked = sorted(results, key=lambda result: (result.loss, -result.epochs, result.trial))
        return list(dict.fromkeys(result.trial for result in ranked))[:NUM_CENTRES]


def standardised(losses: Array) -> Array:
    """Return losses as a model wants them: the logarithm of their distance from the best, mean 0, deviation 1.

    Args:
        losses: shape (n,); +inf where there was no finite value. Those count as the worst finite loss.
    """
    finite = np.isfinite(losses)
    if not finite.any():
        return np.zeros(len(losses))
    losses = losses / max(1.0, float(np.max(np.abs(losses[finite]))))  # their differences are to be finite, too
    best, median, worst = np.min(losses[finite]), np.median(losses[finite]), np.max(losses[finite])
    if worst == best:
        return np.where(finite, 0.0, 1.0)
    unit = median - best if median > best else worst - best
    with np.errstate(over="ignore"):  # a unit may be next to nothing
        distance = np.minimum((np.where(finite, losses, worst) - best) / unit, 10.0)
    shaped = np.log(distance + _SOFTNESS)
    centred: Array = shaped - np.mean(shaped)
    return centred / max(float(np.std(centred)), 1e-9)


def expected_improvement(best: float, mean: Array, deviation: Array) -> Array:
    """Return by how much each point is expected to be below `best`, shape (n,) (Jones et al. 1998, section 4.1)."""
    from scipy.special import ndtr

    gain = (best - mean) / deviation
    density = np.exp(-0.5 * gain**2) / math.sqrt(2 * math.pi)
    improvement: Array = deviation * (gain * ndtr(gain) + density)
    return improvement


def _capped(results: Sequence[RungResult], most: int) -> list[RungResult]:
    """Return all results, or the `most` that say most: each trial's last, the best at the highest rung first."""
    if len(results) <= most:
        return list(results)
    last = {result.trial: result for result in results}
    ranked = sorted(last.values(), key=lambda result: (-result.epochs, result.loss, result.trial))
    if len(ranked) > most:
        newest = sorted(ranked[most // 2 :], key=lambda result: -result.trial)
        return ranked[: most // 2] + newest[: most - most // 2]
    rest = [result for result in reversed(results) if last[result.trial] is not result]
    return ranked + rest[: most - len(ranked)]
