"""Parzen estimators over vectors: a mixture with one product kernel for each known vector, and one for the prior.

How wide each kernel is in each parameter is hyperopt's, used as a library: as far as its farther neighbour, within
limits (Bergstra et al., NeurIPS 2011, section 4.2). hyperopt itself mixes each parameter apart from the others; here a
kernel is one known vector's in all parameters together, so the draws keep what goes with what (the multivariate
estimator; Falkner et al., ICML 2018; Watanabe, arXiv 2304.11127, section 3.3).

Vectors are those of `search_spaces`: coordinates in [0, 1], indices for choices without order, NaN where inactive.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp, ndtr, ndtri

Floats = NDArray[np.float64]

_PRIOR_MEAN, _PRIOR_DEVIATION = 0.5, 1.0
"""Of a coordinate, cut to [0, 1]: nearly even. hyperopt's own for a uniform parameter."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Parzen:
    """A mixture; its last component is the prior, which stands in wherever another one has no value."""

    weights: Floats
    """Of the components, shape (n + 1,); they add up to 1."""
    centres: Floats
    """Shape (n + 1, parameters). Of the prior: NaN for choices."""
    deviations: Floats
    """Shape (n + 1, parameters); of choices they mean nothing."""
    choices: tuple[tuple[float, ...], ...]
    """Of each parameter the prior probabilities of its choices; empty: it is a number."""
    prior_weight: float

    @classmethod
    def of(
        cls,
        vectors: Floats,
        weights: Floats,
        choices: tuple[tuple[float, ...], ...],
        prior_weight: float,
    ) -> "Parzen":
        """Return the estimator of known vectors.

        Args:
            vectors: shape (n, parameters); n may be 0.
            weights: of the vectors, shape (n,), the prior's being `prior_weight`.
            choices: see the attribute.
            prior_weight: above 0, in units of one vector.
        """
        count, width = len(vectors), len(choices)
        centres, deviations = np.full((count + 1, width), np.nan), np.full((count + 1, width), np.nan)
        centres[:count] = vectors
        for entry, probabilities in enumerate(choices):
            if probabilities:
                continue
            known = ~np.isnan(vectors[:, entry])
            deviations[:count][known, entry] = _deviations(vectors[known, entry], prior_weight)
            missing = np.append(~known, True)
            centres[missing, entry], deviations[missing, entry] = _PRIOR_MEAN, _PRIOR_DEVIATION
        mixed = np.append(weights, prior_weight)
        return cls(
            weights=mixed / mixed.sum(),
            centres=centres,
            deviations=deviations,
            choices=choices,
            prior_weight=prior_weight,
        )

    def draw(self, rng: np.random.Generator, count: int) -> Floats:
        """Return draws, shape (count, parameters), with a value also for what may turn out to be inactive."""
        component = rng.choice(len(self.weights), size=count, p=self.weights)
        units = rng.random((count, len(self.choices)))
        centre, deviation = self.centres[component], self.deviations[component]
        low, high = ndtr(-centre / deviation), ndtr((1 - centre) / deviation)
        drawn: Floats = np.clip(centre + deviation * ndtri(low + units * (high - low)), 0.0, 1.0)
        for entry, probabilities in enumerate(self.choices):
            if probabilities:
                ends = np.cumsum(self._of_choices(entry, probabilities)[component], axis=1)
                drawn[:, entry] = np.minimum((units[:, entry, None] >= ends).sum(axis=1), len(probabilities) - 1)
        return drawn

    def log(self, points: Floats) -> Floats:
        """Return the logarithm of the density at points of shape (n, parameters), shape (n,).

        What is inactive in a point counts for nothing there.
        """
        kernels = np.zeros((len(points), len(self.weights)))
        for entry, probabilities in enumerate(self.choices):
            values = points[:, entry]
            active = ~np.isnan(values)
            if probabilities:
                table = np.log(self._of_choices(entry, probabilities))
                kernels[active] += table[:, values[active].astype(int)].T
                continue
            centre, deviation = self.centres[:, entry], self.deviations[:, entry]
            inside = ndtr((1 - centre) / deviation) - ndtr(-centre / deviation)
            offsets = (values[active, None] - centre) / deviation
            kernels[active] -= 0.5 * offsets**2 + np.log(deviation * inside * np.sqrt(2 * np.pi))
        density: Floats = logsumexp(kernels + np.log(self.weights), axis=1)
        return density

    def _of_choices(self, entry: int, probabilities: tuple[float, ...]) -> Floats:
        """Return how likely each component makes each choice, shape (n + 1, choices)."""
        centre = self.centres[:, entry]
        spread = self.prior_weight * len(probabilities) / len(centre)
        likely = np.tile(np.array(probabilities) * spread, (len(centre), 1))
        known = ~np.isnan(centre)
        likely[known, centre[known].astype(int)] += 1.0
        normalised: Floats = likely / likely.sum(axis=1, keepdims=True)
        return normalised


def _deviations(values: Floats, prior_weight: float) -> Any:
    """Return hyperopt's width of the kernel at each value, shape (n,)."""
    from hyperopt.tpe import adaptive_parzen_normal  # only TPE searches need it

    _, centres, deviations = adaptive_parzen_normal(values, prior_weight, _PRIOR_MEAN, _PRIOR_DEVIATION)
    order = np.argsort(values)
    # Among the sorted values stands the prior's mean, where it was put in.
    prior_at = int(np.searchsorted(values[order], _PRIOR_MEAN)) if len(values) != 1 else int(values[0] <= _PRIOR_MEAN)
    found = np.empty(len(values))
    found[order] = np.delete(deviations, prior_at)
    assert len(centres) == len(values) + 1
    return found
