"""Random search: independent draws from the space's own distribution (Bergstra and Bengio, JMLR 13, 2012)."""

from typing import Any

from service.algorithms.proposals import Origin
from service.algorithms.samplers.base import Sampler
from service.algorithms.trials import Trials


class RandomSampler(Sampler):
    """Learns nothing."""

    def draw(self, seed: int, trials: Trials) -> tuple[dict[str, Any], Origin]:
        """Return an independent draw."""
        del trials
        return self.draw_random(seed, "drawn at random")
