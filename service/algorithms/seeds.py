"""Where every draw comes from: the search's seed and the trial's number, and nothing else.

So a proposal is the same on any machine, with any number of workers, before and after a recovery.
"""

import numpy as np


def draw_seed(search_seed: int, trial: int, redraw: int = 0) -> int:
    """Return a seed in [0, 2**32) for one trial.

    Args:
        search_seed: the search's seed, at least 0.
        trial: the trial's number.
        redraw: counts the draws of one trial where the first ones repeat an earlier configuration.
    """
    return int(np.random.SeedSequence([search_seed, trial, redraw]).generate_state(1, np.uint32)[0])
