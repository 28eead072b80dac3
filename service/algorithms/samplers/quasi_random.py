"""Quasi-random search: a scrambled Sobol sequence for independent draws (Bergstra and Bengio, JMLR 13, 2012, 4.3).

Its points fill the space more evenly than independent ones do, in any number of parameters at a time. The sequence is
scipy's (Joe and Kuo, SIAM J. Sci. Comput. 30(5), 2008; Owen's scrambling), scrambled by the search's seed.
"""

from typing import Any

import numpy as np

from search_spaces import Forbidden, Space
from service.algorithms.proposals import Origin, OriginKind
from service.algorithms.samplers.base import Sampler
from service.algorithms.seeds import draw_seed
from service.algorithms.trials import Trials


class QuasiRandomSampler(Sampler):
    """Counts through the sequence: a trial's point is the number of quasi-random trials before it.

    So enqueued configurations take no point away. A point may give a configuration that was tried already, as in a
    small space, or one that is forbidden; then an independent draw takes its place.
    """

    def __init__(self, space: Space, seed: int) -> None:
        super().__init__(space, seed)
        self._engine: Any = None
        self._num_parameters = len(space.vector_names)

    def propose(self, trial: int, trials: Trials) -> tuple[dict[str, Any], Origin]:
        """Return the sequence's next point; independent draws as always where that one is of no use."""
        point = trials.num_from(OriginKind.QUASI_RANDOM)
        text = f"quasi-random point {point + 1}"
        try:
            config = self.space.from_units(self._units(point))
            if trials.first_with(config) is None:
                return config, Origin(kind=OriginKind.QUASI_RANDOM, text=text, data={"point": point})
            useless = "a repetition"
        except Forbidden:
            useless = "forbidden"
        config, origin = super().propose(trial, trials)
        return config, Origin(
            kind=OriginKind.QUASI_RANDOM,
            text=f"{text} is {useless}: {origin.text}",
            data={**origin.data, "point": point},
        )

    def draw(self, seed: int, trials: Trials) -> tuple[dict[str, Any], Origin]:
        """Return an independent draw, for want of a point."""
        del trials
        return self.draw_random(seed, "drawn at random")

    def _units(self, point: int) -> "np.ndarray[Any, np.dtype[np.float64]]":
        from scipy.stats import qmc  # takes half a second, and only these searches need it

        if not self._num_parameters:
            return np.empty(0)
        if self._engine is None or self._engine.num_generated > point:
            seed = draw_seed(self.seed, 0)
            self._engine = qmc.Sobol(self._num_parameters, scramble=True, rng=np.random.default_rng(seed))
        if self._engine.num_generated < point:
            self._engine.fast_forward(point - self._engine.num_generated)
        units: np.ndarray[Any, np.dtype[np.float64]] = self._engine.random(1)[0]
        return units
