"""A Gaussian process that is careful with few points. What its inputs mean is the sampler's matter (gp.py).

The process is scikit-learn's. Ours is the prior on its hyperparameters: with a dozen points the likelihood alone is
glad to call every parameter irrelevant, or all of the data noise.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from service.algorithms.samplers.fence import fenced

Array = NDArray[np.float64]

JITTER = 1e-6
"""Added to the diagonal, in units of the data's variance."""

_LENGTH_SCALE = (0.6, 1.0)
_SIGNAL_VARIANCE = (1.0, 1.0)
_NOISE_VARIANCE = (0.02, 1.5)
"""Priors: the median, and the standard deviation of the logarithm, of a log-normal."""


class Surrogate:
    """Predicts standardised losses from inputs of shape (n, d), of which each column is about one unit wide."""

    def __init__(self, dimensions: int) -> None:
        self._kernel = _kernel(dimensions)
        self._regressor: Any = None

    def fit(self, inputs: Array, targets: Array) -> Array:
        """Choose the hyperparameters of greatest posterior probability.

        Returns:
            The logarithms of the hyperparameters, for `condition`; shape (d + 2,).
        """
        regressor = _regressor_type()(kernel=self._kernel, alpha=JITTER)
        with fenced(0):  # it warns where a prior keeps a hyperparameter at its bound
            regressor.fit(inputs, targets)
        return np.asarray(regressor.kernel_.theta)

    def condition(self, hyperparameters: Array, inputs: Array, targets: Array) -> None:
        """Take in the data from which to predict."""
        kernel = self._kernel.clone_with_theta(hyperparameters)
        self._regressor = _regressor_type()(kernel=kernel, alpha=JITTER, optimizer=None)
        self._regressor.fit(inputs, targets)

    def mean(self, inputs: Array) -> Array:
        """Return the predictions, shape (n,)."""
        return np.asarray(self._regressor.predict(inputs))

    def mean_and_deviation(self, inputs: Array) -> tuple[Array, Array]:
        """Return the predictions and the standard deviations of what lies behind the noise, shape (n,) each."""
        mean, deviation = self._regressor.predict(inputs, return_std=True)
        noise = np.exp(self._regressor.kernel_.theta[-1])
        return np.asarray(mean), np.sqrt(np.maximum(deviation**2 - noise, 1e-9))


def _kernel(dimensions: int) -> Any:
    from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel

    signal = ConstantKernel(_SIGNAL_VARIANCE[0], (0.02, 50.0))
    shape = Matern(np.full(dimensions, _LENGTH_SCALE[0]), (0.02, 50.0), nu=2.5)
    return signal * shape + WhiteKernel(0.05, (1e-3, 3.0))


@cache
def _regressor_type() -> Any:
    from sklearn.gaussian_process import GaussianProcessRegressor  # takes a second, and only model searches need it

    class MapRegressor(GaussianProcessRegressor):  # type: ignore[misc]  # scikit-learn ships no types
        """Maximises likelihood times prior."""

        def log_marginal_likelihood(
            self, theta: Any = None, eval_gradient: bool = False, clone_kernel: bool = True
        ) -> Any:
            found = super().log_marginal_likelihood(theta, eval_gradient=eval_gradient, clone_kernel=clone_kernel)
            if theta is None:
                return found
            distance = (theta - _prior_mean(len(theta))) / _prior_deviation(len(theta))
            penalty = 0.5 * float(distance @ distance)
            if not eval_gradient:
                return found - penalty
            return found[0] - penalty, found[1] - distance / _prior_deviation(len(theta))

    return MapRegressor


def _prior_mean(size: int) -> Array:
    return _prior(size, *(np.log(median) for median, _ in (_SIGNAL_VARIANCE, _LENGTH_SCALE, _NOISE_VARIANCE)))


def _prior_deviation(size: int) -> Array:
    return _prior(size, *(deviation for _, deviation in (_SIGNAL_VARIANCE, _LENGTH_SCALE, _NOISE_VARIANCE)))


def _prior(size: int, signal: float, length_scale: float, noise: float) -> Array:
    """One entry for each hyperparameter, in the order of the kernel's."""
    return np.array([signal, *[length_scale] * (size - 2), noise])
