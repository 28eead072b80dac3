"""Where each trial stands on the rungs, for schedulers that take trials as they come. Who passes is their matter."""

from bisect import bisect_right


class Ladder:
    """The highest rung that each trial has answered."""

    def __init__(self, levels: tuple[int, ...]) -> None:
        self._levels = levels
        self._rung_of: dict[int, int] = {}

    def start(self, trial: int, from_epoch: int = 0) -> None:
        """Enter a trial below the first rung that it can answer: those up to where it begins are behind it."""
        self._rung_of[trial] = bisect_right(self._levels, from_epoch) - 1

    def extend(self, levels: tuple[int, ...]) -> None:
        """Put more rungs on top; those that there were stay where they are."""
        self._levels = levels

    def crossed(self, trial: int, epoch: int) -> int | None:
        """Return the highest rung at or below this epoch, if the trial has not been there.

        Rungs that a coarse reporter jumped over stay empty of it: a result of epoch 5 says nothing about epoch 1.
        """
        highest = bisect_right(self._levels, epoch) - 1
        return highest if highest > self._rung_of[trial] else None

    def reach(self, trial: int, rung: int) -> None:
        """Enter that the trial has answered a rung."""
        self._rung_of[trial] = rung

    def rung_of(self, trial: int) -> int:
        """Return the highest rung that it has answered, -1 before the first."""
        return self._rung_of[trial]
