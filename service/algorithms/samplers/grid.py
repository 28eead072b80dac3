"""Grid search: every distinct configuration of a finite space, once, in the space's fixed order."""

from typing import Any

from search_spaces import Space
from service.algorithms.proposals import Origin, OriginKind
from service.algorithms.samplers.base import Sampler
from service.algorithms.trials import Trials


class GridSampler(Sampler):
    """Counts through the points of the grid; enqueued configurations take no point away."""

    def __init__(self, space: Space, seed: int) -> None:
        super().__init__(space, seed)
        self._size = space.grid_size()

    def propose(self, trial: int, trials: Trials) -> tuple[dict[str, Any], Origin]:
        """Return the next point."""
        del trial
        point = trials.num_from(OriginKind.GRID)
        text = f"point {point + 1} of {self._size}"
        return self.space.grid_point(point), Origin(kind=OriginKind.GRID, text=text, data={"point": point})

    def draw(self, seed: int, trials: Trials) -> tuple[dict[str, Any], Origin]:
        """Return the next point, whatever the seed."""
        return self.propose(seed, trials)

    def exhausted(self, trials: Trials) -> bool:
        """Return whether all points were proposed."""
        return trials.num_from(OriginKind.GRID) >= self._size
