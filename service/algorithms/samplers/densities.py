"""Kernel densities over vectors: how likely a point is, and draws. Which vectors go in is the sampler's matter.

The kernels are those of statsmodels' KDEMultivariate, which hpbandster fits: a Gaussian for numbers, Aitchison and
Aitken's for choices without order. Two things differ: all points are evaluated at once, and a choice's kernel counts
all choices there are, not those among the data, so it is finite where the data has a single one.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp, ndtr, ndtri

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Density:
    """A sum of product kernels, one at each vector."""

    data: Floats
    """Centres, shape (points, parameters): numbers in [0, 1], indices of choices. Nothing is NaN."""
    bandwidths: Floats
    """Shape (parameters,). Of a number the standard deviation, of a choice the weight of all other choices together."""
    cardinalities: tuple[int, ...]
    """The number of choices of each parameter; 0: it is a number."""

    @classmethod
    def fitted(cls, data: Floats, bandwidths: Floats, cardinalities: tuple[int, ...]) -> "Density":
        """Return the density with bandwidths by a rule of thumb.

        That rule takes indices for numbers. Beyond (n - 1) / n the kernel of one of n choices would make the others
        likelier than itself, so a bandwidth ends there.
        """
        ceilings = np.array([(size - 1) / size if size else np.inf for size in cardinalities])
        return cls(data=data, bandwidths=np.minimum(bandwidths, ceilings), cardinalities=cardinalities)

    def log(self, points: Floats) -> Floats:
        """Return the logarithm of the density at points of shape (n, parameters), shape (n,)."""
        kernels = np.zeros((len(points), len(self.data)))
        for entry, (width, size) in enumerate(zip(self.bandwidths.tolist(), self.cardinalities, strict=True)):
            offsets = points[:, entry, None] - self.data[None, :, entry]
            if size:
                kernels += np.where(offsets == 0, np.log1p(-width), np.log(width / (size - 1)))
            else:
                kernels -= 0.5 * (offsets / width) ** 2 + np.log(width * np.sqrt(2 * np.pi))
        density: Floats = logsumexp(kernels, axis=1) - np.log(len(self.data))
        return density

    def draw(self, rng: np.random.Generator, count: int, factor: float) -> Floats:
        """Return draws of shape (count, parameters) from kernels that are wider by a factor, numbers cut to [0, 1]."""
        centres = self.data[rng.integers(len(self.data), size=count)]
        units, others = rng.random(centres.shape), rng.random(centres.shape)
        sizes = np.array(self.cardinalities)
        scales = self.bandwidths * factor
        low, high = ndtr(-centres / scales), ndtr((1 - centres) / scales)
        numbers = np.clip(centres + scales * ndtri(low + units * (high - low)), 0.0, 1.0)
        choices = np.where(units < 1 - self.bandwidths, centres, np.floor(others * sizes))
        drawn: Floats = np.where(sizes > 0, choices, numbers)
        return drawn


def imputed(vectors: Floats, cardinalities: tuple[int, ...], rng: np.random.Generator) -> Floats:
    """Return the vectors with a value for every inactive parameter: one of those among them, else any it can have.

    A density over all parameters needs one (Falkner et al., ICML 2018, appendix). hpbandster's own imputation leaves
    a gap where only the first parameter is inactive, and takes time quadratic in the number of vectors.
    """
    filled = vectors.copy()
    for entry, size in enumerate(cardinalities):
        column: Any = filled[:, entry]
        gaps = np.isnan(column)
        if not gaps.any():
            continue
        known = column[~gaps]
        if known.size:
            column[gaps] = rng.choice(known, size=int(gaps.sum()))
        else:
            column[gaps] = rng.integers(size, size=gaps.sum()) if size else rng.random(int(gaps.sum()))
    return filled
